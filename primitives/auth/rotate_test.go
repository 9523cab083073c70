package auth_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/auth"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// kids returns the ids of the published keys.
func (w *world) kids() (ids []string) {
	w.t.Helper()
	for _, k := range w.do("GET", "/.well-known/jwks.json", nil).OK(200).At("keys").([]any) {
		ids = append(ids, k.(map[string]any)["kid"].(string))
	}
	return ids
}

// process is another process on the same database and vault.
func (w *world) process() *auth.Service {
	w.t.Helper()
	other, err := auth.New(w.deps())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := other.Reload(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return other
}

const rotatePath = "/api/auth/keys/jwt/rotate"

func TestRotationSignsNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.kids()
	s := w.signUp("a@b.co")
	third := thirdParty(`{"sub":"` + s.id + `"}`)
	a := w.do("POST", rotatePath, nil, bearer(apiKey)).OK(200)
	if got, want := a.Names(), "keyId previousKeyId previousKeyValidUntil"; got != want || a.String("previousKeyId") != before[0] {
		t.Errorf("got %s, want keys %s and the previous key %s", a.Text, want, before[0])
	}
	if got, want := w.kids(), []string{a.String("keyId"), before[0]}; !slices.Equal(got, want) {
		t.Errorf("got published keys %v, want %v", got, want)
	}
	fresh := s.next(w.refresh(s))
	for _, token := range []string{s.access, fresh.access, third} {
		w.do("GET", "/api/auth/sessions/current", nil, bearer(token)).OK(200)
	}
	w.clock.Advance(15 * time.Minute) // the last token of the old key has expired
	fresh = fresh.next(w.refresh(fresh))
	w.clock.Advance(2 * time.Minute)
	if got, want := w.kids(), []string{a.String("keyId")}; !slices.Equal(got, want) {
		t.Errorf("got published keys %v, want %v", got, want)
	}
	w.do("GET", "/api/auth/sessions/current", nil, bearer(fresh.access)).OK(200)
	w.restart()
	w.do("GET", "/api/auth/sessions/current", nil, bearer(fresh.access)).OK(200)
	if n := w.count(`SELECT count(*) FROM system.audit_logs WHERE action = 'ROTATE_SIGNING_KEY' AND details ->> 'revoked' = 'false' AND details::text NOT LIKE '%PRIVATE%'`); n != 1 {
		t.Errorf("got %d audit rows, want 1", n)
	}
}

func TestRevokedKeyStopsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).OK(200) // remembered as good
	w.do("POST", rotatePath, nil, bearer(apiKey)).OK(200)
	w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).OK(200)
	a := w.do("POST", rotatePath, `{"revokeOld":true}`, bearer(apiKey)).OK(200)
	if a.At("previousKeyValidUntil") != nil || len(w.kids()) != 1 {
		t.Errorf("got %s and published keys %v, want the new one only", a.Text, w.kids())
	}
	w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).Refused(401, fault.AuthUnauthorized, "Invalid token")
	s = s.next(w.refresh(s)) // the session goes on
	w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).OK(200)
	w.do("POST", rotatePath, `{"revokeOld":"yes"}`, bearer(apiKey)).Refused(400, invalid, "revokeOld: Expected boolean, received string")
}

// leavingVault makes the caller leave as soon as secrets are written.
type leavingVault struct {
	*memoryVault
	leave func()
}

func (v leavingVault) Reconcile(ctx context.Context, keys []string, decide func(map[string]string) (map[string]string, error)) error {
	defer v.leave()
	return v.memoryVault.Reconcile(ctx, keys, decide)
}

func TestRotationIsCompleteAlthoughItsCallerLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	before := w.kids()
	ctx, leave := context.WithCancel(t.Context())
	vault := leavingVault{w.vault, func() {}}
	w.restart(func(d *auth.Deps) { d.Vault = &vault })
	vault.leave = leave
	r := httptest.NewRequestWithContext(ctx, "POST", rotatePath, strings.NewReader(`{"revokeOld":true}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+apiKey)
	w.handler().ServeHTTP(httptest.NewRecorder(), r)
	if ctx.Err() == nil {
		t.Fatal("the caller is still there")
	}
	if after := w.kids(); len(after) != 1 || after[0] == before[0] {
		t.Errorf("got published keys %v, want one that is not %s", after, before[0])
	}
	w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).Refused(401, fault.AuthUnauthorized, "Invalid token")
	if n := w.count(`SELECT count(*) FROM system.audit_logs WHERE action = 'ROTATE_SIGNING_KEY'`); n != 1 {
		t.Errorf("got %d audit rows, want 1", n)
	}
}

func TestOtherProcessesFollowARotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.process()
	s := w.signUp("a@b.co")
	w.do("POST", rotatePath, nil, bearer(apiKey)).OK(200)
	s = s.next(w.refresh(s))
	var group sync.WaitGroup
	for range 10 { // all at once: one looks, the others wait for it
		group.Go(func() {
			if _, err := other.AccessToken(t.Context(), s.access); err != nil {
				t.Errorf("got %v for a token of the new key, want none", err)
			}
		})
	}
	group.Wait()
	// Made-up keys make it look, but not all the time.
	w.do("POST", rotatePath, nil, bearer(apiKey)).OK(200)
	s = s.next(w.refresh(s))
	if _, err := other.AccessToken(t.Context(), s.access); !fault.Is(err, fault.AuthUnauthorized) {
		t.Errorf("got %v right after the last look, want AUTH_UNAUTHORIZED", err)
	}
	w.clock.Advance(5 * time.Second)
	if _, err := other.AccessToken(t.Context(), s.access); err != nil {
		t.Errorf("got %v for a token of the newest key, want none", err)
	}
}

func TestConcurrentRotationsKeepEveryKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { w.do("POST", rotatePath, nil, bearer(apiKey)).OK(200) })
	}
	group.Wait()
	if got := w.kids(); len(got) != 5 {
		t.Errorf("got published keys %v, want all five", got)
	}
	w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).OK(200)
	for range 4 {
		w.do("POST", rotatePath, nil, bearer(apiKey)).OK(200)
	}
	w.do("POST", rotatePath, nil, bearer(apiKey)).Refused(429, fault.TooManyRequests, "rotated too often")
	w.clock.Advance(17 * time.Minute)
	w.do("POST", rotatePath, nil, bearer(apiKey)).OK(200)
	if got := w.kids(); len(got) != 2 {
		t.Errorf("got published keys %v, want two", got)
	}
}

func TestDamagedListOfRetiredKeysIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.vault.values["JWT_RETIRED_KEYS"] = "secret nonsense"
	err := w.auth.Reload(t.Context())
	if text := fmt.Sprint(err); err == nil || !strings.Contains(text, "JWT_RETIRED_KEYS") || strings.Contains(text, "nonsense") {
		t.Errorf("got %v, want the name of the secret and not its value", err)
	}
	w.do("POST", rotatePath, nil, bearer(apiKey)).Refused(500, fault.InternalError, "")
	w.signUp("a@b.co") // what was loaded stays in force
}
