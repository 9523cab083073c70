package changes_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database/changes"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func decode(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// slow stops in its middle.
const slow = `CREATE TABLE half (n int); INSERT INTO half VALUES (1); SELECT pg_sleep(600); CREATE TABLE whole (n int)`

const asleep = `EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep')`

// migrating reports whether a session holds the lock of migrations.
const migrating = `EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`

func TestAServerProcessThatDiesLeavesNothing(t *testing.T) {
	t.Parallel()
	p := start(t)
	for what, send := range map[string]func() resttest.Answer{
		"migration": func() resttest.Answer { return p.apply("1", slow) },
		"dry run":   func() resttest.Answer { return p.dryRun(slow) },
	} {
		done := make(chan resttest.Answer)
		go func() { done <- send() }()
		p.WaitFor(`SELECT ` + asleep)
		p.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`)
		p.Refused(<-done, http.StatusServiceUnavailable, fault.UpstreamFailure, "nothing was changed")
		p.WaitFor(`SELECT NOT ` + asleep)
		p.untouched(what)
	}
	p.OK(p.apply("1", `CREATE TABLE half (n int)`), http.StatusCreated)
}

// A client whose connection is lost during the commit cannot know how it
// ended, and is told where to look.
func TestAServerProcessThatDiesInTheCommit(t *testing.T) {
	t.Parallel()
	p := start(t)
	done := make(chan resttest.Answer)
	go func() {
		done <- p.apply("1", `CREATE TABLE half (n int);
			CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS '
			BEGIN -- called before the commit, it puts the rest of its work off to the commit
			  IF NEW.n = 1 THEN SET CONSTRAINTS ALL DEFERRED; INSERT INTO half VALUES (2);
			  ELSE PERFORM pg_sleep(600);
			  END IF;
			  RETURN NULL;
			END';
			CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON half DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait();
			INSERT INTO half VALUES (1)`)
	}()
	p.WaitFor(`SELECT ` + asleep)
	p.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`)
	p.Refused(<-done, http.StatusServiceUnavailable, fault.UpstreamFailure, "while the migration was being committed")
	p.WaitFor(`SELECT NOT ` + asleep)
	p.untouched("a commit that was cut off")
}

func TestAClientThatLeavesChangesNothing(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, sql := range []string{
		slow,
		// This one ignores cancellation.
		`CREATE TABLE half (n int); DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$`,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan resttest.Answer)
		go func() { done <- p.Serve(ctx, resttest.AdminToken, "POST", "/migrations", migration("1", sql)) }()
		p.WaitFor(`SELECT ` + asleep)
		cancel()
		if a := <-done; ok(a.Status) {
			t.Errorf("got %d %s, want a failure", a.Status, a.Text)
		}
		p.WaitFor(`SELECT NOT ` + asleep)
		p.untouched(sql)
	}
	p.OK(p.apply("1", `CREATE TABLE half (n int)`), http.StatusCreated)
}

func TestTimeIsLimited(t *testing.T) {
	t.Parallel()
	p := startOn(t, pgtest.New(t), changes.Limits{Migration: 300 * time.Millisecond, DryRun: 300 * time.Millisecond})
	for _, sql := range []string{
		slow,
		// Taking the timeout away does not help.
		`CREATE TABLE half (n int); DO $$ BEGIN EXECUTE 'SET LOCAL statement_' || 'timeout = 0'; END $$; SELECT pg_sleep(600)`,
		`DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$`,
	} {
		p.Refused(p.apply("1", sql), http.StatusBadRequest, fault.DatabaseValidationError, "took longer")
		p.WaitFor(`SELECT NOT ` + asleep)
		report := p.OK(p.dryRun(sql), http.StatusOK).Body
		if resttest.Member(report, "valid") != false || resttest.Member(report, "riskLevel") != "DANGER" || resttest.Member(report, "error") == nil {
			t.Errorf("got %v, want a report of SQL that is too slow", report)
		}
		p.WaitFor(`SELECT NOT ` + asleep)
		p.untouched(sql)
	}
}

