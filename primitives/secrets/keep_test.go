package secrets_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
)

func TestSecretsOfConfigurationsLiveAndDieWithTheirTransactions(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := open(t, db, "key")
	const key = "GOOGLE_CLIENT_SECRET"
	in := func(f func(tx pg.Tx) error) error { return db.AsOwner(t.Context(), f) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	reveal := func(id uuid.UUID) (value string) {
		must(in(func(tx pg.Tx) (err error) { value, err = s.Reveal(t.Context(), tx, id); return err }))
		return value
	}
	keep := func(value string) (id uuid.UUID, err error) {
		err = in(func(tx pg.Tx) error { id, err = s.Keep(t.Context(), tx, key, value); return err })
		return id, err
	}

	undone := errors.New("undone")
	if err := in(func(tx pg.Tx) error {
		_, err := s.Keep(t.Context(), tx, key, "lost")
		return errors.Join(err, undone)
	}); !errors.Is(err, undone) {
		t.Fatal(err)
	}
	id, err := keep("plain-1")
	must(err)
	if got := reveal(id); got != "plain-1" {
		t.Errorf("got %q, want plain-1", got)
	}
	if _, err := keep("plain-2"); !fault.Is(err, fault.SecretAlreadyExists) || strings.Contains(err.Error(), "plain") {
		t.Errorf("got %v for a key that is taken, want 409 SECRET_ALREADY_EXISTS", err)
	}
	must(in(func(tx pg.Tx) error { return s.Replace(t.Context(), tx, id, "plain-3") }))
	if got := reveal(id); got != "plain-3" {
		t.Errorf("got %q, want plain-3", got)
	}
	var stored string
	var reserved bool
	must(in(func(tx pg.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT value_ciphertext, is_reserved FROM system.secrets WHERE key = $1`, key).Scan(&stored, &reserved)
	}))
	if strings.Contains(stored, "plain") || len(strings.Split(stored, ":")) != 3 || !reserved {
		t.Errorf("got stored %q, reserved %v, want it sealed and reserved", stored, reserved)
	}
	other := open(t, db, "another key")
	err = in(func(tx pg.Tx) error { _, err := other.Reveal(t.Context(), tx, id); return err })
	if err == nil || strings.Contains(err.Error(), "plain") {
		t.Errorf("another encryption key: got %v, want an error", err)
	}
	must(in(func(tx pg.Tx) error { return s.Forget(t.Context(), tx, id) }))
	if err := in(func(tx pg.Tx) error { return s.Replace(t.Context(), tx, id, "x") }); err == nil {
		t.Error("a secret that is gone was replaced")
	}
	if err := in(func(tx pg.Tx) error { _, err := s.Reveal(t.Context(), tx, id); return err }); err == nil {
		t.Error("a secret that is gone was read")
	}
	if _, err := keep("plain-4"); err != nil {
		t.Errorf("the key of a secret that is gone: %v", err)
	}
}
