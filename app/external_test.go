package app_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/app/apptest"
	"github.com/insforge/insforge-go/embed/bundle"
	"github.com/insforge/insforge-go/embed/postgres"
	"github.com/jackc/pgx/v5"
)

const adminPassword = `it's "theirs" %41 &/`

// theirs is a database server that the product did not start.
type theirs struct {
	*postgres.Server
	options postgres.Options
}

// startTheirs starts a server that the product does not run.
func startTheirs(t *testing.T, runtime bundle.Runtime) *theirs {
	t.Helper()
	s := &theirs{options: postgres.Options{
		DataDir: filepath.Join(openFolder(t), "data"), Runtime: runtime, Password: adminPassword,
		Port: freePort(t), MemoryBytes: 512 << 20,
	}}
	s.up(t)
	t.Cleanup(func() { s.down(t) })
	return s
}

func (s *theirs) up(t *testing.T) {
	t.Helper()
	server, err := postgres.Start(context.WithoutCancel(t.Context()), s.options)
	if err != nil {
		t.Fatal(err)
	}
	s.Server = server
	s.options.Port = server.Port
}

func (s *theirs) down(t *testing.T) {
	t.Helper()
	if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := apptest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// servers are the Postgres programs to test with: our own, and those that are
// installed on the machine.
func servers(t *testing.T) []bundle.Runtime {
	t.Helper()
	own, err := bundle.FindPostgres(t.Context(), bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := []bundle.Runtime{own}
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for _, dir := range installed {
		rt, err := bundle.FindPostgres(t.Context(), bundle.Options{PostgresDir: dir})
		if err == nil && rt.BinDir != own.BinDir {
			found = append(found, rt)
		}
	}
	return found
}

// eachServer runs a test against each of them.
func eachServer(t *testing.T, test func(t *testing.T, s *theirs)) {
	t.Helper()
	for _, rt := range servers(t) {
		t.Run("Postgres "+rt.Version, func(t *testing.T) {
			t.Parallel()
			test(t, startTheirs(t, rt))
		})
	}
}

// exec runs statements one by one as the server's administrator.
func (s *theirs) exec(t *testing.T, database string, statements ...string) {
	t.Helper()
	conn := s.login(t, s.URL(postgres.Superuser, adminPassword, database))
	defer conn.Close(t.Context())
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func (s *theirs) login(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func query[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) (v T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// managed makes a database for a user without superuser rights, as providers
// of managed Postgres do, and returns its URL.
func (s *theirs) managed(t *testing.T, name string) string {
	t.Helper()
	s.exec(t, "postgres",
		`CREATE ROLE `+name+` LOGIN CREATEROLE CREATEDB PASSWORD 'managed'`,
		`CREATE DATABASE `+name+` OWNER `+name)
	return s.URL(name, "managed", name)
}

// works checks that the product works: tables can be defined, users can sign up,
// and callers have none of the owner's rights.
func (p *process) works(t *testing.T, table string) {
	t.Helper()
	if a := p.createTable(t, table); a.Status != http.StatusCreated {
		t.Fatalf("got %+v, want 201", a)
	}
	if got := p.tables(t); !slices.Contains(got, table) {
		t.Errorf("got tables %v, want %s among them", got, table)
	}
	a := send(t, http.MethodPost, p.url+"/api/auth/users", p.secret(t, "anonKey"),
		fmt.Appendf(nil, `{"email":"%s@example.com","password":"secret-enough"}`, table))
	if a.Status != http.StatusOK {
		t.Errorf("got %+v for a sign-up, want 200", a)
	}
	if a := p.insert(t, table); a.Status != http.StatusCreated {
		t.Errorf("got %+v for a row, want 201", a)
	}
	if got := p.rows(t, table); got != 1 {
		t.Errorf("got %d rows, want 1", got)
	}
}

func TestAnExternalDatabaseByItsSuperuser(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, s *theirs) {
		s.exec(t, "postgres", `CREATE DATABASE "their db"`)
		dsn := s.URL(postgres.Superuser, adminPassword, "their db")
		dir := t.TempDir()
		p := serving(t, dir, "DATABASE_URL="+dsn).start(t).ready(t)
		p.works(t, "first")
		if strings.Contains(p.output(), "Postgres  ") {
			t.Errorf("got %q, want no address of a Postgres of our own", p.output())
		}
		if exists(dir, "postgres") {
			t.Error("a data directory of Postgres was made")
		}
		p.stop(t)

		// The same by its parts, over TCP and over the socket.
		for _, host := range []string{"127.0.0.1", s.SocketDir} {
			p = serving(t, dir, "POSTGRES_HOST="+host, "POSTGRES_PORT="+strconv.Itoa(s.Port),
				"POSTGRES_USER=postgres", "POSTGRES_PASSWORD="+adminPassword, "POSTGRES_DB=their db").start(t).ready(t)
			if got := p.tables(t); !slices.Contains(got, "first") {
				t.Errorf("got tables %v, want first among them", got)
			}
			p.stop(t)
		}
		for _, log := range []string{p.output(), readFile(t, dir, "logs", "insforge.logs.jsonl")} {
			for _, secret := range []string{adminPassword, url.QueryEscape(adminPassword), url.PathEscape(adminPassword)} {
				if strings.Contains(log, secret) {
					t.Error("the server's password is in the log")
				}
			}
		}
		conn := s.login(t, dsn)
		defer conn.Close(t.Context())
		if !query[bool](t, conn, `SELECT rolbypassrls FROM pg_roles WHERE rolname = 'project_admin'`) {
			t.Error("project_admin is subject to row-level security")
		}
		if n := query[int](t, conn, `SELECT count(*)::int FROM pg_event_trigger`); n != 4 {
			t.Errorf("got %d event triggers, want 4", n)
		}
	})
}

func readFile(t *testing.T, elem ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAnExternalDatabaseByAnOwnerWithoutSuperuserRights(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, s *theirs) {
		dsn := s.managed(t, "tenant")
		dir := t.TempDir()
		p := serving(t, dir, "DATABASE_URL="+dsn).start(t).ready(t)
		p.works(t, "first")
		conn := s.login(t, dsn)
		defer conn.Close(t.Context())
		if n := query[int](t, conn, `SELECT count(*)::int FROM pg_event_trigger`); n != 0 {
			t.Errorf("got %d event triggers, want none", n)
		}
		login := query[string](t, conn, `SELECT 'insforge_authenticator_' || oid FROM pg_database WHERE datname = current_database()`)
		if attributes := query[string](t, conn, `
			SELECT concat_ws(',', CASE WHEN rolsuper THEN 'super' END, CASE WHEN rolcreaterole THEN 'createrole' END,
			                 CASE WHEN rolcreatedb THEN 'createdb' END, CASE WHEN rolbypassrls THEN 'bypassrls' END,
			                 CASE WHEN rolinherit THEN 'inherit' END, CASE WHEN rolreplication THEN 'replication' END)
			  FROM pg_roles WHERE rolname = $1`, login); attributes != "" {
			t.Errorf("got attributes %s of the callers' login, want none", attributes)
		}
		if query[bool](t, conn, `SELECT pg_has_role($1::name, current_user, 'MEMBER')`, login) {
			t.Error("the callers' login may become the owner")
		}
		// What the provider has to add is said at each start, and by doctor.
		const remedy = "ALTER ROLE project_admin BYPASSRLS"
		if !strings.Contains(p.output(), remedy) {
			t.Errorf("got %q, want %q in it", p.output(), remedy)
		}
		if got := doctor(t, "DATABASE_URL="+dsn); !strings.Contains(got, "warn  database") || !strings.Contains(got, remedy) {
			t.Errorf("got %q from doctor, want a warning with %q", got, remedy)
		}
		p.stop(t)
		s.exec(t, "tenant", remedy)
		p = serving(t, dir, "DATABASE_URL="+dsn).start(t).ready(t)
		if strings.Contains(p.output(), remedy) {
			t.Errorf("got %q, want BYPASSRLS to be mentioned no longer", p.output())
		}
		if got := doctor(t, "DATABASE_URL="+dsn); !strings.Contains(got, "ok    database") {
			t.Errorf("got %q from doctor, want ok", got)
		}
		p.works(t, "second")
		p.stop(t)
	})
}

func doctor(t *testing.T, env ...string) string {
	t.Helper()
	cmd := apptest.Command(t, "doctor")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	return string(out)
}

func TestAnExternalDatabaseThatCannotWorkIsExplained(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, s *theirs) {
		s.exec(t, "postgres",
			`CREATE ROLE plain LOGIN PASSWORD 'p'`, `CREATE DATABASE plain OWNER plain`,
			`CREATE ROLE guest LOGIN CREATEROLE PASSWORD 'p'`, `CREATE DATABASE foreign_db`, `GRANT ALL ON DATABASE foreign_db TO guest`,
			`CREATE ROLE heir LOGIN CREATEROLE PASSWORD 'p'`, `CREATE DATABASE heir OWNER heir`,
			`CREATE DATABASE latin ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`+onlyLibc(s),
			`CREATE DATABASE frozen`, `ALTER DATABASE frozen SET default_transaction_read_only = on`,
			`CREATE DATABASE alien`, `CREATE DATABASE newer`, `CREATE DATABASE old`, `ALTER DATABASE old SET search_path = old, pg_catalog`)
		s.exec(t, "old", `CREATE SCHEMA old`, `CREATE FUNCTION old.current_setting(name text) RETURNS text LANGUAGE sql
			RETURN CASE name WHEN 'server_version_num' THEN '140011' ELSE pg_catalog.current_setting(name) END`)
		s.exec(t, "heir", `ALTER SCHEMA public OWNER TO postgres`)
		s.exec(t, "alien", `CREATE SCHEMA auth`, `CREATE TABLE auth.sessions (id int)`, `CREATE FUNCTION auth.uid() RETURNS int RETURN 1`)
		s.exec(t, "newer", `CREATE SCHEMA system`,
			`CREATE TABLE system.goose_db_version (id int, version_id bigint, is_applied boolean, tstamp timestamp)`,
			`INSERT INTO system.goose_db_version VALUES (1, 0, true), (2, 9999, true)`)
		admin := func(database string) string { return s.URL(postgres.Superuser, adminPassword, database) }
		for _, tt := range []struct {
			name, dsn string
			want      []string
		}{
			{"a wrong password", s.URL("plain", "wrong", "plain"), []string{"refuses user plain", "password authentication failed", "DATABASE_URL"}},
			{"a database that is missing", admin("missing"), []string{"has no database missing; create it"}},
			{"a user who may not create roles", s.URL("plain", "p", "plain"), []string{"may not create roles", `ALTER ROLE "plain" CREATEROLE`}},
			{"a database of another user", s.URL("guest", "p", "foreign_db"), []string{`ALTER DATABASE "foreign_db" OWNER TO "guest"`}},
			{"a schema public of another user", s.URL("heir", "p", "heir"), []string{`ALTER SCHEMA public OWNER TO "heir"`}},
			{"an encoding other than UTF-8", admin("latin"), []string{"encoding is SQL_ASCII", "CREATE DATABASE"}},
			{"a database that takes no writes", admin("frozen"), []string{"read-only", "primary"}},
			{"a server whose major version is too old", admin("old"), []string{"Postgres 14", "15 to 18"}},
			{"a schema auth of something else", admin("alien"), []string{"auth.sessions, auth.uid()", "nothing was changed"}},
			{"a database of a newer release", admin("newer"), []string{"newer release", "9999", "nothing was changed"}},
			{"a port where no server listens", "postgres://127.0.0.1:1/x", []string{"127.0.0.1:1 refuses connections"}},
			{"an unknown host name", "postgres://database.invalid/x", []string{"database.invalid:5432 cannot be found"}},
			{"a server that never answers", "postgres://" + silent(t) + "/x?connect_timeout=1", []string{"does not answer"}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				dir := t.TempDir()
				serving(t, dir, "DATABASE_URL="+tt.dsn).start(t).refused(t, tt.want...)
				if exists(dir, "postgres") {
					t.Error("a data directory of Postgres was made")
				}
			})
		}
		// Nothing was changed.
		conn := s.login(t, admin("alien"))
		defer conn.Close(t.Context())
		if query[bool](t, conn, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'system') OR EXISTS (SELECT FROM pg_roles WHERE rolname = 'anon')`) {
			t.Error("a refused start changed the database")
		}
	})
}

// onlyLibc makes a database with an encoding that other locale providers lack.
func onlyLibc(s *theirs) string {
	if s.options.Runtime.Major >= 15 {
		return " LOCALE_PROVIDER libc"
	}
	return ""
}

// silent listens and never answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestALostLedgerIsRefused(t *testing.T) {
	t.Parallel()
	s := startTheirs(t, servers(t)[0])
	dsn := s.managed(t, "tenant")
	dir := t.TempDir()
	p := serving(t, dir, "DATABASE_URL="+dsn).start(t).ready(t)
	p.works(t, "kept")
	p.stop(t)
	for _, loss := range []string{`DELETE FROM system.goose_db_version WHERE version_id > 0`, `DROP TABLE system.goose_db_version`} {
		s.exec(t, "tenant", loss)
		serving(t, dir, "DATABASE_URL="+dsn).start(t).
			refused(t, "no migration ledger (system.goose_db_version)", "auth.", "restore a backup", "nothing was changed")
	}
	conn := s.login(t, dsn)
	defer conn.Close(t.Context())
	if n := query[int](t, conn, `SELECT count(*)::int FROM auth.users`); n != 1 {
		t.Errorf("got %d users, want the one who signed up", n)
	}
}

func TestTwoProjectsOnOneServerLeaveEachOtherAlone(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, s *theirs) {
		mine, yours := s.managed(t, "mine"), s.managed(t, "yours")
		first := serving(t, t.TempDir(), "DATABASE_URL="+mine).start(t).ready(t)
		if s.options.Runtime.Major >= 16 {
			// The roles of callers belong to the user of the first database.
			serving(t, t.TempDir(), "DATABASE_URL="+yours).start(t).
				refused(t, `GRANT anon, authenticated, project_admin TO "yours" WITH ADMIN OPTION`)
			s.exec(t, "yours", `GRANT anon, authenticated, project_admin TO "yours" WITH ADMIN OPTION`)
		}
		second := serving(t, t.TempDir(), "DATABASE_URL="+yours).start(t).ready(t)
		second.works(t, "yours")
		first.works(t, "mine")
		// Connections that the first opens from now on work as well.
		s.exec(t, "postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'mine'`)
		apptest.Eventually(t, patience, "the first project works", func() error {
			if a := send(t, http.MethodGet, first.url+"/api/health", "", nil); a.Status != http.StatusOK {
				return fmt.Errorf("%+v", a)
			}
			return nil
		})
		first.works(t, "mine_again")
		first.stop(t)
		second.stop(t)
	})
}

