package schema_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/rs/zerolog"
)

// run starts the cache inside a synctest bubble, whose clock it follows.
func run(t *testing.T, load func(context.Context) (*schema.Snapshot, error)) *schema.Cache {
	c := schema.NewCache(load, zerolog.Nop())
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = c.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return c
}

func TestBurstOfChangesIsReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int64
		c := run(t, func(context.Context) (*schema.Snapshot, error) {
			loads.Add(1)
			time.Sleep(50 * time.Millisecond)
			return &schema.Snapshot{}, nil
		})
		time.Sleep(time.Second)
		for range 1000 {
			c.Invalidate()
		}
		time.Sleep(5 * time.Second)
		if n := loads.Load(); n < 2 || n > 3 {
			t.Errorf("got %d loads for the first schema and one burst, want 2 or 3", n)
		}
	})
}

func TestRefreshReturnsWhatWasLoadedAfterTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var version atomic.Int64
		c := run(t, func(context.Context) (*schema.Snapshot, error) {
			v := version.Load()
			time.Sleep(100 * time.Millisecond)
			return &schema.Snapshot{Version: int(v)}, nil
		})
		// In the middle of the first load, which has read its version already.
		time.Sleep(50 * time.Millisecond)
		version.Store(7)
		s, err := c.Refresh(t.Context())
		if err != nil || s.Version != 7 {
			t.Errorf("got version %+v, %v, want 7", s, err)
		}
	})
}

func TestOldSnapshotServesDuringAReloadAndAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int64
		c := run(t, func(context.Context) (*schema.Snapshot, error) {
			time.Sleep(time.Second)
			if loads.Add(1) == 2 {
				return nil, errors.New("the database went away")
			}
			return &schema.Snapshot{Version: int(loads.Load())}, nil
		})
		time.Sleep(1500 * time.Millisecond)
		c.Invalidate()
		time.Sleep(700 * time.Millisecond)
		if s := c.Current(); s == nil || s.Version != 1 {
			t.Fatalf("during the reload: got %+v, want the first snapshot", s)
		}
		time.Sleep(20 * time.Second)
		if s := c.Current(); s == nil || s.Version != 3 {
			t.Errorf("after the failure: got %+v, want the third load", s)
		}
	})
}

func TestMissesLetTheDatabaseRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int64
		c := run(t, func(context.Context) (*schema.Snapshot, error) {
			loads.Add(1)
			time.Sleep(time.Second)
			return &schema.Snapshot{}, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var clients sync.WaitGroup
		for range 50 {
			clients.Go(func() {
				for ctx.Err() == nil {
					_, _ = c.Refresh(ctx) // only the number of loads counts
				}
			})
		}
		clients.Wait()
		if n := loads.Load(); n > 21 {
			t.Errorf("got %d loads of a second each in a minute, want at most 21", n)
		}
		before := loads.Load()
		c.Invalidate()
		time.Sleep(3 * time.Second)
		if loads.Load() == before {
			t.Error("a change was not read")
		}
	})
}

func TestRefreshEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := run(t, func(ctx context.Context) (*schema.Snapshot, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
	})
}

func TestAMissTakesTheFirstNewerSnapshotAndRecognizesTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := run(t, func(context.Context) (*schema.Snapshot, error) {
			time.Sleep(time.Second)
			return &schema.Snapshot{}, nil
		})
		time.Sleep(20 * time.Second)
		first := c.Current().Serial
		c.Invalidate()
		time.Sleep(500 * time.Millisecond) // it has read what there is by now
		miss := c.Miss()
		began := time.Now()
		s, last, err := miss.Next(t.Context(), first)
		if err != nil || last || s.Serial != first+1 || time.Since(began) > time.Second {
			t.Errorf("got %d of %d, last %v, %v, after %v", s.Serial, first, last, err, time.Since(began))
		}
		s, last, err = miss.Next(t.Context(), s.Serial)
		if err != nil || !last || s.Serial != first+2 {
			t.Errorf("got %d of %d, last %v, %v", s.Serial, first, last, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, _, err := c.Miss().Next(ctx, s.Serial); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
	})
}
