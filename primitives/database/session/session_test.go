package session_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database/session"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// changesItself makes the callers' login change its own settings.
const changesItself = `EXECUTE format('ALTER ROLE %I IN DATABASE %I SET work_mem = 64', session_user, current_database())`

func TestSealRefusesWhatChangedRoles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, sql string
		refused   bool
	}{
		{"nothing about roles", `CREATE TABLE t (n int); INSERT INTO t VALUES (1)`, false},
		{"another role", `RESET ROLE; SET ROLE anon`, false},
		{"a setting of the login", `DO $$ BEGIN RESET ROLE; ` + changesItself + `; END $$`, true},
		{"its password", `DO $$ BEGIN RESET ROLE; EXECUTE format('ALTER ROLE %I PASSWORD %L', session_user, 'x'); END $$`, true},
	} {
		db := pgtest.New(t)
		err := inTransaction(t, db, c.sql)
		var f *fault.Error
		if got := errors.As(err, &f) && f.Status == http.StatusForbidden; got != c.refused {
			t.Errorf("%s: got %v, want a refusal: %v", c.name, err, c.refused)
		}
	}
}

// What deferred code defers again runs at the commit, after the check.
func TestNothingIsChangedAfterTheSeal(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	err := inTransaction(t, db, `
		CREATE TABLE public.t (n int);
		CREATE FUNCTION public.later() RETURNS trigger LANGUAGE plpgsql AS $f$
		BEGIN
		  IF NEW.n = 1 THEN
		    SET CONSTRAINTS ALL DEFERRED;
		    INSERT INTO public.t VALUES (2);
		  ELSE
		    RESET ROLE;
		    `+changesItself+`;
		  END IF;
		  RETURN NULL;
		END $f$;
		CREATE CONSTRAINT TRIGGER later AFTER INSERT ON public.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.later();
		INSERT INTO public.t VALUES (1)`)
	if pg.State(err) != "25006" {
		t.Errorf("got %v, want that the commit cannot write", err)
	}
	var settings int
	err = db.AsOwner(t.Context(), func(tx pg.Tx) error {
		return tx.QueryRow(t.Context(), `
			SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
			 WHERE d.datname = current_database() AND s.setrole = $1::regrole`, pg.Authenticator).Scan(&settings)
	})
	if err != nil || settings != 0 {
		t.Errorf("got %d settings of the login (%v), want none", settings, err)
	}
}

// inTransaction runs sql as an administrator.
func inTransaction(t *testing.T, db *pg.DB, sql string) error {
	t.Helper()
	return withSession(t, db, session.Options{Statement: time.Minute}, func(ctx context.Context, s *session.Session) error {
		return s.Run(ctx, session.Work{SQL: statements(sql)})
	})
}