func TestLimitsOfAMigrationAreItsOwn(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Refused(p.apply("1", dbtest.LimitsItself), http.StatusBadRequest, fault.DatabaseValidationError, "canceling statement")
	report := p.OK(p.dryRun(dbtest.LimitsItself), http.StatusOK).Body
	if text, _ := resttest.Member(report, "error").(string); !strings.Contains(text, "canceling statement") {
		t.Errorf("got %v, want a report of the timeout", report)
	}
	p.untouched("a migration that ends itself")
	p.OK(p.apply("1", dbtest.LeavesLimits), http.StatusCreated)
}

func TestNobodyWaitsLongForOthers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	limits := changes.Limits{Lock: 50 * time.Millisecond, Turn: 50 * time.Millisecond}
	first, second := startOn(t, db, limits), startOn(t, db, limits)
	done := make(chan resttest.Answer)
	go func() { done <- first.apply("1", slow) }()
	first.WaitFor(`SELECT ` + asleep)
	for what, p := range map[string]product{"the same process": first, "another process": second} {
		p.Refused(p.apply("2", `CREATE TABLE other ()`), http.StatusConflict, fault.DatabaseConstraintViolation, "Other migrations")
		if n := dbtest.Value[int](p.Product, `SELECT count(*) FROM pg_class WHERE relname = 'other'`); n != 0 {
			t.Errorf("%s: the migration was run all the same", what)
		}
	}
	first.Refused(first.dryRun(`SELECT 1`), http.StatusConflict, fault.DatabaseConstraintViolation, "Other migrations")
	first.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`)
	<-done
	first.WaitFor(`SELECT NOT ` + migrating)

	first.ExecAdmin(`CREATE TABLE held (n int)`)
	err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		if _, err := tx.Exec(t.Context(), `LOCK TABLE held`); err != nil {
			return err
		}
		const sql = `ALTER TABLE held ADD COLUMN x int`
		second.Refused(second.apply("1", sql), http.StatusServiceUnavailable, fault.DatabaseInternalError, "Another transaction")
		second.Refused(second.dryRun(sql), http.StatusServiceUnavailable, fault.DatabaseInternalError, "Another transaction")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	second.OK(second.apply("1", `ALTER TABLE held ADD COLUMN x int`), http.StatusCreated)
}

func TestWithoutTheTokenNothingIsRecorded(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.OK(p.apply("1", `CREATE TABLE t (n int)`), http.StatusCreated)
	const state = `SELECT (SELECT jsonb_agg(to_jsonb(m)) FROM system.custom_migrations m WHERE version::numeric < 1000)::text || (SELECT count(*) FROM system.audit_logs WHERE details ->> 'version' = '1')::text`
	before := dbtest.Value[string](p.Product, state)
	attempts := []string{
		`INSERT INTO system.custom_migrations VALUES ('5', 'forged', '{}')`,
		`UPDATE system.custom_migrations SET name = 'forged'`,
		`DELETE FROM system.custom_migrations`,
		`TRUNCATE system.custom_migrations`,
		`DROP TABLE system.custom_migrations`,
		`ALTER TABLE system.custom_migrations DISABLE TRIGGER ALL`,
		`CREATE TRIGGER x BEFORE INSERT ON system.custom_migrations FOR EACH ROW EXECUTE FUNCTION system.update_updated_at()`,
		`CREATE RULE r AS ON INSERT TO system.custom_migrations DO INSTEAD NOTHING`,
		`LOCK TABLE system.custom_migrations IN ACCESS EXCLUSIVE MODE`,
		`SELECT FROM system.custom_migrations FOR UPDATE`,
		`SELECT system.record_migration('guess', '5', 'forged', '{}')`,
		`SELECT system.record_migration(NULL, '5', 'forged', '{}')`,
		`CREATE OR REPLACE FUNCTION system.record_migration(token bytea, version text, name text, statements text[]) RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'`,
		`CREATE FUNCTION system.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT NULL::bytea'`,
		`DELETE FROM system.audit_logs`,
	}
	version := 1000
	next := func() string {
		version++
		return strconv.Itoa(version)
	}
	try := func(sql string) {
		p.apply(next(), sql)
		p.dryRun(sql)
		if after := dbtest.Value[string](p.Product, state); after != before {
			t.Fatalf("%s: got\n%s\nwant\n%s", sql, after, before)
		}
	}
	for _, sql := range attempts {
		p.Refused(p.apply(next(), sql), http.StatusForbidden, fault.Forbidden, "")
		quoted := pgQuote(sql)
		for _, role := range []string{"RESET ROLE", "SET ROLE anon", "SET ROLE postgres", "RESET SESSION AUTHORIZATION", "SET SESSION AUTHORIZATION postgres"} {
			try(`DO $do$ BEGIN EXECUTE ` + pgQuote(role) + `; EXECUTE ` + quoted + `; EXCEPTION WHEN OTHERS THEN NULL; END $do$`)
			try(`DO $do$ BEGIN EXECUTE ` + pgQuote(role) + `; END $do$; DO $do$ BEGIN EXECUTE ` + quoted + `; EXCEPTION WHEN OTHERS THEN NULL; END $do$`)
			// At the commit, when all is written.
			try(`CREATE TABLE late (n int);
				CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN EXECUTE ` + pgQuote(role) + `; EXECUTE ` + quoted + `; RETURN NULL; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $f$;
				CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
				INSERT INTO late VALUES (1); DROP FUNCTION IF EXISTS gone()`)
			p.Exec(`DROP TABLE IF EXISTS late; DROP FUNCTION IF EXISTS late()`)
		}
	}
}

