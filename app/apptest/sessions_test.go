package apptest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/insforge/insforge-go/app/apptest"
)

const refreshPath = "/api/auth/refresh?client_type=mobile"

// phone refreshes its session without pause and keeps the last refresh token
// that it got an answer with.
type phone struct{ token string }

func (ph *phone) refresh(ctx context.Context, p *apptest.Product) error {
	a, err := p.Call(ctx, http.MethodPost, refreshPath, "", map[string]string{"refreshToken": ph.token})
	if err != nil {
		return err
	}
	var session struct{ RefreshToken string }
	if err := json.Unmarshal(a.Body, &session); err != nil {
		return err
	}
	ph.token = session.RefreshToken
	return nil
}

func newPhone(t *testing.T, p *apptest.Product, email string) *phone {
	t.Helper()
	credentials := map[string]string{"email": email, "password": "hunter22"}
	if _, err := p.Call(t.Context(), http.MethodPost, "/api/auth/users", p.APIKey, credentials); err != nil {
		t.Fatal(err)
	}
	a, err := p.Call(t.Context(), http.MethodPost, "/api/auth/sessions?client_type=mobile", "", credentials)
	if err != nil {
		t.Fatal(err)
	}
	var session struct{ RefreshToken string }
	if err := json.Unmarshal(a.Body, &session); err != nil {
		t.Fatal(err)
	}
	return &phone{token: session.RefreshToken}
}

// Answers that a kill cut off must not log anyone out: what the phone still has
// gets the session back.
func TestKilledProductLogsNobodyOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := apptest.Start(t, dir)
	var phones []*phone
	for i := range 6 {
		phones = append(phones, newPhone(t, p, fmt.Sprintf("phone%d@example.com", i)))
	}
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		var refreshed atomic.Int64
		for _, ph := range phones {
			group.Go(func() {
				for ctx.Err() == nil && ph.refresh(ctx, p) == nil {
					refreshed.Add(1)
				}
			})
		}
		apptest.Eventually(t, recovery, "sessions are refreshed", func() error {
			if n := refreshed.Load(); n < 30 {
				return fmt.Errorf("%d times so far", n)
			}
			return nil
		})
		p.Kill(t)
		if round == 2 { // and Postgres with it
			for _, pid := range apptest.Postmasters(dir) {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		group.Wait()
		cancel()
		p = apptest.Start(t, dir)
		for i, ph := range phones {
			if err := ph.refresh(t.Context(), p); err != nil {
				t.Errorf("round %d: phone %d was logged out: %v", round, i, err)
			}
		}
	}
	p.Stop(t)
}
