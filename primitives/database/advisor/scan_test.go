package advisor_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database/advisor"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
)

// stall makes scans wait at the first rule about policies until release.
func (p product) stall() (release func()) {
	p.t.Helper()
	conn := p.connect()
	run(p.t, conn, `BEGIN; LOCK TABLE pg_policy IN ACCESS EXCLUSIVE MODE`)
	return func() { run(p.t, conn, `ROLLBACK`) }
}

// scanner waits until a scan waits for that lock and returns its session.
func (p product) scanner() (pid int) {
	p.t.Helper()
	look := p.connect()
	until(p.t, "a scan that waits", func() bool {
		err := look.QueryRow(context.Background(), `
			SELECT pid FROM pg_stat_activity
			 WHERE datname = current_database() AND application_name = 'insforge advisor' AND wait_event_type = 'Lock'`).Scan(&pid)
		return err == nil
	})
	return pid
}

// gone waits until a session has ended and given its locks back, which is
// after its client heard of it.
func (p product) gone(pid int) {
	p.t.Helper()
	look := p.connect()
	until(p.t, "the end of a session", func() bool {
		var there bool
		err := look.QueryRow(context.Background(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)`, pid).Scan(&there)
		return err == nil && !there
	})
}

func TestOneScanRunsAtATime(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	other := start(t, advisor.Deps{DB: p.db}) // another process on the database
	release := p.stall()
	id := p.begin()
	p.scanner()
	for _, process := range []product{p, other} {
		process.refused("POST", "/scan", "", http.StatusConflict, fault.DatabaseConstraintViolation, "running")
		if s := process.latest(); s.ScanID != id || s.Status != "running" || s.ScanType != "manual" || s.ErrorMessage != nil {
			t.Errorf("got %+v, want the running scan", s)
		}
	}
	release()
	if s := p.ended(id); s.Status != "completed" {
		t.Errorf("got %+v, want a completed scan", s)
	}
	other.scan()
}

func TestOfManyRequestsAtOnceOneStartsAScan(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	release := p.stall()
	var wg sync.WaitGroup
	statuses := make([]int, 6)
	for i := range statuses {
		wg.Go(func() { statuses[i] = p.Call("POST", "/scan", "").Status })
	}
	wg.Wait()
	started := 0
	for _, s := range statuses {
		switch s {
		case http.StatusCreated:
			started++
		case http.StatusConflict:
		default:
			t.Errorf("got %d, want 201 or 409", s)
		}
	}
	if started != 1 {
		t.Errorf("got %v, want one 201", statuses)
	}
	release()
	p.ended(p.latest().ScanID)
}

func TestTheEndOfTheProcessEndsTheScan(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	release := p.stall()
	defer release()
	id := p.begin()
	pid := p.scanner()
	p.stop()
	s := p.latest()
	if s.ScanID != id || s.Status != "failed" || s.ErrorMessage == nil || !strings.Contains(*s.ErrorMessage, "stopped") {
		t.Errorf("got %+v, want a failed scan that says why", s)
	}
	p.gone(pid)
	p.refused("POST", "/scan", "", http.StatusServiceUnavailable, fault.InternalError, "stopping")
}

func TestAScanWhoseConnectionBreaksFails(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	release := p.stall()
	id := p.begin()
	pid := p.scanner()
	if _, err := p.connect().Exec(context.Background(), `SELECT pg_terminate_backend($1)`, pid); err != nil {
		t.Fatal(err)
	}
	s := p.ended(id)
	if s.Status != "failed" || s.ErrorMessage == nil || !strings.Contains(*s.ErrorMessage, "connection") {
		t.Errorf("got %+v, want a failed scan that says why", s)
	}
	release()
	p.gone(pid)
	p.scan()
}

func TestAScanLeftBehindHasFailed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	run(t, dial(t, db.OwnerDSN()), `
		INSERT INTO system.advisor_scans (status, scanned_at) VALUES ('completed', now() - interval '1 hour');
		INSERT INTO system.advisor_scans (status) VALUES ('running')`)
	p := start(t, advisor.Deps{DB: db})
	until(t, "the scan's failure", func() bool { return p.latest().Status == "failed" })
	if s := p.latest(); s.ErrorMessage == nil || *s.ErrorMessage == "" {
		t.Errorf("got %+v, want a reason", s)
	}
}

func TestTheScanOfAnotherProcessIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	release := p.stall()
	id := p.begin()
	p.scanner()
	other := start(t, advisor.Deps{DB: p.db})
	// Refused means that the other has settled what it thinks is left behind.
	other.refused("POST", "/scan", "", http.StatusConflict, fault.DatabaseConstraintViolation, "running")
	if s := other.latest(); s.Status != "running" {
		t.Errorf("got %+v, want the scan still running", s)
	}
	release()
	if s := p.ended(id); s.Status != "completed" {
		t.Errorf("got %+v, want a completed scan", s)
	}
}

func TestAProcessThatStartsRefusesNoScan(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	p.scan() // so it has settled what it found
	look := p.connect()
	waiting := func() (n int) {
		err := look.QueryRow(context.Background(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	table := p.connect()
	run(t, table, `BEGIN; LOCK TABLE system.advisor_scans IN ACCESS EXCLUSIVE MODE`)
	start(t, advisor.Deps{DB: p.db})
	until(t, "a process that settles scans", func() bool { return waiting() == 1 })
	answer := make(chan int, 1)
	go func() { answer <- p.Call("POST", "/scan", "").Status }()
	until(t, "the request", func() bool { return waiting() == 2 || len(answer) == 1 })
	run(t, table, `ROLLBACK`)
	if status := <-answer; status != http.StatusCreated {
		t.Errorf("got %d, want the scan started", status)
	}
}

func TestARuleThatTakesTooLongIsSkippedAndReported(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{RuleTimeout: 2 * time.Second})
	p.exec(`CREATE TABLE public.parent (id int PRIMARY KEY); CREATE TABLE public.child (id int CONSTRAINT k REFERENCES public.parent);`)
	release := p.stall()
	id := p.begin()
	pid := p.scanner()
	look := p.connect()
	statement := func() (text string) {
		_ = look.QueryRow(context.Background(), `SELECT query FROM pg_stat_activity WHERE pid = $1`, pid).Scan(&text) // "" once it is gone
		return text
	}
	first := statement()
	until(t, "the end of the first rule", func() bool { return statement() != first })
	release() // the others find time enough, on any machine
	s := p.ended(id)
	if s.Status != "completed" || s.ErrorMessage == nil || !strings.Contains(*s.ErrorMessage, "Rule rls-disabled was skipped: it took longer than 2s.") {
		t.Errorf("got %+v, want the rule that was skipped named", s)
	}
	if s.Summary.Warning == 0 {
		t.Errorf("got %+v, want what the other rules found", s.Summary)
	}
}

func TestWhatTheProjectDefinesIsNotRun(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	// Functions and operators that would be better matches than the catalog's,
	// if schema public were searched, and a policy whose expression fails.
	p.exec(`
		CREATE TABLE public.t (id int);
		ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;
		CREATE FUNCTION public.boom() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''run''; END';
		CREATE POLICY p ON public.t USING (public.boom());
		CREATE FUNCTION public.trap(name, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''run''; END';
		CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.trap);
		CREATE FUNCTION public.format(text, name, name) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''run''; END';
		CREATE TABLE public.pg_class (oid oid);`)
	issues := p.scan() // fails when a rule does
	if found := of(issues, "rls-disabled"); len(found) != 1 || found[0] != "critical public.pg_class" {
		t.Errorf("got %v, want the table only", found)
	}
}

func TestOldScansAreDropped(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	run(t, p.connect(), `
		INSERT INTO system.advisor_scans (status, scanned_at) SELECT 'failed', now() - n * interval '1 minute' FROM generate_series(1, 30) n;`)
	p.scan()
	var scans, completed int
	err := p.connect().QueryRow(context.Background(), `SELECT count(*), count(*) FILTER (WHERE status = 'completed') FROM system.advisor_scans`).Scan(&scans, &completed)
	if err != nil || scans != 10 || completed != 1 {
		t.Errorf("got %d scans, %d completed, %v; want 10 and 1", scans, completed, err)
	}
}

func TestAnEnormousSchemaIsListedUpToABound(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	p.exec(`DO $$ BEGIN FOR n IN 1..1100 LOOP EXECUTE format('CREATE VIEW public.v%s AS SELECT email FROM auth.users', n); END LOOP; END $$`)
	s := p.ended(p.begin())
	if s.Status != "completed" || s.ErrorMessage == nil || !strings.Contains(*s.ErrorMessage, "definer-view found more than the 1000") || s.Summary.Critical != 1000 {
		t.Errorf("got %+v, want 1000 findings and to be told that there are more", s)
	}
}

func TestARequestThatGoesAwayWhileItWaitsLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	service, err := advisor.New(advisor.Deps{DB: pgtest.New(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := service.Scan(ctx); !errors.Is(err, context.Canceled) { // Run was never started
		t.Errorf("got %v, want the request's end", err)
	}
	if s, err := service.Latest(context.Background()); err != nil || s != nil {
		t.Errorf("got %+v, %v, want no scan", s, err)
	}
}
