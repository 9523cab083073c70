package advisor_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database/advisor"
	"github.com/jackc/pgx/v5"
)

// session is a connection that does something, and its number.
func (p product) session() (*pgx.Conn, string) {
	p.t.Helper()
	conn := p.connect()
	return conn, fmt.Sprintf("session %d", conn.PgConn().PID())
}

// contains reports whether a rule found something about an object.
func contains(issues []issue, rule, severity, object string) *issue {
	for _, i := range issues {
		if i.RuleID == rule && i.Severity == severity && i.AffectedObject == object {
			return &i
		}
	}
	return nil
}

func TestAnIdleTransactionIsFoundAndEnded(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{Limits: advisor.Limits{IdleInTransaction: time.Nanosecond}})
	idle, object := p.session()
	run(t, idle, `BEGIN; SELECT 'a secret value'`)
	_, outside := p.session()

	issues := p.scan()
	found := contains(issues, "idle-in-transaction", "warning", object)
	if found == nil {
		t.Fatalf("got %v, want %s", of(issues, "idle-in-transaction"), object)
	}
	if contains(issues, "idle-in-transaction", "warning", outside) != nil {
		t.Error("a session outside a transaction was found")
	}
	if strings.Contains(fmt.Sprint(issues), "secret value") {
		t.Errorf("got %+v, want no text of statements", issues)
	}
	p.exec(found.Recommendation)
	p.gone(int(idle.PgConn().PID()))
	if left := p.scan(); contains(left, "idle-in-transaction", "warning", object) != nil {
		t.Error("after the suggested SQL the session is still found")
	}
}

func TestALongStatementIsFoundAndCancelled(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{Limits: advisor.Limits{LongQuery: time.Nanosecond}})
	busy, object := p.session()
	ended := make(chan error, 1)
	go func() {
		_, err := busy.Exec(context.Background(), `SELECT pg_sleep(600), 'a secret value'`)
		ended <- err
	}()
	p.sleeping(busy.PgConn().PID())

	issues := p.scan()
	found := contains(issues, "long-running-query", "warning", object)
	if found == nil || strings.Contains(fmt.Sprint(issues), "secret value") {
		t.Fatalf("got %+v, want %s without its text", issues, object)
	}
	if strings.Contains(fmt.Sprint(of(issues, "long-running-query")), "insforge advisor") {
		t.Error("the scan found itself")
	}
	p.exec(found.Recommendation)
	if err := <-ended; err == nil {
		t.Error("the suggested SQL did not cancel the statement")
	}
	if left := p.scan(); contains(left, "long-running-query", "warning", object) != nil {
		t.Error("after the suggested SQL the statement is still found")
	}
}

// sleeping waits until a session has begun its statement.
func (p product) sleeping(pid uint32) {
	p.t.Helper()
	look := p.connect()
	until(p.t, "the statement's start", func() bool {
		var active bool
		err := look.QueryRow(context.Background(),
			`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep')`, pid).Scan(&active)
		return err == nil && active
	})
}

func TestALockThatStopsAutovacuumIsFoundAndReleased(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{Limits: advisor.Limits{LockAge: time.Nanosecond}})
	p.exec(`CREATE TABLE public."Locked" (id int); CREATE TABLE public.shared (id int); CREATE TABLE public.read (id int);`)
	locks, _ := p.session()
	run(t, locks, `BEGIN; LOCK TABLE public."Locked" IN ACCESS EXCLUSIVE MODE; LOCK TABLE public.shared IN SHARE MODE; SELECT FROM public.read; INSERT INTO public.read VALUES (1)`)

	issues := p.scan()
	got := strings.Join(of(issues, "autovacuum-blocked"), ", ")
	if want := `critical public."Locked", warning public.shared`; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	p.exec(contains(issues, "autovacuum-blocked", "warning", "public.shared").Recommendation)
	p.gone(int(locks.PgConn().PID()))
	if left := of(p.scan(), "autovacuum-blocked"); left != nil {
		t.Errorf("after the suggested SQL, got %v, want nothing", left)
	}
}

