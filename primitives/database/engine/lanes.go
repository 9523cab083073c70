package engine

import (
	"context"
	"runtime"
	"time"
)

const (
	// lanesPerCore is how many statements run at once for each core. More
	// only take turns, each on a backend of its own with cold caches: 4 on two
	// cores answer a tenth more lists a second than 8, with half the p99.
	lanesPerCore = 2
	// lanePatience is how long a request waits for a lane before it goes beside
	// them: slow statements must not hold up the others.
	lanePatience = 5 * time.Millisecond
)

// lanes keep short statements from crowding the cores.
type lanes chan struct{}

func newLanes() lanes { return make(lanes, max(2, lanesPerCore*runtime.GOMAXPROCS(0))) }

// enter waits for a lane, and no longer than lanePatience. The caller calls
// leave when its statement is done.
func (l lanes) enter(ctx context.Context) (leave func()) {
	select {
	case l <- struct{}{}:
		return l.leave
	default:
	}
	patience := time.NewTimer(lanePatience)
	defer patience.Stop()
	select {
	case l <- struct{}{}:
		return l.leave
	case <-patience.C:
	case <-ctx.Done(): // whoever acquires the connection says so
	}
	return func() {}
}

func (l lanes) leave() { <-l }
