package rawsql_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/database/rawsql"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestSeveralStatementsAreOneTransaction(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	p.OK(p.run(`CREATE TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO t VALUES (1)`), 200)
	for _, sql := range []string{
		`INSERT INTO t VALUES (2); SELECT 1/0; INSERT INTO t VALUES (3)`,
		`INSERT INTO t VALUES (2); CREATE TABLE u (a int); SELEC`,
		`INSERT INTO t VALUES (2); VACUUM t`,
		`INSERT INTO t VALUES (2); DO $$ BEGIN COMMIT; END $$`,
		strings.Repeat(`INSERT INTO t VALUES (2); DELETE FROM t WHERE a = 2;`, 300) + `SELECT nothing`,
	} {
		if a := p.run(sql); a.Status == http.StatusOK {
			t.Errorf("%.80s: got %s, want an error", sql, a.Text)
		}
	}
	// A deferred constraint fails before the commit, with its own answer.
	p.Refused(p.run(`INSERT INTO t VALUES (1)`), 409, fault.DatabaseDuplicate, "unique constraint")
	p.Equal(p.rows(p.run(`SELECT a, to_regclass('u') AS u FROM t`)), `[{"a":1,"u":null}]`)
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM system.audit_logs`); got != 2 {
		t.Errorf("%d audit rows, want those of what succeeded", got)
	}
	// A setting of one statement is there for the next, up to the end.
	p.OK(p.run(`SET LOCAL my.value = '7'; INSERT INTO t SELECT current_setting('my.value')::int`), 200)
	p.Equal(p.rows(p.run(`SELECT max(a) FROM t`)), `[{"max":7}]`)
}

func TestWhatTheSQLLeavesBehindHasNoSayInTheEnd(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	p.OK(p.run(`CREATE TABLE t (a int); CREATE DOMAIN jsonb AS text CHECK (value = 'never'); CREATE SCHEMA trap; CREATE DOMAIN trap.jsonb AS text CHECK (value = 'never')`), 200)
	for _, sql := range []string{
		`DO $$ BEGIN SET search_path = trap, public; END $$; INSERT INTO public.t VALUES (1)`,
		`DO $$ BEGIN EXECUTE 'RESET ROLE'; END $$`,
		`DO $$ BEGIN EXECUTE 'SET ROLE anon'; END $$`,
		`DO $$ BEGIN EXECUTE 'SET statement_timeout = ''1h'''; END $$`,
		`CREATE TEMP TABLE jsonb (a int); CREATE DOMAIN pg_temp.inet AS text CHECK (value = 'never')`,
	} {
		p.OK(p.run(sql), 200)
		p.OK(p.root(strings.ReplaceAll(sql, "RESET ROLE", "SET SESSION AUTHORIZATION anon")), 200)
	}
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM system.audit_logs`); got != 11 {
		t.Errorf("%d audit rows, want 11", got)
	}
	// What cannot be recorded does not happen.
	if a := p.run(`INSERT INTO t VALUES (2); DO $$ BEGIN EXECUTE 'SET transaction_read_only = on'; END $$`); a.Status == 200 {
		t.Errorf("got %s, want an error", a.Text)
	}
	p.Equal(p.rows(p.run(`SELECT count(*)::int FROM t WHERE a = 2`)), `[{"count":0}]`)
}

func TestLimitsOfTheSQLAreItsOwn(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	for _, run := range []func(string, ...any) resttest.Answer{p.run, p.root} {
		p.Refused(run(dbtest.LimitsItself), 400, fault.DatabaseValidationError, "canceling statement")
	}
	p.OK(p.run(dbtest.LeavesLimits), 200)
}

func TestPartitionsGetTheRowSecurityOfTheirTable(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	p.OK(p.run(dbtest.MakesPartition("parts")), 200)
	p.RowSecurity("parts_1")
	p.OK(p.root(dbtest.MakesPartition("roots")), 200)
	p.RowSecurity("roots_1")
}