// withSession hands a session of an administrator to f.
func withSession(t *testing.T, db *pg.DB, o session.Options, f func(context.Context, *session.Session) error) error {
	t.Helper()
	ctx := identity.With(t.Context(), identity.NewAdmin(identity.Admin, "local:admin"))
	s, err := session.Open(ctx, db, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(ctx)
	return f(ctx, s)
}

func statements(sql string) func(context.Context, pg.Tx) error {
	return func(ctx context.Context, tx pg.Tx) error {
		_, err := tx.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	}
}

// What the SQL sets has no say in what the product does before and after it.
func TestTheProductsPartsHaveTheirOwnSettings(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	const settings = `SELECT current_user || ' ' || current_setting('search_path') || ' ' || current_setting('statement_timeout') || ' ' || current_setting('lock_timeout') ||
		' ' || current_setting('client_encoding') || ' ' || current_setting('work_mem')`
	look := func(into *string) func(context.Context, pg.Tx) error {
		return func(ctx context.Context, tx pg.Tx) error { return tx.QueryRow(ctx, settings).Scan(into) }
	}
	var before, sql, after string
	err := withSession(t, db, session.Options{SearchPath: "auth", Lock: time.Second, Statement: time.Minute}, func(ctx context.Context, s *session.Session) error {
		return s.Run(ctx, session.Work{
			Before: look(&before),
			SQL: func(ctx context.Context, tx pg.Tx) error {
				if err := look(&sql)(ctx, tx); err != nil {
					return err
				}
				return statements(`SET work_mem = '77MB'; SET search_path = public; SET ROLE anon; SET statement_timeout = '1h'; SET lock_timeout = '1h'; SET client_encoding = 'LATIN1'`)(ctx, tx)
			},
			Record: look(&after),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	const ours = "project_admin pg_catalog, pg_temp 1min 1s UTF8 4MB"
	if before != ours || after != ours {
		t.Errorf("before and after the SQL got\n%s\n%s, want\n%s", before, after, ours)
	}
	if want := "project_admin auth 1min 1s UTF8 4MB"; sql != want {
		t.Errorf("the SQL got %s, want %s", sql, want)
	}
}

func TestALimitThatTheSQLSetsItselfIsItsOwnMistake(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, ours := range []time.Duration{0, time.Minute} {
		err := withSession(t, db, session.Options{Statement: ours}, func(ctx context.Context, s *session.Session) error {
			return s.Try(ctx, session.Work{SQL: statements(`SET statement_timeout = 1; SELECT pg_sleep(600)`)})
		})
		var f *fault.Error
		if !errors.As(err, &f) || f.Status != http.StatusBadRequest || !strings.Contains(f.NextActions, "statement_timeout") {
			t.Errorf("within %v: got %v, want a 400 that says so", ours, err)
		}
	}
}

func TestSQLThatMakesItsTransactionReadOnlyIsItsOwnMistake(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	err := withSession(t, db, session.Options{}, func(ctx context.Context, s *session.Session) error {
		return s.Run(ctx, session.Work{
			SQL: statements(`DO $$ BEGIN EXECUTE 'SET transaction_read_only = on'; END $$`),
			Record: func(ctx context.Context, tx pg.Tx) error {
				_, err := tx.Exec(ctx, `CREATE TABLE public.t ()`)
				return err
			},
		})
	})
	var f *fault.Error
	if !errors.As(err, &f) || f.Status != http.StatusBadRequest || !strings.Contains(f.NextActions, "read-only") {
		t.Errorf("got %v, want 400 with what to do", err)
	}
}

// What ran outside of a transaction cannot be undone, so that it is recorded
// whatever defaults it leaves for the transactions that follow.
func TestWhatRanOutsideIsRecordedWhateverItSets(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	err := withSession(t, db, session.Options{Root: true}, func(ctx context.Context, s *session.Session) error {
		return s.RunOutside(ctx, session.Work{
			SQL: func(ctx context.Context, _ pg.Tx) error {
				_, err := s.Exec(ctx, `DO $$ BEGIN SET default_transaction_read_only = on; COMMIT; END $$`)
				return err
			},
			Record: func(ctx context.Context, tx pg.Tx) error {
				_, err := tx.Exec(ctx, `CREATE TABLE public.recorded ()`)
				return err
			},
		})
	})
	if err != nil {
		t.Errorf("got %v, want it recorded", err)
	}
}

// A partition can be read under its own name, where the policies of its table
// do not count.
func TestPartitionsOfATableWithRowSecurityGetIt(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, step := range []struct{ sql, without string }{
		{`CREATE TABLE public.t (id int) PARTITION BY RANGE (id); CREATE TABLE public.early PARTITION OF public.t FOR VALUES FROM (0) TO (1);
			CREATE TABLE public.open (id int) PARTITION BY RANGE (id); CREATE TABLE public.open_1 PARTITION OF public.open FOR VALUES FROM (1) TO (2);
			CREATE TABLE public.parent (id int); ALTER TABLE public.parent ENABLE ROW LEVEL SECURITY; CREATE TABLE public.child () INHERITS (public.parent)`,
			"child early open open_1 t"},
		// Turned on for the table, for its partitions, too.
		{`ALTER TABLE public.t ENABLE ROW LEVEL SECURITY`, "child open open_1"},
		{`CREATE TABLE public.created PARTITION OF public.t FOR VALUES FROM (1) TO (2)`, "child open open_1"},
		{`CREATE TABLE public.old (id int); INSERT INTO public.old VALUES (2); ALTER TABLE public.t ATTACH PARTITION public.old FOR VALUES FROM (2) TO (3)`, "child open open_1"},
		{`DO $$ BEGIN BEGIN CREATE TABLE public."In Between" PARTITION OF public.t FOR VALUES FROM (3) TO (4) PARTITION BY RANGE (id);
			CREATE TABLE public.below PARTITION OF public."In Between" FOR VALUES FROM (3) TO (4); EXCEPTION WHEN division_by_zero THEN NULL; END; END $$`, "child open open_1"},
		{`CREATE FUNCTION public.grow() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'CREATE TABLE public.grown PARTITION OF public.t FOR VALUES FROM (4) TO (5)'; END $$`, "child open open_1"},
		{`SELECT public.grow()`, "child open open_1"},
		// It can still be turned off for one alone.
		{`ALTER TABLE public.old DISABLE ROW LEVEL SECURITY`, "child old open open_1"},
		{`INSERT INTO public.t VALUES (2), (3)`, "child old open open_1"},
		{`ALTER TABLE public.t DETACH PARTITION public.created; ALTER TABLE public.created DISABLE ROW LEVEL SECURITY`, "child created old open open_1"},
	} {
		if err := inTransaction(t, db, step.sql); err != nil {
			t.Fatalf("%s: %v", step.sql, err)
		}
		var without string
		err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT string_agg(relname::text, ' ' ORDER BY relname) FROM pg_class
				WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relrowsecurity`).Scan(&without)
		})
		if err != nil || without != step.without {
			t.Errorf("after %s: got %q (%v) without row-level security, want %q", step.sql, without, err, step.without)
		}
	}
}

// Partitions are guarded after the SQL, when another transaction may hold the
// lock of one.
func TestAPartitionThatIsInUseIsNotAFaultOfTheServer(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if err := inTransaction(t, db, `CREATE TABLE public.t (id int) PARTITION BY RANGE (id); CREATE TABLE public.t_1 PARTITION OF public.t FOR VALUES FROM (0) TO (1)`); err != nil {
		t.Fatal(err)
	}
	err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		if _, err := tx.Exec(t.Context(), `LOCK TABLE public.t_1`); err != nil {
			return err
		}
		return withSession(t, db, session.Options{Lock: 50 * time.Millisecond}, func(ctx context.Context, s *session.Session) error {
			return s.Run(ctx, session.Work{SQL: statements(`ALTER TABLE ONLY public.t ENABLE ROW LEVEL SECURITY`)})
		})
	})
	var f *fault.Error
	if !errors.As(err, &f) || f.Status != http.StatusServiceUnavailable || !strings.Contains(f.NextActions, "Try again") {
		t.Errorf("got %v, want 503 with what to do", err)
	}
}

func TestCloseEndsWhatIgnoresCancellation(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := session.Open(ctx, db, session.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pid := int64(s.PgConn().PID())
	done := make(chan error)
	go func() {
		_, err := s.Exec(ctx, `DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$`)
		done <- err
	}()
	runs := func(event string) (n int) {
		t.Helper()
		err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND (wait_event = $2 OR $2 = '')`, pid, event).Scan(&n)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for runs("PgSleep") == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("got no error from an abandoned statement")
	}
	s.Close(ctx)
	for runs("") != 0 {
		if t.Context().Err() != nil {
			t.Fatal("the server process continues")
		}
		time.Sleep(time.Millisecond)
	}
}
