package config_test

import (
	"strings"
	"testing"

	"github.com/insforge/insforge-go/app/config"
)

func TestRegistrationsAreReadByProvider(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"google", "github", "discord", "linkedin", "microsoft", "x", "apple"} {
		c := mustLoad(t, strings.ToUpper(name)+"_CLIENT_ID=id", strings.ToUpper(name)+"_CLIENT_SECRET=hidden")
		for _, p := range c.OAuth.Providers() {
			want := config.Registration{}
			if p.Name == name {
				want = config.Registration{ClientID: "id", ClientSecret: "hidden"}
			}
			if *p.Registration != want {
				t.Errorf("%s: got %+v for %s, want %+v", name, *p.Registration, p.Name, want)
			}
		}
	}
}