func TestWhatCannotRunInATransactionRunsAlone(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	p.OK(p.run(`CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2);
		CREATE PROCEDURE halves() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (3); COMMIT; INSERT INTO t VALUES (4); ROLLBACK; END $$;
		CREATE PROCEDURE add(v int[]) LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t SELECT unnest(v); COMMIT; END $$`), 200)
	audited := dbtest.Value[int](p.Product, `SELECT count(*) FROM system.audit_logs`)
	dbtest.Announced(p.news)
	for _, c := range []struct {
		path, body string
		change     []events.Event
	}{
		{restricted, body(`VACUUM t`), nil},
		{restricted, body(`VACUUM (ANALYZE) t;`), nil},
		{restricted, body(`CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)`), []events.Event{events.DataUpdate{Resource: events.Database, Changes: []events.Change{{Type: "index"}}}}},
		{restricted, body(`REINDEX INDEX CONCURRENTLY i`), nil},
		{restricted, body(`DROP INDEX CONCURRENTLY i`), []events.Event{events.DataUpdate{Resource: events.Database, Changes: []events.Change{{Type: "index"}}}}},
		{unrestricted, body(`CALL halves()`), nil},
		{unrestricted, body(`CALL add($1)`, []int{10, 11}), nil},
		{unrestricted, body(`DO $$ BEGIN INSERT INTO t VALUES (5); COMMIT; INSERT INTO t VALUES (6); ROLLBACK; END $$`), nil},
	} {
		p.OK(p.Call(http.MethodPost, c.path, c.body), 200)
		if diff := cmp.Diff(c.change, dbtest.Announced(p.news)); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", c.body, diff)
		}
		audited++
		if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM system.audit_logs`); got != audited {
			t.Errorf("%s: %d audit rows, want %d", c.body, got, audited)
		}
	}
	p.Equal(p.rows(p.run(`SELECT array_agg(a ORDER BY a) AS a FROM t`)), `[{"a":[1,2,3,5,10,11]}]`)
	a := p.run(`CALL halves()`)
	p.Refused(a, 400, fault.DatabaseValidationError, "invalid transaction termination")
	if next, _ := resttest.Member(a.Body, "nextActions").(string); !strings.Contains(next, "/unrestricted") {
		t.Errorf("got %s, want it to say where that runs", a.Text)
	}
	p.Refused(p.run(`VACUUM t; SELECT 1`), 400, fault.DatabaseValidationError, "transaction block")
	p.Refused(p.run(`CREATE UNIQUE INDEX CONCURRENTLY j ON nowhere (a)`), 400, fault.DatabaseValidationError, "nowhere")
	p.OK(p.root(`ALTER SYSTEM RESET log_statement`), 200)
}

func TestTheRecordLayerHearsOfDDL(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	p.Exec(`DROP EVENT TRIGGER IF EXISTS insforge_schema_ddl; DROP EVENT TRIGGER IF EXISTS insforge_schema_drop`)
	heard := make(chan string, 10)
	listen(t, p.DB.OwnerDSN(), "pgrst", heard)
	for _, path := range []string{restricted, unrestricted} {
		p.OK(p.Call(http.MethodPost, path, body(`SELECT 1`)), 200)
		p.OK(p.Call(http.MethodPost, path, body(`DO $$ BEGIN CREATE TABLE IF NOT EXISTS t (); END $$`)), 200)
		if got := <-heard; got != "reload schema" {
			t.Errorf("heard %q", got)
		}
	}
	p.Exec(`NOTIFY pgrst, 'end'`)
	if got := <-heard; got != "end" {
		t.Errorf("heard %q, want nothing more", got)
	}
}

func TestUnrestrictedRunsAsTheOwner(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	p.Equal(p.rows(p.root(`SELECT current_user, session_user, auth.role() AS role, current_setting('is_superuser') AS super`)),
		`[{"current_user":"postgres","session_user":"postgres","role":null,"super":"on"}]`)
	p.OK(p.root(`INSERT INTO auth.config (disable_signup) VALUES (true)`), 200)
	p.Refused(p.root(`SET ROLE anon`), 403, fault.Forbidden, "SET role")
	p.Refused(p.root(`CREATE ROLE x`), 403, fault.Forbidden, "CREATE ROLE")
}

func TestWhatTheOwnerMakesInPublicIsHandedOver(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	p.Exec(`CREATE EXTENSION IF NOT EXISTS "uuid-ossp"`)
	p.OK(p.root(`CREATE TABLE public."My table" (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, e text);
		CREATE TABLE parts (a int) PARTITION BY LIST (a); CREATE TABLE part PARTITION OF parts DEFAULT;
		CREATE VIEW v AS SELECT 1 AS a; CREATE MATERIALIZED VIEW m AS SELECT 1 AS a; CREATE SEQUENCE s;
		CREATE FUNCTION f(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE PROCEDURE pr() LANGUAGE sql AS 'SELECT 1';
		CREATE AGGREGATE ag(int) (sfunc = int4pl, stype = int); CREATE TYPE en AS ENUM ('a'); CREATE TYPE co AS (a int); CREATE DOMAIN d AS text;
		CREATE TYPE ra AS RANGE (subtype = int); CREATE SCHEMA other; CREATE TABLE other.kept (a int)`), 200)
	left := dbtest.Value[[]string](p.Product, `
		SELECT coalesce(array_agg(x::text ORDER BY x), '{}') FROM (
		  SELECT oid::regclass::text AS x FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relowner <> 'project_admin'::regrole
		  UNION ALL SELECT oid::regtype::text FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typowner <> 'project_admin'::regrole
		  UNION ALL SELECT oid::regprocedure::text FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND proowner <> 'project_admin'::regrole
		     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype IN ('e', 'i'))) x`)
	if diff := cmp.Diff([]string{}, left); diff != "" {
		t.Errorf("left to the owner: %v", left)
	}
	if got := dbtest.Value[string](p.Product, `SELECT relowner::regrole::text FROM pg_class WHERE oid = 'other.kept'::regclass`); got != "postgres" {
		t.Errorf("a table elsewhere belongs to %s", got)
	}
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM pg_proc WHERE proname = 'uuid_generate_v4' AND proowner = 'postgres'::regrole`); got != 1 {
		t.Error("a function of an extension was handed over")
	}
	p.OK(p.run(`ALTER TABLE "My table" ADD x int; INSERT INTO "My table" (e) VALUES ('a'); DROP TYPE co; ALTER FUNCTION f(int, text) STABLE; DROP PROCEDURE pr()`), 200)
	// Without DDL nothing is looked for.
	p.Exec(`CREATE TABLE public.mine (a int)`)
	p.OK(p.root(`INSERT INTO mine VALUES (1)`), 200)
	if got := dbtest.Value[string](p.Product, `SELECT relowner::regrole::text FROM pg_class WHERE oid = 'mine'::regclass`); got != "postgres" {
		t.Errorf("a table was handed over to %s without DDL", got)
	}
}

// listen sends what is notified on channel to heard, until the test ends.
func listen(t *testing.T, dsn, channel string, heard chan<- string) {
	t.Helper()
	l := pg.NewListener(dsn, noLog)
	ready, done := make(chan struct{}, 1), make(chan error, 1)
	l.OnConnect(func() { ready <- struct{}{} })
	l.On(channel, func(payload string) { heard <- payload })
	ctx, cancel := contextOf(t)
	go func() { done <- l.Run(ctx) }()
	<-ready
	t.Cleanup(func() {
		cancel()
		<-done
	})
}
