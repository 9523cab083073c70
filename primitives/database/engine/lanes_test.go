package engine_test

import (
	"context"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

func TestSlowStatementsDoNotHoldUpShortOnes(t *testing.T) {
	t.Parallel()
	const waiting = `SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()`
	s := start(t, `
		CREATE VIEW public.slow AS SELECT 1 AS one FROM pg_advisory_xact_lock_shared(4711) AS locked;
		CREATE VIEW public.quick AS SELECT 1 AS one;
		GRANT SELECT ON public.slow, public.quick TO anon`)
	// As many slow statements as there are lanes, and some more.
	slow := 2*runtime.GOMAXPROCS(0) + 2
	release := s.holdLock(4711)
	defer release()
	var done sync.WaitGroup
	for range slow {
		done.Go(func() {
			if r, err := s.try(http.MethodGet, "/slow", ""); err != nil || r.body != `[{"one":1}]` {
				s.Errorf("got %d %s (%v)", r.status, r.body, err)
			}
		})
	}
	s.until("all of them wait", func() bool { return s.value(waiting) == strconv.Itoa(slow) })
	for range 20 {
		if r := s.do(http.MethodGet, "/quick", ""); r.body != `[{"one":1}]` {
			t.Errorf("got %d %s beside slow statements", r.status, r.body)
		}
	}
	release()
	done.Wait()
}

// holdLock takes an advisory lock until the returned function is called.
func (s *site) holdLock(key int64) (release func()) {
	s.Helper()
	held, end := make(chan struct{}), make(chan struct{})
	var done sync.WaitGroup
	taken := sync.OnceFunc(func() { close(held) })
	done.Go(func() {
		defer taken() // also when it failed
		err := s.db.AsOwner(context.Background(), func(tx pg.Tx) error {
			if _, err := tx.Exec(context.Background(), `SELECT pg_advisory_xact_lock($1)`, key); err != nil {
				return err
			}
			taken()
			<-end
			return nil
		})
		if err != nil {
			s.Error(err)
		}
	})
	<-held
	return sync.OnceFunc(func() { close(end); done.Wait() })
}

// Readers of two roles and clients that go away, all at once: nobody may see
// what another's connection was set to.
func TestConnectionsArePassedOnClean(t *testing.T) {
	t.Parallel()
	s := start(t, `
		CREATE VIEW public.me AS SELECT current_setting('role') AS role, auth.uid()::text AS sub, current_setting('transaction_read_only') AS ro;
		CREATE FUNCTION public.boom(n int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1 / n';
		GRANT SELECT ON public.me TO anon, authenticated`)
	want := func(path, want string, headers ...string) {
		if r, err := s.try(http.MethodGet, path, "", headers...); err != nil || r.body != want {
			s.Errorf("got %d %s (%v), want %s", r.status, r.body, err, want)
		}
	}
	var all sync.WaitGroup
	for i := range 8 * runtime.GOMAXPROCS(0) {
		all.Go(func() {
			id := "00000000-0000-0000-0000-" + strconv.Itoa(100000000000+i)
			for n := range 60 {
				switch (i + n) % 4 {
				case 0:
					want("/me", `[{"role":"anon","sub":null,"ro":"on"}]`)
				case 1:
					want("/me", `[{"role":"authenticated","sub":"`+id+`","ro":"on"}]`, "As: "+id)
				case 2:
					if r, err := s.try(http.MethodGet, "/rpc/boom?n=0", "", "As: "+id); err != nil || r.code() != "22012" {
						s.Errorf("got %d %s (%v), want a division by zero", r.status, r.body, err)
					}
				default:
					ctx, cancel := context.WithCancel(t.Context())
					req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/me", nil)
					if err != nil {
						s.Error(err)
					}
					req.Header.Set("As", id)
					all.Go(cancel)
					if res, err := http.DefaultClient.Do(req); err == nil {
						_ = res.Body.Close()
					}
				}
			}
		})
	}
	all.Wait()
}
