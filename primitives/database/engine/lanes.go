package engine

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// lanesPerCore is how many statements run at once for each core. More
	// would only take turns, each on its own backend with cold caches: 4 on
	// two cores answer a tenth more lists per second than 8, with half the
	// p99.
	lanesPerCore = 2
	// lanePatience is how long a request waits for a lane before it runs
	// outside them: slow statements must not hold up the others.
	lanePatience = 5 * time.Millisecond
	// poolEvery is how often a connection goes back to the pool although
	// a request waits for it: the pool decides when it is too old.
	poolEvery = 256
)

// lanes keep short statements from crowding the cores. The connection of a
// statement that is done goes straight to one that waits.
type lanes struct {
	taken  chan struct{}
	passed chan *pgxpool.Conn
	passes atomic.Uint64
}

func newLanes() *lanes {
	return &lanes{
		taken:  make(chan struct{}, max(2, lanesPerCore*runtime.GOMAXPROCS(0))),
		passed: make(chan *pgxpool.Conn),
	}
}

// enter waits for a lane, and no longer than lanePatience. conn is nil when
// none was passed on.
func (l *lanes) enter(ctx context.Context) (conn *pgxpool.Conn, inLane bool) {
	select {
	case l.taken <- struct{}{}:
		return nil, true
	default:
	}
	patience := time.NewTimer(lanePatience)
	defer patience.Stop()
	select {
	case conn = <-l.passed: // with the lane it was used in
		return conn, true
	case l.taken <- struct{}{}:
		return nil, true
	case <-patience.C:
	case <-ctx.Done(): // acquiring the connection will fail
	}
	return nil, false
}

// leave gives up a lane, and conn unless it is nil.
func (l *lanes) leave(conn *pgxpool.Conn) {
	if conn != nil && isIdle(conn) && l.passes.Add(1)%poolEvery != 0 {
		select {
		case l.passed <- conn:
			return
		default:
		}
	}
	if conn != nil {
		conn.Release()
	}
	<-l.taken
}

// isIdle reports whether another request can use conn without cleanup.
func isIdle(conn *pgxpool.Conn) bool {
	c := conn.Conn().PgConn()
	return !c.IsClosed() && !c.IsBusy() && c.TxStatus() == 'I'
}

// passage is a connection for one request.
type passage struct {
	conn   *pgxpool.Conn
	lanes  *lanes
	inLane bool
}

// connect gets a connection, which the caller gives back with leave.
func (e *Engine) connect(ctx context.Context, readOnly bool) (p passage, err error) {
	p.lanes = e.lanes
	if readOnly { // writes mostly wait for the disk
		p.conn, p.inLane = e.lanes.enter(ctx)
	}
	if p.conn != nil {
		return p, nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.options.AcquireTimeout)
	defer cancel()
	if p.conn, err = e.acquire(ctx); err != nil {
		p.conn = nil
		p.leave()
	}
	return p, err
}

func (p passage) leave() {
	switch {
	case p.inLane:
		p.lanes.leave(p.conn)
	case p.conn != nil:
		p.conn.Release()
	}
}
