package transfer

import (
	"context"
	"errors"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/spool"
)

// Bounds of one transfer.
const (
	defaultLockWait = 5 * time.Second
	// statementLimit bounds each statement of an export or import: what moves
	// a lot of rows, or makes an index on them, may take its time.
	statementLimit = 15 * time.Minute
	// maxExportBytes bounds an answer, which waits on disk.
	maxExportBytes = 4 << 30
	// maxTransfers bounds the transfers in progress, each of which has its
	// own connection and files. Others wait.
	maxTransfers = 3
)

// Deps are what transfer needs from the rest of the product.
type Deps struct {
	DB     *pg.DB
	Audit  audit.Recorder
	Events *events.Bus
	// TempDir holds answers and uploads while they are worked on; "" is the
	// system's. A file there has no name, so none is left behind.
	TempDir string
	// MaxImportBytes is the largest file that may be imported.
	MaxImportBytes int64
	// LockWait is how long a transfer waits for other transactions on a
	// table; zero means 5 seconds.
	LockWait time.Duration
	// Now is time.Now outside tests.
	Now func() time.Time
}

// Service moves tables.
type Service struct {
	deps    Deps
	slots   chan struct{}
	buffers spool.Buffers
}

// New returns a Service.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Events == nil || d.Now == nil || d.MaxImportBytes <= 0 {
		return nil, errors.New("transfer: a dependency is missing")
	}
	if d.LockWait == 0 {
		d.LockWait = defaultLockWait
	}
	return &Service{deps: d, slots: make(chan struct{}, maxTransfers)}, nil
}

// turn waits until a transfer may begin; the caller calls leave.
func (s *Service) turn(ctx context.Context) (leave func(), err error) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
