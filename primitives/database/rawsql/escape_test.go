package rawsql_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/database/rawsql"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// forbidden are things that the restricted route must not achieve, however
// they are dressed.
func forbidden(dir string) map[string]string {
	return map[string]string{
		"become the owner":                   `SET ROLE postgres`,
		"become another session":             `SET SESSION AUTHORIZATION postgres`,
		"become who reads files":             `SET ROLE pg_read_server_files`,
		"create a role":                      `CREATE ROLE mine SUPERUSER`,
		"rise":                               `ALTER ROLE project_admin SUPERUSER`,
		"rise as the login":                  `ALTER ROLE insforge_authenticator SUPERUSER`,
		"let users bypass row security":      `ALTER ROLE authenticated BYPASSRLS`,
		"change the owner's password":        `ALTER ROLE postgres PASSWORD 'x'`,
		"change the owner's settings":        `ALTER ROLE postgres SET session_preload_libraries = 'x'`,
		"join the owner":                     `GRANT postgres TO project_admin`,
		"join who runs programs":             `GRANT pg_execute_server_program TO project_admin`,
		"create a database":                  `CREATE DATABASE mine`,
		"change the server":                  `ALTER SYSTEM SET log_statement = 'all'`,
		"change the database":                `DO $x$ BEGIN EXECUTE format('ALTER DATABASE %I SET role = postgres', current_database()); END $x$`,
		"reload the server":                  `SELECT pg_reload_conf()`,
		"rotate the log":                     `SELECT pg_rotate_logfile()`,
		"run a program":                      `COPY (SELECT 1) TO PROGRAM 'true'`,
		"read from a program":                `CREATE TEMP TABLE x (l text); COPY x FROM PROGRAM 'id'`,
		"read a file":                        `CREATE TEMP TABLE x (l text); COPY x FROM '/etc/passwd'`,
		"write a file":                       `COPY (SELECT 1) TO '` + filepath.Join(dir, "out") + `'`,
		"read a file by function":            `SELECT pg_read_file('/etc/passwd')`,
		"read a binary file":                 `SELECT pg_read_binary_file('/etc/passwd')`,
		"list files":                         `SELECT pg_ls_dir('/')`,
		"stat a file":                        `SELECT pg_stat_file('/etc/passwd')`,
		"list the log":                       `SELECT pg_ls_logdir()`,
		"read the server's settings file":    `SELECT * FROM pg_hba_file_rules`,
		"import a file as a large object":    `SELECT lo_import('/etc/passwd')`,
		"export a large object":              `SELECT lo_export(lo_from_bytea(0, 'x'), '` + filepath.Join(dir, "lo") + `')`,
		"load a library":                     `LOAD 'auto_explain'`,
		"write functions in C":               `CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE c AS 'libc', 'system'`,
		"write internal functions":           `CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE internal AS 'int4in'`,
		"add a language":                     `CREATE LANGUAGE mine HANDLER plpgsql_call_handler`,
		"add an untrusted extension":         `CREATE EXTENSION file_fdw`,
		"add another":                        `CREATE EXTENSION dblink`,
		"and another":                        `CREATE EXTENSION adminpack`,
		"drop the product's extension":       `DROP EXTENSION pgcrypto`,
		"add an event trigger":               `CREATE FUNCTION public.e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION public.e()`,
		"silence an event trigger":           `ALTER EVENT TRIGGER insforge_schema_ddl DISABLE`,
		"drop an event trigger":              `DROP EVENT TRIGGER insforge_schema_ddl`,
		"skip triggers":                      `SET session_replication_role = replica`,
		"preload":                            `SET session_preload_libraries = 'x'`,
		"silence the log":                    `SET log_min_messages = panic`,
		"allow catalog changes":              `SET allow_system_table_mods = on`,
		"set a path of libraries":            `SET dynamic_library_path = '/tmp'`,
		"read password hashes of the server": `SELECT * FROM pg_authid`,
		"and by their view":                  `SELECT passwd FROM pg_shadow`,
		"read the proof of the server":       `SELECT * FROM system.instance`,
		"write the proof of the server":      `UPDATE system.instance SET digest = sha256('x')`,
		"write the audit log":                `INSERT INTO system.audit_logs (actor, action, module) VALUES ('a', 'b', 'c')`,
		"clean the audit log":                `DELETE FROM system.audit_logs`,
		"empty the audit log":                `TRUNCATE system.audit_logs`,
		"forge an audit row":                 `SELECT system.record_audit('\x00', 'a', 'b', 'c', '{}', NULL)`,
		"write secrets":                      `UPDATE system.secrets SET value_ciphertext = 'x'`,
		"write the sign-in settings":         `UPDATE auth.config SET disable_signup = true; INSERT INTO auth.config DEFAULT VALUES`,
		"alter the product's tables":         `ALTER TABLE auth.users ADD x int`,
		"own the product's tables":           `ALTER TABLE auth.users OWNER TO project_admin`,
		"drop the product's tables":          `DROP TABLE system.secrets CASCADE`,
		"drop the product's schema":          `DROP SCHEMA auth CASCADE`,
		"create in the product's schema":     `CREATE TABLE system.mine (a int)`,
		"replace a helper":                   `CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'`,
		"write the catalog":                  `UPDATE pg_catalog.pg_class SET relowner = 0`,
		"hand its objects to the owner":      `CREATE TABLE public.x (); ALTER TABLE public.x OWNER TO postgres`,
		"make a definer's function of its":   `CREATE FUNCTION public.d() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; ALTER FUNCTION public.d() OWNER TO postgres`,
		"take what is the owner's":           `SELECT system.reassign_public_objects_to_project_admin()`,
		"end the owner's sessions":           `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres' AND pid <> pg_backend_pid()`,
		"replicate":                          `CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p`,
		"make a replication slot":            `SELECT pg_create_physical_replication_slot('x')`,
		"reach other servers":                `CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw`,
		"make a tablespace":                  `CREATE TABLESPACE x LOCATION '/tmp'`,
		"make a cast for all":                `CREATE CAST (text AS int) WITH INOUT AS IMPLICIT`,
	}
}

