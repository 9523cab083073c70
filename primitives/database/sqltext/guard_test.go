package sqltext_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

func TestWhatTheGuardsRefuse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		says  string // part of the reason
		texts []string
	}{
		{"set_config", []string{
			"SELECT set_config('role', 'postgres', false)", "SELECT pg_catalog . SET_Config ('a', 'b', true)",
			`SELECT "set_config"('a', 'b', false)`, "SELECT 'set_config'", "SELECT 1 -- set_config", "/* set_config */ SELECT 1",
			"SELECT 1; -- set_config", "SELECT 1; /* set_config */ ; SELECT 2; ", "DO $$ BEGIN PERFORM set_config('a','b',false); END $$",
			`SELECT U&"set\005fconfig"('role', 'postgres', false)`, `SELECT U&"set!005fconfig" /* x */ UESCAPE '!' ('a','b',true)`,
			`SELECT U&"set!+00005fconfig" UESCAPE E'!' ('a','b',true)`, `SELECT u&"SET\005fCONFIG"('a','b',true)`,
			`SET U&"x" UESCAPE E'\041' = x`, `SELECT U&"\d83d\de00"`,
			"SELECT éset_config('a')",
		}},
		{"DATABASE is not allowed", []string{
			"CREATE DATABASE x", "drop database if exists x", "ALTER/**/DATABASE x SET role = 'postgres'", "ALTER\n--x\nDATABASE x RENAME TO y",
		}},
		{"ROLE is not allowed", []string{
			"CREATE ROLE x SUPERUSER", "create user x", "ALTER USER x PASSWORD 'p'", "DROP GROUP x", "ALTER ROLE ALL SET search_path = x",
			"ALTER GROUP a ADD USER b", "CREATE USER mapping SUPERUSER", `DROP USER "mapping"`, "DROP ROLE IF EXISTS a",
		}},
		{"of a role", []string{
			"GRANT postgres TO project_admin", "GRANT a, b TO c WITH ADMIN OPTION", "REVOKE a FROM b", `GRANT "on" TO x`,
			"REVOKE ADMIN OPTION FOR a FROM b", "GRANT a TO b GRANTED BY c", "GRANT pg_read_server_files TO anon",
			"GRANT a (on) TO b",
		}},
		{"SET ", []string{
			"SET role postgres", "SET ROLE 'postgres'", "set local role none", "SET SESSION ROLE x", `SET "role" = 'postgres'`, `SET "ROLE" TO x`,
			`SET U&"r\006fle" = x`, `SET U&"r!006fle" UESCAPE '!' = x`, `SET LOCAL U&"\0072ole" TO x`,
			"SET/**/role=x", "SET\trole\nTO x", "SET\vrole TO x",
			"SET SESSION AUTHORIZATION postgres", "SET LOCAL SESSION AUTHORIZATION DEFAULT", "SET SESSION SESSION AUTHORIZATION 'x'",
			"SET session_authorization = x", "SET search_path = a, b", "SET LOCAL search_path TO x", "SET SCHEMA 'x'", "SET LOCAL SCHEMA 'x'",
			"SET search_path FROM CURRENT", "SET statement_timeout = 0", "SET SESSION statement_timeout TO '1h'", "SET Statement_Timeout=0",
			"SET client_encoding = 'SJIS'", "SET NAMES 'BIG5'", "SET NAMES", "SET standard_conforming_strings = off",
			"SET standard_conforming_strings TO DEFAULT", "SET backslash_quote = off", "SET", "SET 'x' = 1",
		}},
		{"RESET ", []string{
			"RESET ROLE", "reset all", `RESET "role"`, "RESET SESSION AUTHORIZATION", "RESET search_path", "RESET statement_timeout",
			`RESET U&"rol\0065"`, "RESET client_encoding", "RESET", "RESET session_authorization",
		}},
		{"DISCARD", []string{"DISCARD ALL", "DISCARD TEMP"}},
		{"Transaction control", []string{
			"BEGIN", "begin work", "START TRANSACTION", "COMMIT", "\ufeffCOMMIT", ";\ufeff COMMIT", "END", "END TRANSACTION", "ROLLBACK", "ABORT", "SAVEPOINT a", "RELEASE a",
			"ROLLBACK TO a", "PREPARE TRANSACTION 'x'", "COMMIT PREPARED 'x'", "ROLLBACK PREPARED 'x'", "COMMIT AND CHAIN",
			"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET LOCAL TRANSACTION READ ONLY", "SET TRANSACTION SNAPSHOT 'x'",
			"SET transaction_read_only = on", "RESET TRANSACTION ISOLATION LEVEL", "RESET transaction_isolation",
			"SELECT 1; commit; SELECT 2", "/* a */ -- b\n COMMIT", ";;COMMIT", "SELECT '\\'; COMMIT; --'",
			"SELECT E'a'\n'\\''; COMMIT; --'", "SELECT $a$ $b$ $a$; COMMIT -- $a$", "SELECT 1 /* /* */ */; COMMIT", `SELECT U&'\'; COMMIT; --'`,
			"SELECT a$$; COMMIT; SELECT $$ $$", "SELECT 1 --\rx; COMMIT", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; COMMIT",
			"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; COMMIT",
		}},
		{"does not begin", []string{`"COMMIT"`, "'a'", "1", "+", "$1", "{}"}},
	} {
		for _, text := range c.texts {
			err := sqltext.Guard(split(t, text))
			var v *sqltext.Violation
			var f *fault.Error
			if !errors.As(err, &v) || !errors.As(err, &f) || f.Status != http.StatusForbidden || f.Code != fault.Forbidden {
				t.Errorf("%s: got %v, want 403 FORBIDDEN", text, err)
				continue
			}
			if !strings.Contains(f.Message, c.says) || f.NextActions == "" || v.Statement.Text == "" {
				t.Errorf("%s: got %q (next %q), want %q", text, f.Message, f.NextActions, c.says)
			}
		}
	}
}

