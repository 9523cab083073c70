package metadata

import (
	"context"
	"sync"
	"time"
)

// How long a number of rows is good for, and how many are kept.
const (
	countAge  = time.Minute
	maxCounts = 1000
)

// counts remembers the numbers of rows of tables: agents ask for metadata
// before each step, and counting reads whole tables.
type counts struct {
	now func() time.Time

	mu     sync.Mutex
	tables map[string]count
}

type count struct {
	rows int64
	at   time.Time
}

func newCounts(now func() time.Time) *counts {
	return &counts{now: now, tables: map[string]count{}}
}

// of returns the numbers of rows of tables. Those that are gone are left out.
func (c *counts) of(ctx context.Context, db Database, names []string) (map[string]int64, error) {
	rows, missing := c.known(names)
	if len(missing) == 0 {
		return rows, nil
	}
	// Counting is not done under the lock: it may take long.
	counted, err := db.CountRows(ctx, missing)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, n := range counted {
		rows[name] = n
		if len(c.tables) < maxCounts {
			c.tables[name] = count{rows: n, at: c.now()}
		}
	}
	return rows, nil
}

// known returns the numbers that are remembered, and drops those that are too
// old.
func (c *counts) known(names []string) (rows map[string]int64, missing []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, n := range c.tables {
		if c.now().Sub(n.at) >= countAge {
			delete(c.tables, name)
		}
	}
	rows = map[string]int64{}
	for _, name := range names {
		if n, ok := c.tables[name]; ok {
			rows[name] = n.rows
		} else {
			missing = append(missing, name)
		}
	}
	return rows, missing
}
