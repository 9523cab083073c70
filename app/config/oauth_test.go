package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/app/config"
)

// A provider that is added to the settings must be seeded, and its secret kept
// out of the logs.
func TestRegistrationsAreReadByProvider(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"google", "github", "discord", "linkedin", "microsoft", "x", "apple"} {
		c, err := config.Load([]string{strings.ToUpper(provider) + "_CLIENT_ID=id", strings.ToUpper(provider) + "_CLIENT_SECRET=hidden-secret"})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.OAuth.All()[provider]; got.ClientID != "id" || got.ClientSecret != "hidden-secret" {
			t.Errorf("%s: got %+v", provider, got)
		}
		if !slices.Contains(c.OAuth.Secrets(), "hidden-secret") {
			t.Errorf("%s: its secret is not among those to keep out of logs", provider)
		}
	}
}
