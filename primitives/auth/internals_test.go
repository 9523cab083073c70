package auth

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

func TestCacheIsBoundedAndForgetsExpiredTokens(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	c := newCache()
	key := func(i int) [sha256.Size]byte { return sha256.Sum256(fmt.Append(nil, i)) }
	user := identity.NewUser("u", "", nil)
	c.put(key(0), user, now.Add(time.Minute))
	for i := 1; i <= 5*generationSize; i++ {
		c.put(key(i), user, time.Time{})
		if _, ok := c.get(key(0), now); !ok {
			t.Fatalf("a token in use was forgotten after %d others", i)
		}
	}
	if _, ok := c.get(key(1), now); ok {
		t.Error("a token that nobody used was kept")
	}
	if _, ok := c.get(key(0), now.Add(time.Minute)); ok {
		t.Error("an expired token was found")
	}
	if _, ok := c.get(key(5*generationSize), now.AddDate(1, 0, 0)); !ok {
		t.Error("a token that does not expire was forgotten")
	}
}

func TestMailsThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	s := &Service{letters: make(chan letter, 2)}
	for range 2 {
		if err := s.post(letter{}); err != nil { // a letter to nobody takes a place as well
			t.Fatal(err)
		}
	}
	wantBusy(t, s.post(letter{to: "a@b.co"}))
}

func TestTheNameInAMailIsBounded(t *testing.T) {
	t.Parallel()
	for profile, want := range map[string]string{
		`{"name":"Ada"}`: "Ada", `{}`: "User", `null`: "User", ``: "User", `{"name":""}`: "User", `{"name":{"a":1}}`: "User",
		`{"name":"` + strings.Repeat("é", 300) + `"}`: strings.Repeat("é", 100),
	} {
		if got := salutation(User{Profile: json.RawMessage(profile)}); got != want {
			t.Errorf("%s: got %q, want %q", profile, got, want)
		}
	}
}

func wantBusy(t *testing.T, err error) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Status != http.StatusServiceUnavailable {
		t.Errorf("got %v, want 503", err)
	}
}
