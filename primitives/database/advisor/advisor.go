package advisor

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgerrcode"
	"github.com/rs/zerolog"
)

// Severity is how urgent a finding is.
type Severity string

// The severities.
const (
	Critical Severity = "critical"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// Category is what a finding is about.
type Category string

// The categories.
const (
	Security    Category = "security"
	Performance Category = "performance"
	Health      Category = "health"
)

// Limits are where the rules that measure something begin to complain. A zero
// field takes the default that its comment names.
type Limits struct {
	Connections       float64       // share of the connections in use; 0.8
	CacheHitRatio     float64       // share of block reads served from memory; 0.95
	CacheMinReads     int64         // block reads before the share says anything; 100,000
	IdleInTransaction time.Duration // 5 minutes
	LongQuery         time.Duration // 5 minutes
	LockAge           time.Duration // of a transaction whose lock stops autovacuum; 5 minutes
	SlowQuery         time.Duration // mean of a statement; 1 second
	SlowQueryCalls    int64         // 5
	UnusedIndexPages  int64         // 8 KB each; 8
	UnusedIndexScans  int64         // reads of the table that did without the index; 100
	DeadTuples        int64         // 1,000
	StaleRows         int64         // changed since the last ANALYZE; 1,000
	Sequence          float64       // share of the numbers used up; 0.75
}

// withDefaults fills the zero fields in.
func (l Limits) withDefaults() Limits {
	return Limits{
		Connections:       cmp.Or(l.Connections, 0.8),
		CacheHitRatio:     cmp.Or(l.CacheHitRatio, 0.95),
		CacheMinReads:     cmp.Or(l.CacheMinReads, 100_000),
		IdleInTransaction: cmp.Or(l.IdleInTransaction, 5*time.Minute),
		LongQuery:         cmp.Or(l.LongQuery, 5*time.Minute),
		LockAge:           cmp.Or(l.LockAge, 5*time.Minute),
		SlowQuery:         cmp.Or(l.SlowQuery, time.Second),
		SlowQueryCalls:    cmp.Or(l.SlowQueryCalls, 5),
		UnusedIndexPages:  cmp.Or(l.UnusedIndexPages, 8),
		UnusedIndexScans:  cmp.Or(l.UnusedIndexScans, 100),
		DeadTuples:        cmp.Or(l.DeadTuples, 1000),
		StaleRows:         cmp.Or(l.StaleRows, 1000),
		Sequence:          cmp.Or(l.Sequence, 0.75),
	}
}

// Deps are what advisor needs from the rest of the product.
type Deps struct {
	DB  *pg.DB
	Log zerolog.Logger
	// RuleTimeout bounds each rule; zero means 15 seconds.
	RuleTimeout time.Duration
	// Limits replaces some of the rules' limits; the zero value none.
	Limits Limits
}

// Service runs scans and serves their findings. Its callers are administrators:
// it works as the database owner.
type Service struct {
	db      *pg.DB
	log     zerolog.Logger
	rules   []rule
	timeout time.Duration // of a rule
	// limits are handed to every query of a rule, by name.
	limits map[string]any

	scans chan *scan
	// ready is closed when unfinished scans of an earlier process have been
	// closed, done when Run has returned.
	ready, done chan struct{}
}

// New returns a Service. Scans are made only while Run runs.
func New(d Deps) (*Service, error) {
	if d.DB == nil {
		return nil, errors.New("advisor: the database is missing")
	}
	return &Service{
		db: d.DB, log: d.Log, rules: allRules(),
		timeout: cmp.Or(d.RuleTimeout, defaultRuleTimeout), limits: d.Limits.withDefaults().arguments(),
		scans: make(chan *scan), ready: make(chan struct{}), done: make(chan struct{}),
	}, nil
}

// Latest describes the newest scan. The counts are those of the newest
// completed one, without what is suppressed. It returns nil when there was no
// scan yet.
func (s *Service) Latest(ctx context.Context) (latest *Summary, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		latest, err = newest(ctx, tx)
		return err
	})
	return latest, err
}

// Issues returns the findings of the newest completed scan that f asks for,
// the most severe first and without what is suppressed, and how many there are
// on all pages.
func (s *Service) Issues(ctx context.Context, f Filter) (issues []Issue, total int64, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		issues, total, err = list(ctx, tx, f)
		return err
	})
	return issues, total, err
}

// Suppress makes findings disappear from Latest and Issues. who is recorded as
// its author; it may be empty.
//
// It returns 409 DATABASE_DUPLICATE when the same is suppressed already.
func (s *Service) Suppress(ctx context.Context, n NewSuppression, who string) (made Suppression, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		made, err = insertSuppression(ctx, tx, n, who)
		return err
	})
	if pg.State(err) == pgerrcode.UniqueViolation {
		return Suppression{}, fault.New(http.StatusConflict, fault.DatabaseDuplicate, "This is already ignored").
			Next("GET /api/advisor/suppressions lists what is ignored; delete that entry to change it.").Because(err)
	}
	return made, err
}

// Suppressions lists what is suppressed, the newest first, with title,
// severity and category of the finding, or of the rule where nothing was found.
func (s *Service) Suppressions(ctx context.Context) (all []Suppression, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		all, err = suppressions(ctx, tx)
		return err
	})
	for i := range all {
		s.describe(&all[i])
	}
	return all, err
}

// describe fills in from the rule what no finding supplied.
func (s *Service) describe(x *Suppression) {
	if x.Title != nil {
		return
	}
	for _, r := range s.rules {
		if r.id == x.RuleID {
			x.Title, x.Severity, x.Category = &r.title, &r.severity, &r.category
			return
		}
	}
}

// Restore undoes a suppression. id is a UUID.
//
// It returns 404 NOT_FOUND when there is no such suppression.
func (s *Service) Restore(ctx context.Context, id string) error {
	return s.db.AsOwner(ctx, func(tx pg.Tx) error {
		found, err := deleteSuppression(ctx, tx, id)
		if err == nil && !found {
			return fault.New(http.StatusNotFound, fault.NotFound, "Suppression not found").
				Next("GET /api/advisor/suppressions lists what is ignored.")
		}
		return err
	})
}