func pgQuote(sql string) string {
	out := "'"
	for _, r := range sql {
		if r == '\'' {
			out += "'"
		}
		out += string(r)
	}
	return out + "'"
}

// leavings is what SQL can leave in a session.
const leavings = `
	CREATE TEMP TABLE pg_class (n int); CREATE TEMP TABLE custom_migrations (n int);
	PREPARE mine AS SELECT 1; LISTEN mine; SELECT pg_advisory_lock(42); SET work_mem = '1MB'; DECLARE c CURSOR WITH HOLD FOR SELECT 1;
	DO $$ BEGIN EXECUTE 'SET search_' || 'path = evil, pg_catalog'; EXECUTE 'SET RO' || 'LE anon'; EXECUTE 'SET statement_' || 'timeout = ''1h'''; END $$`

func TestNothingOfASessionReachesTheNext(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`CREATE SCHEMA evil; GRANT ALL ON SCHEMA evil TO anon`)
	for range 3 {
		p.OK(p.dryRun(leavings), http.StatusOK)
	}
	p.OK(p.apply("1", leavings), http.StatusCreated)
	p.WaitFor(`SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 42)`)
	p.OK(p.apply("2", `CREATE TABLE plain (n int)`), http.StatusCreated)
	if schema := dbtest.Value[string](p.Product, `SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'plain'`); schema != "public" {
		t.Errorf("got the table in schema %s, want public", schema)
	}
}

// A function that was called through the record layer may have left something.
func TestAMigrationBeginsInACleanSession(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`CREATE SCHEMA evil; GRANT ALL ON SCHEMA evil TO anon;
		CREATE FUNCTION evil.record_migration(bytea, text, text, text[]) RETURNS timestamptz LANGUAGE sql AS 'SELECT now()';
		CREATE FUNCTION evil.pg_backend_pid() RETURNS int LANGUAGE sql AS 'SELECT 1'`)
	for range 5 {
		p.ExecAdmin(`CREATE TEMP TABLE IF NOT EXISTS pg_stat_activity (pid int, backend_start timestamptz); SET search_path = evil, pg_catalog;
			SET standard_conforming_strings = off`)
	}
	p.ExecAdmin(`SET statement_timeout = '1h'; SET default_transaction_read_only = on`)
	p.OK(p.apply("1", `CREATE TABLE plain (t text); INSERT INTO plain VALUES ('a\'); DO $$ BEGIN ASSERT current_setting('statement_timeout') <> '1h'; END $$`), http.StatusCreated)
	if got := dbtest.Value[string](p.Product, `SELECT t FROM public.plain`); got != `a\` {
		t.Errorf("got %q, want one backslash", got)
	}
}