// dresses are the ways to send a statement.
var dresses = map[string]func(string) string{
	"plainly": func(sql string) string { return sql },
	"in a DO block, after leaving the role": func(sql string) string {
		return `DO $do$ BEGIN EXECUTE 'RESET ROLE'; ` + plpgsql(sql) + `; END $do$`
	},
	"in a DO block, after SET ROLE NONE": func(sql string) string {
		return `DO $do$ BEGIN SET ROLE NONE; ` + plpgsql(sql) + `; END $do$`
	},
	"in a DO block, after resetting the session": func(sql string) string {
		return `DO $do$ BEGIN EXECUTE 'SET SESSION AUTHORIZATION DEFAULT'; EXECUTE 'RESET ALL'; ` + plpgsql(sql) + `; END $do$`
	},
	"through its own function that runs as its definer": func(sql string) string {
		return `CREATE OR REPLACE FUNCTION public.f() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $f$ BEGIN ` + plpgsql(sql) + `; END $f$; SELECT public.f()`
	},
}

// plpgsql executes each statement as dynamic SQL.
func plpgsql(sql string) string {
	if strings.Contains(sql, "$x$") {
		return `EXECUTE $e$` + sql + `$e$`
	}
	var out []string
	for _, s := range strings.Split(sql, "; ") {
		out = append(out, `EXECUTE $e$`+s+`$e$`)
	}
	return strings.Join(out, "; ")
}

