package schema

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// debounce is how long a reload waits for more changes: a migration of many
// statements is read once.
const debounce = 20 * time.Millisecond

// After a reload that only misses asked for, the next such one waits this many
// times as long as the last one took, and no longer than restLimit. A flood of
// requests for what does not exist must not keep the database busy with its own
// catalog.
const (
	restFactor = 4
	restLimit  = 2 * time.Second
)

// retryDelay is the pause after a reload that failed.
const retryDelay = time.Second

// Cache holds the newest snapshot and replaces it.
type Cache struct {
	load    func(context.Context) (*Snapshot, error)
	log     zerolog.Logger
	current atomic.Pointer[Snapshot]
	// change wakes the loop at once, miss when it has rested.
	change, miss chan struct{}

	mu sync.Mutex
	// wanted counts the requests for a reload; loaded is the newest one that a
	// finished reload has seen. changed is closed and replaced after each.
	wanted, loaded uint64
	changed        chan struct{}
	loads          Loads
}

// Loads are how often the schema was read, and how long it took the last time.
type Loads struct {
	Succeeded, Failed uint64
	Took              time.Duration
}

// Loads returns what was read so far.
func (c *Cache) Loads() Loads {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loads
}

// NewCache returns a cache that reads with load. It is empty before Run.
func NewCache(load func(context.Context) (*Snapshot, error), log zerolog.Logger) *Cache {
	return &Cache{
		load: load, log: log, changed: make(chan struct{}),
		change: make(chan struct{}, 1), miss: make(chan struct{}, 1),
	}
}

// Current returns the newest snapshot, nil before the first.
func (c *Cache) Current() *Snapshot { return c.current.Load() }

// Invalidate asks for the schema to be read again soon, since it changed. It
// returns at once.
func (c *Cache) Invalidate() { c.want(c.change) }

func (c *Cache) want(wake chan struct{}) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted++
	select {
	case wake <- struct{}{}:
	default:
	}
	return c.wanted
}

// Refresh waits for a snapshot whose loading began after the call and
// returns it. It returns ctx's error when ctx ends first.
func (c *Cache) Refresh(ctx context.Context) (*Snapshot, error) {
	const newest = math.MaxUint64 // only the last snapshot will do
	s, _, err := c.Miss().Next(ctx, newest)
	return s, err
}

// Miss is a wait for what a snapshot lacks.
type Miss struct {
	cache  *Cache
	ticket uint64
}

// Miss asks for a reload and returns the wait for what it may bring.
func (c *Cache) Miss() Miss { return Miss{c, c.want(c.miss)} }

// Next waits for a snapshot that came after the one of that serial number. It
// is the last when its loading began after the Miss: what it lacks does not
// exist. It returns ctx's error when ctx ends first.
func (m Miss) Next(ctx context.Context, after uint64) (s *Snapshot, last bool, err error) {
	for {
		m.cache.mu.Lock()
		s, last = m.cache.Current(), m.cache.loaded >= m.ticket
		changed := m.cache.changed
		m.cache.mu.Unlock()
		if s != nil && (last || s.Serial > after) {
			return s, last, nil
		}
		select {
		case <-ctx.Done():
			return nil, false, ctx.Err()
		case <-changed:
		}
	}
}

// Run loads the first snapshot and reloads when asked, until ctx ends. What
// is asked during a reload is seen by the next one, once.
func (c *Cache) Run(ctx context.Context) error {
	c.want(c.change)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.change:
		case <-c.miss:
		}
		if c.Current() != nil && !sleep(ctx, debounce, nil) {
			return nil
		}
		// Everything asked for until now is answered by this reload.
		drain(c.change)
		drain(c.miss)
		started := time.Now()
		err := c.reload(ctx)
		rest := min(restFactor*time.Since(started), restLimit)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			c.log.Error().Err(err).Msg("the database schema could not be read; trying again")
			rest = retryDelay
			c.want(c.miss)
		}
		if !sleep(ctx, rest, c.change) {
			return nil
		}
	}
}

func (c *Cache) reload(ctx context.Context) error {
	c.mu.Lock()
	ticket := c.wanted
	c.mu.Unlock()
	started := time.Now()
	s, err := c.load(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.loads.Failed++
		return err
	}
	c.loads.Succeeded++
	c.loads.Took = time.Since(started)
	s.Serial = c.loads.Succeeded
	c.current.Store(s)
	c.loaded = ticket
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

func drain(wake chan struct{}) {
	select {
	case <-wake:
	default:
	}
}

// sleep waits for d, or until early has something, which stays in it. It
// returns false when ctx ended.
func sleep(ctx context.Context, d time.Duration, early chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-early:
		select {
		case early <- struct{}{}:
		default:
		}
	case <-t.C:
	}
	return true
}
