package credentials_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/credentials"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// vault answers with the secrets that it has when it is asked.
type vault struct {
	credentials.Vault
	secrets map[string]string
	// hold runs before the answer to the read with this number.
	hold  func(ctx context.Context, read int)
	reads int
}

func (v *vault) Each(ctx context.Context, _ func(string) bool, visit func(key, value string, expires time.Time) error) error {
	secrets := v.secrets
	v.reads++
	if v.hold != nil {
		v.hold(ctx, v.reads)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for key, value := range secrets {
		if err := visit(key, value, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

const jwtSecret = "the secret of the tests, long enough"

func generate(t *testing.T) tokens.KeyPair {
	t.Helper()
	pair, err := tokens.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func secrets(apiKey string, pair tokens.KeyPair) map[string]string {
	return map[string]string{
		"API_KEY": apiKey, "JWT_PRIVATE_KEY": pair.PrivatePEM, "JWT_PUBLIC_KEY": pair.PEM, "JWT_KEY_ID": pair.ID,
	}
}

func newService(t *testing.T, v credentials.Vault) *credentials.Service {
	t.Helper()
	s, err := credentials.New(credentials.Deps{DB: &pg.DB{}, Vault: v, JWTSecret: jwtSecret, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASlowReloadDoesNotUndoALaterOne(t *testing.T) {
	t.Parallel()
	pair := generate(t)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		v := &vault{secrets: secrets("ik_old", pair), hold: func(_ context.Context, read int) {
			if read == 1 {
				<-release
			}
		}}
		s := newService(t, v)
		reload := func() {
			if err := s.Reload(t.Context()); err != nil {
				t.Error(err)
			}
		}
		go reload()
		synctest.Wait() // the first has read the old key and is held back
		v.secrets = secrets("ik_new", pair)
		go reload()
		synctest.Wait() // the second waits for the first, or is done
		close(release)
		synctest.Wait()
		if _, err := s.APIKey("ik_new"); err != nil {
			t.Errorf("got %v for the new API key, want it in force", err)
		}
	})
}

// accessToken returns a token that another process signed with a new key.
func accessToken(t *testing.T, pair tokens.KeyPair) string {
	t.Helper()
	a, err := tokens.New(tokens.Config{Secret: jwtSecret, Signing: pair, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	token, err := a.Access("5f0c3d1e-8a4b-4c6d-9e2f-1a2b3c4d5e6f", "a@b.co", "authenticated", "")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestACallerWhoLeavesKeepsNoOneFromANewKey(t *testing.T) {
	t.Parallel()
	pair, next := generate(t), generate(t)
	synctest.Test(t, func(t *testing.T) {
		v := &vault{secrets: secrets("ik_test", pair)}
		s := newService(t, v)
		if err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		v.secrets = secrets("ik_test", next)
		token := accessToken(t, next)
		gone, leave := context.WithCancel(t.Context())
		leave()
		_, _ = s.AccessToken(gone, token)
		if _, err := s.AccessToken(t.Context(), token); err != nil {
			t.Errorf("got %v for a token of the new key, want none", err)
		}
	})
}

func TestAStuckVaultHoldsBackNoOneForLong(t *testing.T) {
	t.Parallel()
	pair, next := generate(t), generate(t)
	synctest.Test(t, func(t *testing.T) {
		v := &vault{secrets: secrets("ik_test", pair)}
		s := newService(t, v)
		if err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		v.hold = func(ctx context.Context, _ int) { <-ctx.Done() }
		token, start := accessToken(t, next), time.Now()
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if _, err := s.AccessToken(t.Context(), token); !fault.Is(err, fault.AuthUnauthorized) {
					t.Errorf("got %v for a token of an unknown key, want AUTH_UNAUTHORIZED", err)
				}
			})
		}
		group.Wait()
		if waited := time.Since(start); waited > time.Minute || v.reads != 2 {
			t.Errorf("got an answer after %v and %d reads, want one attempt within a minute", waited, v.reads-1)
		}
		if _, err := s.AccessToken(t.Context(), accessToken(t, pair)); err != nil {
			t.Errorf("got %v for a token of the key in force, want none", err)
		}
		if err := s.Reload(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v from a reload, want that it gave up", err)
		}
	})
}
