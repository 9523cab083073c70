package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// row is what an entry leaves in system.audit_logs.
type row struct{ Actor, Action, Module, Details, IP string }

func rows(t testing.TB, db *pg.DB) (all []row) {
	t.Helper()
	err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		found, err := tx.Query(t.Context(), `
			SELECT actor, action, module, details::text, coalesce(host(ip_address), '')
			  FROM system.audit_logs
			 WHERE created_at IS NOT NULL
			 ORDER BY action`)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var r row
			if err := found.Scan(&r.Actor, &r.Action, &r.Module, &r.Details, &r.IP); err != nil {
				return err
			}
			all = append(all, r)
		}
		return found.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func caller(t testing.TB, p identity.Principal, ip string) context.Context {
	t.Helper()
	addr, _ := netip.ParseAddr(ip)
	return identity.WithCall(identity.With(t.Context(), p), identity.Call{ClientIP: addr})
}

func TestAnEntrySaysWhoDidWhatFromWhere(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	recorder := audit.NewRecorder(pgtest.AuditToken)
	apiKey, admin := identity.NewAdmin(identity.APIKey, ""), identity.NewAdmin(identity.Admin, "local:admin")
	for _, tt := range []struct {
		ctx   context.Context
		run   func(context.Context, func(pg.Tx) error) error
		entry audit.Entry
	}{
		{caller(t, apiKey, "1.2.3.4"), db.AsOwner, audit.Entry{Module: audit.Auth, Action: "A", Details: map[string]any{"n": 1, "s": `q"<é`}}},
		{caller(t, admin, "fe80::1%eth0"), db.As, audit.Entry{Module: audit.Database, Action: "B"}},
		{caller(t, identity.Principal{}, ""), db.AsOwner, audit.Entry{Module: audit.Secrets, Action: "C", Details: []string{}}},
		{caller(t, admin, "::ffff:1.2.3.4"), db.AsOwner, audit.Entry{Module: audit.Email, Action: "D", Details: struct{}{}}},
	} {
		if err := tt.run(tt.ctx, func(tx pg.Tx) error { return recorder.Record(tt.ctx, tx, tt.entry) }); err != nil {
			t.Errorf("%s: %v", tt.entry.Action, err)
		}
	}
	want := []row{
		{"api-key", "A", "AUTH", `{"n": 1, "s": "q\"<é"}`, "1.2.3.4"},
		{"local:admin", "B", "DATABASE", `null`, "fe80::1"},
		{"", "C", "SECRETS", `[]`, ""},
		{"local:admin", "D", "EMAIL", `{}`, "1.2.3.4"},
	}
	if diff := cmp.Diff(want, rows(t, db)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestARowIsCommittedOrRolledBackWithItsChange(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	recorder := audit.NewRecorder(pgtest.AuditToken)
	broken := errors.New("broken")
	err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		return errors.Join(recorder.Record(t.Context(), tx, audit.Entry{Module: audit.Auth, Action: "A"}), broken)
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want the change's own error", err)
	}
	if got := rows(t, db); len(got) != 0 {
		t.Errorf("got %v after a rollback, want nothing", got)
	}
}

func TestAFailedRowFailsTheChange(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	recorder := audit.NewRecorder(pgtest.AuditToken)
	for name, entry := range map[string]audit.Entry{
		"details that are no JSON":           {Module: audit.Auth, Action: "A", Details: func() {}},
		"details that Postgres cannot store": {Module: audit.Auth, Action: "A", Details: "\x00"},
	} {
		err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
			if _, err := tx.Exec(t.Context(), `CREATE TABLE public.changed (n int)`); err != nil {
				return err
			}
			return recorder.Record(t.Context(), tx, entry)
		})
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	var table *string
	if err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT to_regclass('public.changed')::text`).Scan(&table)
	}); err != nil || table != nil {
		t.Errorf("got table %v (%v), want the change undone", table, err)
	}
}

func TestNobodyWritesOrChangesTheLogByHand(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	real := audit.NewRecorder(pgtest.AuditToken)
	admin := caller(t, identity.NewAdmin(identity.Admin, "local:admin"), "")
	if err := db.As(admin, func(tx pg.Tx) error {
		return real.Record(admin, tx, audit.Entry{Module: audit.Auth, Action: "REAL"})
	}); err != nil {
		t.Fatal(err)
	}
	before := rows(t, db)

	for _, token := range [][]byte{nil, {}, []byte("guess"), append([]byte(nil), pgtest.AuditToken[1:]...)} {
		err := db.As(admin, func(tx pg.Tx) error {
			return audit.NewRecorder(token).Record(admin, tx, audit.Entry{Module: audit.Auth, Action: "FORGED"})
		})
		if pg.State(err) != "42501" {
			t.Errorf("forged token %q: got %v, want permission denied", token, err)
		}
	}
	for _, sql := range []string{
		`INSERT INTO system.audit_logs (actor, action, module) VALUES ('x', 'FORGED', 'AUTH')`,
		`UPDATE system.audit_logs SET actor = 'x'`,
		`DELETE FROM system.audit_logs`,
		`TRUNCATE system.audit_logs`,
		`DROP TABLE system.audit_logs`,
		`ALTER TABLE system.audit_logs DISABLE TRIGGER ALL`,
		`CREATE TRIGGER t BEFORE INSERT ON system.audit_logs FOR EACH ROW EXECUTE FUNCTION system.update_updated_at()`,
		`CREATE RULE r AS ON INSERT TO system.audit_logs DO INSTEAD NOTHING`,
		`CREATE OR REPLACE FUNCTION system.record_audit(token bytea, actor text, action text, module text, details jsonb, ip inet) RETURNS void LANGUAGE sql AS ''`,
		`SELECT digest FROM system.instance`,
		`UPDATE system.instance SET digest = sha256('guess')`,
		`CREATE FUNCTION system.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT NULL::bytea'`,
	} {
		err := db.As(admin, func(tx pg.Tx) error {
			_, err := tx.Exec(admin, sql)
			return err
		})
		if pg.State(err) != "42501" {
			t.Errorf("%s: got %v, want permission denied", sql, err)
		}
	}
	if diff := cmp.Diff(before, rows(t, db)); diff != "" {
		t.Errorf("the log changed: -before +after\n%s", diff)
	}

	// Callers below the administrator cannot even try.
	anon := caller(t, identity.Anonymous(identity.AnonKey), "")
	err := db.As(anon, func(tx pg.Tx) error {
		return real.Record(anon, tx, audit.Entry{Module: audit.Auth, Action: "ANON"})
	})
	if pg.State(err) != "42501" {
		t.Errorf("anon: got %v, want permission denied", err)
	}
}

func TestDetailsAreStoredAsSent(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	details := map[string]any{"list": []any{"a", nil, true}, "big": json.Number("12345678901234567890")}
	if err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		return audit.NewRecorder(pgtest.AuditToken).Record(t.Context(), tx, audit.Entry{Module: audit.AI, Action: "A", Details: details})
	}); err != nil {
		t.Fatal(err)
	}
	if got, want := rows(t, db)[0].Details, `{"big": 12345678901234567890, "list": ["a", null, true]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
