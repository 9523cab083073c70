package pg_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const userID = "0190b3c8-0000-7000-8000-000000000001"

func as(t testing.TB, p identity.Principal) context.Context {
	t.Helper()
	return identity.With(t.Context(), p)
}

// owner runs statements as the database owner.
func owner(t testing.TB, db *pg.DB, statements ...string) {
	t.Helper()
	err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		for _, sql := range statements {
			if _, err := tx.Exec(t.Context(), sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// count returns the rows of a table, as the owner.
func count(t testing.TB, db *pg.DB, table string) (n int) {
	t.Helper()
	err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		return tx.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestATransactionRunsAsItsCallerAndLeavesNoTrace(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	type seen struct{ Current, Session, Claims, UID, Role, Email string }
	for _, tt := range []struct {
		name string
		who  identity.Principal
		want seen
	}{
		{"nobody", identity.Principal{}, seen{"anon", pg.Authenticator, "", "", "", ""}},
		{"the anon key", identity.Anonymous(identity.AnonKey), seen{"anon", pg.Authenticator, `{"role":"anon"}`, "", "anon", ""}},
		{"a user", identity.NewUser(userID, "u@x.co", map[string]any{"email": "u@x.co"}),
			seen{"authenticated", pg.Authenticator, `{"email":"u@x.co","role":"authenticated","sub":"` + userID + `"}`, userID, "authenticated", "u@x.co"}},
		{"an administrator", identity.NewAdmin(identity.Admin, "local:admin"),
			seen{"project_admin", pg.Authenticator, `{"role":"project_admin"}`, "", "project_admin", ""}},
	} {
		var got seen
		err := db.As(as(t, tt.who), func(tx pg.Tx) error {
			return tx.QueryRow(t.Context(), `
				SELECT current_user, session_user, current_setting('request.jwt.claims', true),
				       coalesce(auth.uid()::text, ''), coalesce(auth.role(), ''), coalesce(auth.email(), '')`).
				Scan(&got.Current, &got.Session, &got.Claims, &got.UID, &got.Role, &got.Email)
		})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
	conn, err := db.AcquireCaller(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	var user, claims string
	if err := conn.QueryRow(t.Context(), `SELECT current_user, coalesce(current_setting('request.jwt.claims', true), '')`).Scan(&user, &claims); err != nil {
		t.Fatal(err)
	}
	if user != pg.Authenticator || claims != "" {
		t.Errorf("after a transaction: got user %s and claims %q, want %s and none", user, claims, pg.Authenticator)
	}
}

func TestATransactionIsNamedAfterItsRequest(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, tt := range []struct{ id, want string }{
		{"", "insforge"},
		{"req-1_A", "insforge req-1_A"},
		{strings.Repeat("a", 64), "insforge " + strings.Repeat("a", 54)},
		{"'; DROP SCHEMA public; --", "insforge"},
	} {
		ctx := identity.WithCall(t.Context(), identity.Call{RequestID: tt.id})
		for name, run := range map[string]func(context.Context, func(pg.Tx) error) error{"As": db.As, "AsOwner": db.AsOwner} {
			var got string
			if err := run(ctx, func(tx pg.Tx) error {
				return tx.QueryRow(ctx, `SELECT current_setting('application_name')`).Scan(&got)
			}); err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("%s with request %q: got %q, want %q", name, tt.id, got, tt.want)
			}
		}
	}
}

func TestLeavingTheRoleGainsNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner(t, db,
		`CREATE TABLE public.notes (id int, body text)`,
		`ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY`,
		`INSERT INTO public.notes VALUES (1, 'secret')`)
	file := "'" + t.TempDir() + "/out'"
	attempts := []struct{ name, sql string }{
		{"read users", `PERFORM password FROM auth.users`},
		{"read secrets", `PERFORM value_ciphertext FROM system.secrets`},
		{"read the audit log", `PERFORM * FROM system.audit_logs`},
		{"read what proves the server", `PERFORM digest FROM system.instance`},
		{"write an audit row", `PERFORM system.record_audit('\x00', 'a', 'b', 'c', '{}', NULL)`},
		{"read a user's table", `PERFORM * FROM public.notes`},
		{"read password hashes", `PERFORM rolpassword FROM pg_authid`},
		{"create a table", `CREATE TABLE public.mine (id int)`},
		{"create a schema", `CREATE SCHEMA mine`},
		{"create a role", `CREATE ROLE mine SUPERUSER`},
		{"rise", `ALTER ROLE ` + pg.Authenticator + ` SUPERUSER`},
		{"bypass row-level security", `ALTER ROLE authenticated BYPASSRLS`},
		{"become the owner", `SET ROLE postgres`},
		{"become another session", `SET SESSION AUTHORIZATION postgres`},
		{"join the owner", `GRANT postgres TO ` + pg.Authenticator},
		{"add an extension", `CREATE EXTENSION file_fdw`},
		{"load a language", `CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE c AS 'libc', 'system'`},
		{"write a file", `EXECUTE $x$COPY (SELECT 1) TO ` + file + `$x$`},
		{"read a file", `EXECUTE $x$CREATE TEMP TABLE f (l text); COPY f FROM '/etc/passwd'$x$`},
		{"read a file by function", `PERFORM pg_read_file('/etc/passwd')`},
		{"run a program", `EXECUTE $x$COPY (SELECT 1) TO PROGRAM 'true'$x$`},
		{"write a large object to a file", `PERFORM lo_export(lo_from_bytea(0, 'x'), ` + file + `)`},
		{"load a library", `PERFORM set_config('session_preload_libraries', 'x', false)`},
		{"silence the log", `PERFORM set_config('log_min_messages', 'panic', false)`},
		{"reload the server", `PERFORM pg_reload_conf()`},
		{"end the owner's sessions", `PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres' AND pid <> pg_backend_pid()`},
		{"drop a trigger on DDL", `DROP EVENT TRIGGER insforge_schema_ddl`},
		{"replace a helper", `CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'`},
	}
	for _, who := range []identity.Principal{identity.Anonymous(identity.AnonKey), identity.NewUser(userID, "", nil)} {
		for _, tt := range attempts {
			err := db.As(as(t, who), func(tx pg.Tx) error {
				_, err := tx.Exec(t.Context(), `DO $do$ BEGIN RESET ROLE; `+tt.sql+`; END $do$`)
				return err
			})
			if pg.State(err) != "42501" {
				t.Errorf("%s, to %s: got %v, want permission denied (42501)", who.Role(), tt.name, err)
			}
		}
		// The only other roles it may take are the project's.
		var roles []string
		err := db.As(as(t, who), func(tx pg.Tx) error {
			rows, err := tx.Query(t.Context(), `
				SELECT rolname::text FROM pg_roles
				 WHERE pg_has_role(session_user, oid, 'SET') AND rolname <> session_user ORDER BY 1`)
			if err != nil {
				return err
			}
			roles, err = pgx.CollectRows(rows, pgx.RowTo[string])
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"anon", "authenticated", "project_admin"}; !slices.Equal(roles, want) {
			t.Errorf("%s can become %v, want %v", who.Role(), roles, want)
		}
	}
}

func TestEveryFailureOfPostgresHasItsAnswer(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner(t, db,
		`CREATE TABLE public.parents (id int PRIMARY KEY, name text NOT NULL, plain int)`,
		`CREATE TABLE public.children (parent int REFERENCES public.parents, age int CHECK (age > 0))`,
		`INSERT INTO public.parents VALUES (1, 'a')`)
	for _, tt := range []struct {
		name, sql string
		status    int
		code      fault.Code
	}{
		{"unique violation", `INSERT INTO parents VALUES (1, 'b')`, 409, fault.DatabaseDuplicate},
		{"foreign key violation", `INSERT INTO children VALUES (9, 1)`, 400, fault.DatabaseConstraintViolation},
		{"not null violation", `INSERT INTO parents VALUES (2)`, 400, fault.MissingField},
		{"undefined table", `SELECT FROM nowhere`, 400, fault.DatabaseValidationError},
		{"duplicate column", `ALTER TABLE parents ADD name text`, 400, fault.DatabaseValidationError},
		{"undefined column", `SELECT nothing FROM parents`, 400, fault.DatabaseValidationError},
		{"foreign key to no key", `ALTER TABLE children ADD FOREIGN KEY (age) REFERENCES parents (plain)`, 400, fault.DatabaseValidationError},
		{"datatype mismatch", `INSERT INTO parents VALUES (true, 'a')`, 400, fault.DatabaseValidationError},
		{"insufficient privilege", `SET LOCAL ROLE anon; SELECT FROM auth.users`, 403, fault.Forbidden},
		{"check violation", `INSERT INTO children VALUES (1, 0)`, 500, fault.InternalError},
		{"bad text of a value", `SELECT 'x'::int`, 500, fault.InternalError},
		{"syntax error", `SELEC`, 500, fault.InternalError},
	} {
		err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
			_, err := tx.Exec(t.Context(), tt.sql)
			return err
		})
		f := pg.Fault(err)
		if f == nil || f.Status != tt.status || f.Code != tt.code {
			t.Errorf("%s: got %+v, want %d %s", tt.name, f, tt.status, tt.code)
			continue
		}
		if message := strings.TrimSuffix(err.Error(), " (SQLSTATE "+pg.State(err)+")"); !strings.HasSuffix(message, f.Message) || f.Message == "" {
			t.Errorf("%s: got message %q, want Postgres's own of %q", tt.name, f.Message, message)
		}
		if pg.Gone(err) {
			t.Errorf("%s is taken for a lost database", tt.name)
		}
	}
	if pg.Fault(errors.New("x")) != nil || pg.Fault(nil) != nil || pg.State(nil) != "" || pg.Gone(nil) {
		t.Error("an error that is not Postgres's has an answer")
	}
}

func TestBootstrapCanBeRepeatedAndRaced(t *testing.T) {
	// Not parallel: the login is a role of the whole server, and tests that alter it
	// would collide.
	db := pgtest.New(t)
	// Another verifier would lock the other tests' pools out, so it is kept.
	var verifier string
	err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT rolpassword FROM pg_authid WHERE rolname = $1`, pg.Authenticator).Scan(&verifier)
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for range 8 {
		go func() { done <- db.Bootstrap(t.Context(), verifier, pgtest.AuditToken) }()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Errorf("got %v, want nil", err)
		}
	}
	if got := count(t, db, "system.instance"); got != 1 {
		t.Errorf("got %d proofs, want 1", got)
	}
}

// Any login may change its own settings, and SQL of a project may become it.
func TestBootstrapUndoesWhatTheLoginSet(t *testing.T) {
	// Not parallel: the login is a role of the whole server, and tests that alter it
	// would collide.
	db := pgtest.New(t)
	var verifier string
	err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT rolpassword FROM pg_authid WHERE rolname = $1`, pg.Authenticator).Scan(&verifier)
	})
	if err != nil {
		t.Fatal(err)
	}
	as := identity.With(t.Context(), identity.NewAdmin(identity.APIKey, ""))
	err = db.As(as, func(tx pg.Tx) error {
		_, err := tx.Exec(t.Context(), `
			DO $$ BEGIN
			  RESET ROLE;
			  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET work_mem = 64', session_user, current_database());
			END $$`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	settings := func() (n int) {
		t.Helper()
		err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
			return tx.QueryRow(t.Context(), `
				SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
				 WHERE d.datname = current_database() AND s.setrole = $1::regrole`, pg.Authenticator).Scan(&n)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := settings(); n != 1 {
		t.Fatalf("got %d settings of the login, want the one it made", n)
	}
	if err := db.Bootstrap(t.Context(), verifier, pgtest.AuditToken); err != nil {
		t.Fatal(err)
	}
	if n := settings(); n != 0 {
		t.Errorf("got %d settings of the login after Bootstrap, want none", n)
	}
}

func TestTheDatabaseOfAnotherProjectIsLeftAlone(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	state := func() (s string) {
		t.Helper()
		err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
			return tx.QueryRow(t.Context(), `
				SELECT encode(digest, 'hex') || (SELECT rolpassword FROM pg_authid WHERE rolname = $1)
				  FROM system.instance WHERE name = 'audit'`, pg.Authenticator).Scan(&s)
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := state()
	if err := db.Bootstrap(t.Context(), "SCRAM-SHA-256$4096:c2FsdA==$a2V5:c2VydmVy", []byte("another token")); !errors.Is(err, pg.ErrOtherProject) {
		t.Errorf("got %v, want ErrOtherProject", err)
	}
	if state() != before {
		t.Error("the other project's database was changed")
	}
}

func TestPingAsksAsTheOwnerAndAsCallers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	locked, err := pg.Open(t.Context(), pg.Config{OwnerDSN: db.OwnerDSN(), AuthenticatorPassword: "wrong hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Close()
	if err := locked.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), pg.Authenticator) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error that names the login and no password", err)
	}
}

func TestResetReplacesConnectionsThatBroke(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var before, after uint32
	remember := func(pid *uint32) func(pg.Tx) error {
		return func(tx pg.Tx) error {
			*pid = tx.Conn().PgConn().PID()
			return nil
		}
	}
	if err := db.As(t.Context(), remember(&before)); err != nil {
		t.Fatal(err)
	}
	kill(t, db, before)
	db.Reset()
	if err := db.As(t.Context(), remember(&after)); err != nil || after == before {
		t.Errorf("got backend %d (%v), want another than %d", after, err, before)
	}
}

func TestABadConnectionStringIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"postgres://u:hunter2@host:port/db", "password=hunter2 port=x", "postgres://u:hunter2@h/db?sslmode=odd"} {
		_, err := pg.Open(t.Context(), pg.Config{OwnerDSN: dsn})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want an error without the password", err)
		}
	}
}
