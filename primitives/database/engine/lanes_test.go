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