func TestWhatTheGuardsAllow(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "SELECT 1", "SELECT reset_config(), my_set_configuration, offset_config", "SELECT 'SET ROLE postgres; COMMIT'",
		"SELECT $$ ; COMMIT; $$", "SELECT role, search_path FROM t", "INSERT INTO role VALUES (1)", "UPDATE t SET role = 'x', search_path = 1",
		"CREATE TABLE role (database text)", "CREATE TABLE database (role text)", "DROP TABLE user_mapping", "CREATE USER MAPPING FOR a SERVER s",
		"DROP USER MAPPING IF EXISTS FOR a SERVER s", "GRANT SELECT ON t TO anon", "GRANT SELECT (a, b) ON t TO anon", "REVOKE ALL ON SCHEMA s FROM PUBLIC",
		"GRANT USAGE ON SCHEMA s TO anon, authenticated", "ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO anon",
		"CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$ SELECT 1 $$",
		"ALTER FUNCTION f() SET search_path = ''", "SET LOCAL work_mem = '64MB'", "SET TIME ZONE 'UTC'", "SET myapp.role = 'x'", `SET "myapp"."role" = 'x'`,
		"SET client_encoding = 'UTF8'", "SET NAMES 'utf-8'", "SET standard_conforming_strings = on", "SET row_security = off",
		"RESET work_mem", "RESET TIME ZONE", "SET CONSTRAINTS ALL DEFERRED", "PREPARE x AS SELECT 1", "EXECUTE x", "DO $$ BEGIN NULL; END $$",
		"CREATE EXTENSION IF NOT EXISTS vector", "VACUUM", "COMMENT ON ROLE anon IS 'x'", "ALTER TABLE t OWNER TO project_admin",
		"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", "CREATE TABLE u&\"t\\0061\" ()",
	} {
		if err := sqltext.Guard(split(t, text)); err != nil {
			t.Errorf("%s: got %v, want it to pass", text, err)
		}
	}
}