// Whatever it tries, SQL on the restricted route is refused by a guard or by
// the server's own privileges, and leaves nothing behind.
func TestNothingIsGainedByLeavingTheRole(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	const state = `SELECT md5(string_agg(x, E'\n' ORDER BY x)) FROM (
		SELECT r::text AS x FROM pg_authid r UNION ALL SELECT m::text FROM pg_auth_members m UNION ALL SELECT e::text FROM pg_extension e
		UNION ALL SELECT s::text FROM pg_db_role_setting s UNION ALL SELECT t::text FROM pg_event_trigger t UNION ALL SELECT d.datname FROM pg_database d WHERE datname = 'mine'
		UNION ALL SELECT c.relname || c.relowner::text FROM pg_class c WHERE relnamespace IN ('system'::regnamespace, 'auth'::regnamespace)
		UNION ALL SELECT s::text FROM system.secrets s UNION ALL SELECT i::text FROM system.instance i UNION ALL SELECT a::text FROM system.audit_logs a
		UNION ALL SELECT c::text FROM auth.config c) facts`
	before := dbtest.Value[string](p.Product, state)
	for what, sql := range forbidden(t.TempDir()) {
		for how, dress := range dresses {
			a := p.run(dress(sql))
			code, _ := resttest.Member(a.Body, "error").(string)
			message, _ := resttest.Member(a.Body, "message").(string)
			refusals := []string{"permission denied", "must be", "not allowed", "cannot set parameter", "cannot be changed", "only superuser", "is not a trusted",
				"not available", "does not exist", "cannot run inside", "cannot be executed", "cannot create subscriptions", "no right", "access to library"}
			if a.Status == http.StatusOK || code == "" || !slices.ContainsFunc(refusals, func(r string) bool { return strings.Contains(strings.ToLower(message), r) }) {
				t.Errorf("%s, %s: got %d %s, want a refusal", what, how, a.Status, a.Text)
			}
		}
	}
	if after := dbtest.Value[string](p.Product, state); after != before {
		t.Error("refused SQL left a trace")
	}
	// Without its role, the session belongs to a login that may do nothing.
	a := p.run(`DO $$ BEGIN RESET ROLE; CREATE TABLE public.mine (); END $$`)
	if a.Status != http.StatusForbidden {
		t.Errorf("got %d %s, want 403", a.Status, a.Text)
	}
	p.Equal(p.rows(p.run(`SELECT current_user, session_user, auth.role() AS role, current_setting('is_superuser') AS super`)),
		`[{"current_user":"project_admin","session_user":"insforge_authenticator","role":"project_admin","super":"off"}]`)
}

