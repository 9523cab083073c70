package auth_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// Two refreshes with one token at the same time: the second must not look at
// the session before the first is done with it, or both exchange the token.
func TestRefreshHoldsTheSessionWhileItExchangesTheToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	// An exchange is counted and then stays in its transaction while the test
	// holds the advisory lock.
	w.sql(`CREATE TABLE public.exchanges (generation bigint)`)
	w.sql(`GRANT INSERT ON public.exchanges TO project_admin`)
	w.sql(`
		CREATE FUNCTION public.slowly() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
		  INSERT INTO public.exchanges VALUES (NEW.generation);
		  PERFORM pg_advisory_xact_lock(7);
		  RETURN NEW;
		END $$`)
	w.sql(`CREATE TRIGGER slowly BEFORE UPDATE ON auth.sessions FOR EACH ROW EXECUTE FUNCTION public.slowly()`)
	holder, err := pgx.Connect(t.Context(), w.db.OwnerDSN())
	if err != nil {
		t.Fatal(err)
	}
	release := func() { _ = holder.Close(t.Context()) } // and with it goes its lock
	defer release()
	if _, err := holder.Exec(t.Context(), `SELECT pg_advisory_lock(7)`); err != nil {
		t.Fatal(err)
	}

	answers := make(chan resttest.Answer, 2)
	go func() { answers <- w.refresh(s) }()
	const waits = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND `
	w.await(waits+`wait_event = 'advisory'`, 1)
	go func() { answers <- w.refresh(s) }()
	w.await(waits+`wait_event <> 'advisory'`, 1)
	second := `
		SELECT second.query
		  FROM pg_stat_activity first
		  JOIN pg_stat_activity second ON first.pid = ANY (pg_blocking_pids(second.pid))
		 WHERE first.datname = current_database() AND first.wait_event = 'advisory'`
	if n := w.count(`SELECT count(*) FROM (` + second + `) q WHERE q.query ~ '^\s*SELECT\s.*FROM auth.sessions'`); n != 1 {
		t.Errorf("got a second refresh that waits for the first in %q, want it to wait where it reads the session", w.text(second))
	}
	release()

	one, other := s.next(<-answers), s.next(<-answers)
	if claimsOf(t, one.refresh)["jti"] != claimsOf(t, other.refresh)["jti"] {
		t.Error("got two successors, want one")
	}
	if n := w.count(`SELECT count(*) FROM public.exchanges`); n != 1 {
		t.Errorf("got %d exchanges of the token, want 1", n)
	}
}