func TestConnectionsThatRunOutAreFound(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{Limits: advisor.Limits{Connections: 0.001}})
	issues := p.scan()
	found := contains(issues, "connection-usage", "warning", "connections")
	if found == nil {
		t.Fatalf("got %+v, want the connections", issues)
	}
	p.exec(found.Recommendation)
}

func TestALowCacheHitRatioIsFound(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{Limits: advisor.Limits{CacheHitRatio: 1.1, CacheMinReads: 1}})
	p.exec(`SELECT count(*) FROM pg_class; SELECT pg_stat_force_next_flush();`)
	issues := p.scan()
	found := of(issues, "low-cache-hit-ratio")
	if len(found) != 1 || !strings.Contains(found[0], "test_") {
		t.Fatalf("got %v, want the database", found)
	}
	for _, i := range issues {
		if i.RuleID == "low-cache-hit-ratio" {
			p.exec(i.Recommendation)
		}
	}
}

func TestSlowStatementsAreFoundWithoutTheirValues(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{Limits: advisor.Limits{SlowQuery: time.Nanosecond, SlowQueryCalls: 3}})
	p.exec(`CREATE TABLE public.t (id int, name text);`)
	conn := p.connect()
	for range 3 {
		run(t, conn, `SELECT id FROM public.t WHERE name = 'a secret value';`)
	}
	for range 2 {
		run(t, conn, `SELECT 1 FROM public.t -- twice only`)
	}
	run(t, conn, `SELECT pg_stat_force_next_flush()`)

	var found *issue
	issues := p.scan()
	for _, i := range issues {
		if i.RuleID != "slow-query" {
			continue
		}
		if strings.Contains(i.Description, "FROM public.t WHERE name = $1") {
			found = &i
		}
		if strings.Contains(i.Description, "twice only") {
			t.Errorf("got %+v, want no statement of so few calls", i)
		}
	}
	if found == nil || strings.Contains(fmt.Sprint(issues), "secret value") {
		t.Fatalf("got %+v, want the statement without its value", issues)
	}
	p.exec(found.Recommendation) // EXPLAIN (GENERIC_PLAN)
	p.exec(`SELECT system.pg_stat_statements_reset(0, (SELECT oid FROM pg_database WHERE datname = current_database()), 0)`)
	if again := contains(p.scan(), "slow-query", "warning", found.AffectedObject); again != nil {
		t.Errorf("got %+v, want the statement forgotten", again)
	}
}

func TestWithoutStatementCountersNothingIsSlow(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{Limits: advisor.Limits{SlowQuery: time.Nanosecond, SlowQueryCalls: 1}})
	p.exec(`DROP EXTENSION pg_stat_statements`)
	if found := of(p.scan(), "slow-query"); found != nil {
		t.Errorf("got %v, want nothing", found)
	}
}

func TestAServerThatDoesNotLoadTheCountersIsNotAnError(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	p.exec(`DO $do$ BEGIN
		EXECUTE regexp_replace(pg_get_functiondef('system.pg_stat_statements'::regproc), 'LANGUAGE c.*',
		  'LANGUAGE plpgsql AS $f$ BEGIN RAISE object_not_in_prerequisite_state; END $f$');
	END $do$`)
	if found := of(p.scan(), "slow-query"); found != nil {
		t.Errorf("got %v, want nothing", found)
	}
}

// Not parallel: roles belong to the whole server.
func TestRolesWithTooManyRightsAreFound(t *testing.T) {
	p := start(t, advisor.Deps{})
	p.exec(`CREATE ROLE "Advisor Test" NOLOGIN; GRANT "Advisor Test" TO anon; ALTER ROLE authenticated BYPASSRLS;`)
	undo := `REVOKE "Advisor Test" FROM anon; ALTER ROLE authenticated NOBYPASSRLS; DROP ROLE "Advisor Test";`
	defer p.exec(undo)
	issues := p.scan()
	if got, want := strings.Join(of(issues, "unbounded-grant"), ", "), "critical anon, critical authenticated"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	for _, i := range issues {
		if i.RuleID == "unbounded-grant" {
			p.exec(i.Recommendation)
		}
	}
	if left := of(p.scan(), "unbounded-grant"); left != nil {
		t.Errorf("after the suggested SQL, got %v, want nothing", left)
	}
}
