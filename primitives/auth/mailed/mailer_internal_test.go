package mailed

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

func TestMailsThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	s := &Service{letters: make(chan letter, 2)}
	for range 2 {
		if err := s.post(letter{}); err != nil { // a letter without receiver takes a place as well
			t.Fatal(err)
		}
	}
	var f *fault.Error
	if err := s.post(letter{to: "a@b.co"}); !errors.As(err, &f) || f.Status != http.StatusServiceUnavailable {
		t.Errorf("got %v, want 503", err)
	}
}

func TestTheNameInAMailIsBounded(t *testing.T) {
	t.Parallel()
	for profile, want := range map[string]string{
		`{"name":"Ada"}`: "Ada", `{}`: "User", `null`: "User", ``: "User", `{"name":""}`: "User", `{"name":{"a":1}}`: "User",
		`{"name":"` + strings.Repeat("é", 300) + `"}`: strings.Repeat("é", 100),
	} {
		if got := salutation(accounts.User{Profile: json.RawMessage(profile)}); got != want {
			t.Errorf("%s: got %q, want %q", profile, got, want)
		}
	}
}