// What the text says is what the server does: a statement that hides another
// is refused by the server, since each is sent as one command.
func TestStatementsCannotHideOthers(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	p.OK(p.run(`CREATE TABLE public.victim (a int)`), http.StatusOK)
	for _, sql := range []string{
		`SELECT '\'; RESET ROLE; DROP TABLE public.victim; --'`,
		`SELECT E'\'; RESET ROLE; --'`,
		`SELECT E'a' -- x
'\'; RESET ROLE; --'`,
		"SELECT 'a'\r'\\'; RESET ROLE; DROP TABLE public.victim --'",
		"SELECT 1 --\r; RESET ROLE",
		"SELECT 1 --\n; RESET ROLE",
		"SELECT 1 /* /* */ ; RESET ROLE; */ */",
		"SELECT 1 /*/ ; RESET ROLE; /*/ */ */",
		`SELECT $a$ $A$; RESET ROLE; $a$`,
		`SELECT $$ $a$ $$; RESET ROLE; SELECT $a$ $a$`,
		`SELECT 1 AS a$$; RESET ROLE; SELECT 1 AS b$$`,
		`SELECT 1 AS é$$; RESET ROLE; SELECT 1 AS b$$`,
		`SELECT U&'\'; RESET ROLE; --'`,
		`SELECT U&"\\"";" , 1; RESET ROLE; --"`,
		`SELECT 1 AS "a;"";"; RESET ROLE`,
		`SELECT N'\'; RESET ROLE; --'`,
		`SELECT x'00'; RESET ROLE; --'`,
		"SELECT 1e1E'\\''; RESET ROLE; --'",
		"SELECT 1_e'\\''; RESET ROLE; --'",
		"SELECT 0xE'\\''; RESET ROLE; --'",
		"SELECT $1e'\\''; RESET ROLE; --'",
		"SELECT 1$$; RESET ROLE; $$",
		"SELECT 1 ! -- x\n; RESET ROLE",
		"SELECT 1 +/* ; */ 2; RESET ROLE",
		"SELECT (1; RESET ROLE; )",
		"SELECT 1); RESET ROLE; (",
		"CREATE FUNCTION public.f() RETURNS int BEGIN ATOMIC SELECT 1 AS begin; END; RESET ROLE",
		"CREATE FUNCTION public.f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; RESET ROLE; END",
		"CREATE FUNCTION public.f(atomic int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT 1'; RESET ROLE; BEGIN ATOMIC; END",
		"CREATE RULE r AS ON INSERT TO public.victim DO ALSO (SELECT 1; RESET ROLE)",
		"SET standard_conforming_strings = on; SELECT '\\'; RESET ROLE; --'",
		"DO $$ BEGIN EXECUTE 'SET standard_conforming_strings = off'; END $$; SELECT '\\', '; RESET ROLE; --'",
		"DO $$ BEGIN EXECUTE 'SET client_encoding = SJIS'; END $$; SELECT '\u6a5f', '; RESET ROLE; --'",
		"\u00a0RESET ROLE", "\u3000RESET ROLE", "\ufeffRESET ROLE", "RESET\vROLE", "RESET\fROLE", "RESET\u00a0ROLE",
		"PREPARE x AS SELECT 1; RESET ROLE",
		"EXPLAIN RESET ROLE", "EXPLAIN ANALYZE RESET ROLE", "WITH a AS (RESET ROLE) SELECT 1",
		`SET "Role" = none`, `SET U&"\0072ole" = none`, "CREATE SCHEMA x RESET ROLE",
	} {
		// The role in force at the end of the text shows what ran: the login
		// itself may not read the table.
		a := p.run(sql + "\n; SELECT * FROM public.victim")
		message, _ := resttest.Member(a.Body, "message").(string)
		if a.Status != http.StatusOK && a.Status != http.StatusForbidden && a.Status != http.StatusBadRequest && a.Status != http.StatusInternalServerError ||
			strings.Contains(message, "permission denied for table victim") {
			t.Errorf("%q: got %d %s", sql, a.Status, a.Text)
		}
		if a := p.run(`SELECT count(*) FROM public.victim`); a.Status != http.StatusOK {
			t.Fatalf("%q: then got %d %s", sql, a.Status, a.Text)
		}
	}
}

// The session is the request's: nothing in it reaches the next.
func TestSessionsAreNotShared(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	look := func() resttest.Answer {
		return p.run(`SELECT current_setting('work_mem') AS mem, current_setting('my.secret', true) AS own, current_user AS role, current_setting('search_path') AS path,
			to_regclass('pg_temp.mine') IS NULL AS temp, (SELECT count(*)::int FROM pg_prepared_statements) AS prepared, (SELECT count(*)::int FROM pg_cursors) AS cursors,
			(SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks, (SELECT count(*)::int FROM pg_listening_channels()) AS channels,
			current_setting('request.jwt.claims') AS claims`)
	}
	before := p.OK(look(), http.StatusOK).Text
	for _, sql := range []string{
		`SET work_mem = '77MB'; SET my.secret = 'x'; SET "request.jwt.claims" = '{"sub":"x"}'`,
		`CREATE TEMP TABLE mine (a int)`, `PREPARE mine AS SELECT 1`, `DECLARE mine CURSOR WITH HOLD FOR SELECT 1`,
		`SELECT pg_advisory_lock(1)`, `LISTEN mine`, `SELECT setseed(0.5)`,
		`DO $$ BEGIN EXECUTE 'SET ROLE anon'; EXECUTE 'SET search_path = x'; EXECUTE 'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'; END $$`,
		`VACUUM auth.users`,
	} {
		p.OK(p.run(sql), http.StatusOK)
		if after := p.OK(look(), http.StatusOK).Text; after != before {
			t.Errorf("after %s: got\n%s, want\n%s", sql, after, before)
		}
	}
	// None is left either. A session ends after its answer, and frees its locks
	// after that.
	waitFor(t, "all sessions are closed", func() bool {
		return dbtest.Value[bool](p.Product, `SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'insforge r1' AND datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle')
			AND NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)
	})
}
