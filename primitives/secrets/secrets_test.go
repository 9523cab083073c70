package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/seal"
	"github.com/insforge/insforge-go/primitives/secrets"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t *testing.T, db *pg.DB, key string) *secrets.Service {
	t.Helper()
	box, err := seal.New(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := secrets.New(secrets.Deps{DB: db, Box: box, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// write sets the named reserved secrets to the given values.
func write(t *testing.T, s *secrets.Service, values map[string]string) {
	t.Helper()
	err := s.Reconcile(t.Context(), nil, func(map[string]string) (map[string]string, error) { return values, nil })
	if err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, db *pg.DB, sql string, args ...any) {
	t.Helper()
	if err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		_, err := tx.Exec(t.Context(), sql, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestValueIsSealedAtRestAndMarkedAsUsed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := open(t, db, "key")
	write(t, s, map[string]string{"API_KEY": "ik_plain"})

	got, err := s.Value(t.Context(), "API_KEY")
	if err != nil || got != "ik_plain" {
		t.Fatalf("got %q, %v, want ik_plain", got, err)
	}
	var stored string
	var used, reserved bool
	if err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT value_ciphertext, last_used_at IS NOT NULL, is_reserved FROM system.secrets WHERE key = 'API_KEY'`).
			Scan(&stored, &used, &reserved)
	}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(stored, "plain") || len(strings.Split(stored, ":")) != 3 {
		t.Errorf("got stored value %q, want iv:tag:ciphertext", stored)
	}
	if !used || !reserved {
		t.Errorf("got used %t, reserved %t, want both", used, reserved)
	}
}

func TestValueOfAbsentSecretsIsNotFound(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := open(t, db, "key")
	write(t, s, map[string]string{"GONE": "a", "OVER": "b"})
	exec(t, db, `UPDATE system.secrets SET is_active = false WHERE key = 'GONE'`)
	exec(t, db, `UPDATE system.secrets SET expires_at = now() - interval '1 second' WHERE key = 'OVER'`)
	for _, key := range []string{"GONE", "OVER", "NEVER", ""} {
		if got, err := s.Value(t.Context(), key); !fault.Is(err, fault.SecretNotFound) || got != "" {
			t.Errorf("%q: got %q, %v, want SECRET_NOT_FOUND", key, got, err)
		}
	}
	if err := s.Each(t.Context(), func(string) bool { return true }, func(key, _ string, _ time.Time) error {
		return fmt.Errorf("visited %s", key)
	}); err != nil {
		t.Error(err)
	}
}

func TestAnotherEncryptionKeyIsAClearErrorWithoutTheValue(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	write(t, open(t, db, "right"), map[string]string{"API_KEY": "ik_plain"})
	_, err := open(t, db, "wrong").Value(t.Context(), "API_KEY")
	if !errors.Is(err, seal.ErrOpen) || !strings.Contains(err.Error(), "ENCRYPTION_KEY") {
		t.Errorf("got %v, want a hint at ENCRYPTION_KEY", err)
	}
	err = open(t, db, "wrong").Reconcile(t.Context(), []string{"API_KEY"}, func(map[string]string) (map[string]string, error) {
		t.Error("decide ran on values that could not be read")
		return nil, nil
	})
	if !errors.Is(err, seal.ErrOpen) {
		t.Errorf("got %v, want ErrOpen", err)
	}
}

func TestEachVisitsMatchingReservedSecretsInOrder(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := open(t, db, "key")
	write(t, s, map[string]string{"B": "2", "A": "1", "C": "3", "USERS": "4"})
	exec(t, db, `UPDATE system.secrets SET expires_at = '2999-01-01Z' WHERE key = 'B'`)
	exec(t, db, `UPDATE system.secrets SET is_reserved = false WHERE key = 'USERS'`)
	var got []string
	err := s.Each(t.Context(), func(key string) bool { return key != "C" }, func(key, value string, expires time.Time) error {
		got = append(got, fmt.Sprintf("%s=%s %d", key, value, max(0, expires.UTC().Year())))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A=1 1", "B=2 2999"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestReconcileRevivesWhatWasDeactivated(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := open(t, db, "key")
	write(t, s, map[string]string{"K": "old"})
	exec(t, db, `UPDATE system.secrets SET is_active = false, is_reserved = false, expires_at = now() WHERE key = 'K'`)
	write(t, s, map[string]string{"K": "new"})
	if got, err := s.Value(t.Context(), "K"); err != nil || got != "new" {
		t.Errorf("got %q, %v, want new", got, err)
	}
}

func TestReconcileWritesAllOrNothing(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t), "key")
	// The column holds 255 characters, so the second insert fails.
	err := s.Reconcile(t.Context(), nil, func(map[string]string) (map[string]string, error) {
		return map[string]string{"A": "1", strings.Repeat("Z", 300): "2"}, nil
	})
	if err == nil {
		t.Fatal("got no error for a key that is too long")
	}
	if _, err := s.Value(t.Context(), "A"); !fault.Is(err, fault.SecretNotFound) {
		t.Errorf("got %v, want SECRET_NOT_FOUND: half of a failed change was kept", err)
	}
}

func TestProcessesThatReconcileAtOnceAgree(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	const processes = 6
	results := make([]string, processes)
	var group sync.WaitGroup
	for i := range processes {
		s := open(t, db, "key")
		group.Go(func() {
			err := s.Reconcile(t.Context(), []string{"K"}, func(stored map[string]string) (map[string]string, error) {
				if stored["K"] != "" {
					return nil, nil
				}
				return map[string]string{"K": fmt.Sprint("made by ", i)}, nil
			})
			if err != nil {
				t.Error(err)
			}
			results[i], err = s.Value(t.Context(), "K")
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, got := range results {
		if got != results[0] || got == "" {
			t.Fatalf("got %q, want one value for all", results)
		}
	}
}

func TestProjectAdministratorSeesCiphertextOnlyAndCannotWrite(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	write(t, open(t, db, "key"), map[string]string{"K": "plain"})
	ctx := identity.With(t.Context(), identity.NewAdmin(identity.APIKey, ""))
	as := func(ctx context.Context, sql string) error {
		return db.As(ctx, func(tx pg.Tx) error { _, err := tx.Exec(ctx, sql); return err })
	}
	if err := as(ctx, `UPDATE system.secrets SET is_active = false`); pg.State(err) != "42501" {
		t.Errorf("got %v, want 42501 for a write by the administrator's SQL", err)
	}
	if err := as(t.Context(), `SELECT FROM system.secrets`); pg.State(err) != "42501" {
		t.Errorf("got %v, want 42501 for a read by the anon role", err)
	}
}