const (
	sharedKey     = "ik_0123456789abcdef0123456789abcdef"
	sharedSecrets = `{"jwtSecret":"one-jwt-secret-for-all-of-them!!","encryptionKey":"one-encryption-key-for-all-of-them",
		"adminPassword":"one-password","apiKey":"` + sharedKey + `","anonKey":"anon_0123456789abcdef0123456789"}`
)

func TestProcessesThatShareADatabase(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, s *theirs) {
		dsn := s.managed(t, "shared")
		// All start at once on the empty database, with the same secrets.
		var all []*process
		for range 3 {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "secrets.json"), []byte(sharedSecrets), 0o600); err != nil {
				t.Fatal(err)
			}
			all = append(all, serving(t, dir, "DATABASE_URL="+dsn).start(t))
		}
		for _, p := range all {
			p.ready(t)
		}
		table := []byte(`{"tableName":"seen","columns":[{"columnName":"n","type":"integer","isNullable":true,"isUnique":false}]}`)
		if a := send(t, http.MethodPost, all[0].url+"/api/database/tables", sharedKey, table); a.Status != http.StatusCreated {
			t.Fatalf("got %+v, want 201", a)
		}
		for _, p := range all { // the others serve what one has made
			apptest.Eventually(t, patience, "the table is served", func() error {
				if a := send(t, http.MethodGet, p.url+"/api/database/records/seen", sharedKey, nil); a.Status != http.StatusOK {
					return fmt.Errorf("%+v", a)
				}
				return nil
			})
		}
		conn := s.login(t, dsn)
		defer conn.Close(t.Context())
		if n := query[int](t, conn, `SELECT (count(*) - count(DISTINCT version_id))::int FROM system.goose_db_version`); n != 0 {
			t.Errorf("%d migrations ran twice", n)
		}

		// One with another key stays out and changes nothing.
		serving(t, t.TempDir(), "DATABASE_URL="+dsn).start(t).
			refused(t, "another ENCRYPTION_KEY", "secrets.json", "nothing was changed")
		for _, p := range all {
			if a := send(t, http.MethodGet, p.url+"/api/health", "", nil); a.Status != http.StatusOK {
				t.Errorf("got %+v after another project was refused, want 200", a)
			}
			p.stop(t)
		}
	})
}

func TestTheDatabaseGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	s := startTheirs(t, servers(t)[0])
	dsn := s.managed(t, "tenant")
	dir := t.TempDir()
	p := serving(t, dir, "DATABASE_URL="+dsn).start(t).ready(t)
	p.works(t, "before")
	s.down(t)
	for _, path := range []string{"/api/database/tables", "/api/database/records/before"} {
		a := p.call(t, http.MethodGet, path, nil)
		if a.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: got %+v while the database is away, want 503", path, a)
		}
	}
	a := p.createTable(t, "during")
	for _, part := range []string{`"error":"UPSTREAM_FAILURE"`, `"statusCode":503`, `"message":"The database is not available"`, `"nextActions"`} {
		if a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Body, part) {
			t.Errorf("got %+v, want 503 with %s", a, part)
		}
	}
	status := apptest.Command(t, "status", "--data-dir", dir)
	if err := status.Run(); status.ProcessState == nil || status.ProcessState.ExitCode() != 4 {
		t.Errorf("got %v from status, want exit code 4", err)
	}
	s.up(t)
	apptest.Eventually(t, patience, "the product recovers by itself", func() error {
		if a := send(t, http.MethodGet, p.url+"/api/health", "", nil); a.Status != http.StatusOK {
			return fmt.Errorf("%+v", a)
		}
		return nil
	})
	p.works(t, "after")
	// Notifications come again too: a table made elsewhere is seen.
	conn := s.login(t, dsn)
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE public.elsewhere (n int); NOTIFY pgrst, 'reload schema'`); err != nil {
		t.Fatal(err)
	}
	apptest.Eventually(t, patience, "the new table is served", func() error {
		a := p.call(t, http.MethodGet, "/api/database/records/elsewhere", nil)
		if a.Status != http.StatusOK {
			return fmt.Errorf("%+v", a)
		}
		return nil
	})
	p.stop(t)
}

func TestTheLoginOfCallersIsChangedByOthers(t *testing.T) {
	t.Parallel()
	s := startTheirs(t, servers(t)[0])
	dsn := s.managed(t, "tenant")
	dir := t.TempDir()
	p := serving(t, dir, "DATABASE_URL="+dsn).start(t).ready(t)
	p.works(t, "before")
	conn := s.login(t, dsn)
	defer conn.Close(t.Context())
	login := query[string](t, conn, `SELECT 'insforge_authenticator_' || oid FROM pg_database WHERE datname = current_database()`)
	s.exec(t, "tenant", `ALTER ROLE `+login+` PASSWORD 'changed'`, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '`+login+`'`)
	apptest.Eventually(t, patience, "the product says that it is not healthy", func() error {
		if a := send(t, http.MethodGet, p.url+"/api/health", "", nil); a.Status != http.StatusServiceUnavailable {
			return fmt.Errorf("%+v", a)
		}
		return nil
	})
	p.stop(t)
	p = serving(t, dir, "DATABASE_URL="+dsn).start(t).ready(t)
	p.works(t, "after")
	p.stop(t)

	// A server that lets only the owner log in.
	s.exec(t, "tenant", `ALTER ROLE `+login+` CONNECTION LIMIT 0`)
	serving(t, dir, "DATABASE_URL="+dsn).start(t).refused(t, login)
}
