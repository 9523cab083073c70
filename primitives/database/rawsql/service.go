package rawsql

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/database/session"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/spool"
)

// Limits bound one request; a zero field takes the default.
type Limits struct {
	// TextBytes is the length of the SQL, 16 MiB.
	TextBytes int
	// Rows and Bytes bound the result, 100,000 and 64 MiB of JSON.
	Rows  int
	Bytes int64
	// Statement is how long one statement may take, 30 s; Request how long all
	// of them may, 5 minutes.
	Statement, Request time.Duration
	// Sessions is how many requests run at once, 4; others wait for up to
	// Queue, 10 s.
	Sessions int
	Queue    time.Duration
}

func (l Limits) orDefault() Limits {
	return Limits{
		TextBytes: cmp.Or(l.TextBytes, 16<<20),
		Rows:      cmp.Or(l.Rows, 100_000),
		Bytes:     cmp.Or(l.Bytes, 64<<20),
		Statement: cmp.Or(l.Statement, 30*time.Second),
		Request:   cmp.Or(l.Request, 5*time.Minute),
		Sessions:  cmp.Or(l.Sessions, 4),
		Queue:     cmp.Or(l.Queue, 10*time.Second),
	}
}

// rowShare limits one row to this fraction of a result: as JSON, a row may grow
// to several times its size in memory.
const rowShare = 4

// Deps are what rawsql needs from the rest of the product.
type Deps struct {
	DB     *pg.DB
	Audit  audit.Recorder
	Events *events.Bus
	// TempDir is where large results wait to be sent; empty is the system's.
	TempDir string
	Limits  Limits
}

// Service runs SQL of administrators.
type Service struct {
	db      *pg.DB
	audit   audit.Recorder
	events  *events.Bus
	tempDir string
	limits  Limits
	slots   chan struct{}
	buffers spool.Buffers
}

// New returns a Service.
func New(d Deps) *Service {
	limits := d.Limits.orDefault()
	return &Service{
		db: d.DB, audit: d.Audit, events: d.Events, tempDir: d.TempDir, limits: limits,
		slots: make(chan struct{}, limits.Sessions),
	}
}

// Query is one request to run SQL.
type Query struct {
	SQL string
	// Params are the values of $1, $2, …, which limit the text to one statement.
	Params []json.RawMessage
	// Explain returns the plan of one SELECT instead of its rows.
	Explain bool
	// Root runs it as the owner of the database.
	Root bool
}

// Run runs q for the administrator in ctx; its result must be closed.
//
// It returns 403 FORBIDDEN to callers who are not administrators, for SQL that does
// not parse and SQL that the guards refuse; 400 INVALID_INPUT for parameters
// with several statements, for anything but one SELECT to explain and for a
// result over the limits; 429 when too many requests run; 503 when the
// connection broke. Errors of Postgres are those of refusal.OfSQL, with where
// in the text they are.
func (s *Service) Run(ctx context.Context, q Query) (*Result, error) {
	if !identity.From(ctx).IsAdmin() {
		return nil, fault.New(http.StatusForbidden, fault.Forbidden, "Raw SQL is for administrators")
	}
	statements, err := s.read(q)
	if err != nil {
		return nil, err
	}
	if len(statements) == 0 {
		return s.empty()
	}
	release, err := s.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	limited, cancel := context.WithTimeout(ctx, s.limits.Request)
	defer cancel()
	x, err := session.Open(limited, s.db, session.Options{
		Root: q.Root, MaxRow: int(s.limits.Bytes / rowShare), Statement: s.limits.Statement,
	})
	if err != nil {
		return nil, err
	}
	defer x.Close(limited)
	result, err := s.run(limited, &connection{Session: x, s: s}, job{Query: q, statements: statements})
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return nil, s.tookTooLong(err)
	}
	return result, err
}

// read splits the text and applies the guards.
func (s *Service) read(q Query) ([]sqltext.Statement, error) {
	if len(q.SQL) > s.limits.TextBytes {
		return nil, s.textTooLong()
	}
	statements, err := sqltext.Split(q.SQL)
	if err != nil {
		return nil, err
	}
	if err := sqltext.Guard(statements); err != nil {
		return nil, err
	}
	switch {
	case len(q.Params) > 0 && len(statements) > 1:
		return nil, fault.Invalid("Parameters are for a single statement; the text has several").
			Next("Send the statements one by one, each with its parameters.")
	case len(q.Params) > maxParams:
		return nil, fault.Invalid("Postgres takes at most 65535 parameters").
			Next("Pass many values as one array or as JSON.")
	case q.Explain && (len(statements) != 1 || statements[0].Command() != "SELECT"):
		return nil, fault.Invalid("explain takes exactly one SELECT statement").
			Next("Send one SELECT, or leave explain out.")
	}
	return statements, nil
}

// slot waits for one of the sessions.
func (s *Service) slot(ctx context.Context) (release func(), err error) {
	wait := time.NewTimer(s.limits.Queue)
	defer wait.Stop()
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-wait.C:
		return nil, fault.New(http.StatusTooManyRequests, fault.TooManyRequests, "Too many raw SQL requests run at once").
			Next("Wait for the others to end, then try again.")
	}
}
