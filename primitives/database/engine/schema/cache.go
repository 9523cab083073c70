package schema

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// debounce is how long a reload waits for more changes after a notification:
// a migration of many statements is read once.
const debounce = 20 * time.Millisecond

// retryDelay is the pause after a reload that failed.
const retryDelay = time.Second

// Cache holds the newest snapshot and replaces it.
type Cache struct {
	load    func(context.Context) (*Snapshot, error)
	log     zerolog.Logger
	current atomic.Pointer[Snapshot]
	wake    chan struct{}

	mu sync.Mutex
	// wanted counts the requests for a reload, loaded is the newest one that
	// a finished reload has seen. changed is closed and replaced after each.
	wanted, loaded uint64
	changed        chan struct{}
}

// NewCache returns a cache that reads with load. It is empty before Run or
// Refresh.
func NewCache(load func(context.Context) (*Snapshot, error), log zerolog.Logger) *Cache {
	return &Cache{load: load, log: log, wake: make(chan struct{}, 1), changed: make(chan struct{})}
}

// Current returns the newest snapshot, nil before the first.
func (c *Cache) Current() *Snapshot { return c.current.Load() }

// Invalidate asks for a reload and returns at once.
func (c *Cache) Invalidate() { c.want() }

func (c *Cache) want() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted++
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return c.wanted
}

// Refresh waits for a snapshot whose loading began after the call and
// returns it. It returns ctx's error when ctx ends first.
func (c *Cache) Refresh(ctx context.Context) (*Snapshot, error) {
	ticket := c.want()
	for {
		c.mu.Lock()
		done, changed := c.loaded >= ticket, c.changed
		c.mu.Unlock()
		if done {
			return c.Current(), nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		}
	}
}

// Run loads the first snapshot and reloads when asked, until ctx ends. What
// is asked during a reload is seen by the next one, once.
func (c *Cache) Run(ctx context.Context) error {
	c.want()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		}
		if c.Current() != nil && !sleep(ctx, debounce) {
			return nil
		}
		pause, err := c.reload(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			c.log.Error().Err(err).Msg("the database schema could not be read; trying again")
			c.want()
			pause = retryDelay
		}
		if !sleep(ctx, pause) {
			return nil
		}
	}
}

// reload returns how long to rest: a tenth of the time it took, so that a
// flood of misses cannot keep the database busy with its own catalog.
func (c *Cache) reload(ctx context.Context) (time.Duration, error) {
	c.mu.Lock()
	ticket := c.wanted
	c.mu.Unlock()
	started := time.Now()
	s, err := c.load(ctx)
	if err != nil {
		return 0, err
	}
	if s == nil {
		return 0, errors.New("no schema was read")
	}
	c.current.Store(s)
	c.mu.Lock()
	c.loaded = ticket
	close(c.changed)
	c.changed = make(chan struct{})
	c.mu.Unlock()
	return time.Since(started) / 10, nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
