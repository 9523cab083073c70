package credentials_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/credentials"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// slowVault holds back the secrets that its first reader was given until
// release is closed.
type slowVault struct {
	credentials.Vault
	secrets map[string]string
	release chan struct{}
	reads   int
}

func (v *slowVault) Each(_ context.Context, _ func(string) bool, visit func(key, value string, expires time.Time) error) error {
	secrets := v.secrets
	if v.reads++; v.reads == 1 {
		<-v.release
	}
	for key, value := range secrets {
		if err := visit(key, value, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

func TestASlowReloadDoesNotUndoALaterOne(t *testing.T) {
	t.Parallel()
	pair, err := tokens.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	secrets := func(apiKey string) map[string]string {
		return map[string]string{
			"API_KEY": apiKey, "JWT_PRIVATE_KEY": pair.PrivatePEM, "JWT_PUBLIC_KEY": pair.PEM, "JWT_KEY_ID": pair.ID,
		}
	}
	synctest.Test(t, func(t *testing.T) {
		vault := &slowVault{secrets: secrets("ik_old"), release: make(chan struct{})}
		s, err := credentials.New(credentials.Deps{DB: &pg.DB{}, Vault: vault, JWTSecret: "the secret of the test, long enough", Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		reload := func() {
			if err := s.Reload(t.Context()); err != nil {
				t.Error(err)
			}
		}
		go reload()
		synctest.Wait() // the first has read the old key and is held back
		vault.secrets = secrets("ik_new")
		go reload()
		synctest.Wait() // the second waits for the first, or is done
		close(vault.release)
		synctest.Wait()
		if _, err := s.APIKey("ik_new"); err != nil {
			t.Errorf("got %v for the new API key, want it in force", err)
		}
	})
}
