package changes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/insforge/insforge-go/primitives/database/session"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/jackc/pgerrcode"
)

// Limits bound one request; a zero field takes the default.
type Limits struct {
	// TextBytes is the length of the SQL, 16 MiB.
	TextBytes int
	// Migration and DryRun are how long one may take in all, 10 minutes and
	// 30 seconds.
	Migration, DryRun time.Duration
	// Lock is how long a statement waits for the locks of other transactions, 5
	// seconds. While a statement waits for a table's exclusive lock, all later
	// readers queue behind it.
	Lock time.Duration
	// Turn is how long a request waits for other migrations, 30 seconds.
	Turn time.Duration
}

func (l Limits) orDefault() Limits {
	return Limits{
		TextBytes: cmp.Or(l.TextBytes, 16<<20),
		Migration: cmp.Or(l.Migration, 10*time.Minute),
		DryRun:    cmp.Or(l.DryRun, 30*time.Second),
		Lock:      cmp.Or(l.Lock, 5*time.Second),
		Turn:      cmp.Or(l.Turn, 30*time.Second),
	}
}

// Deps are what changes needs from the rest of the product.
type Deps struct {
	DB     *pg.DB
	Audit  audit.Recorder
	Events *events.Bus
	// Token proves to the database that the server records a migration; it is
	// the one given to pg.DB.Bootstrap.
	Token  []byte
	Limits Limits
	// Now is time.Now outside tests.
	Now func() time.Time
}

// Service applies migrations. Its methods run as the caller in the context;
// the database refuses callers who are not administrators.
type Service struct {
	db      *pg.DB
	audit   audit.Recorder
	events  *events.Bus
	token   []byte
	limits  Limits
	dryRuns *rest.Limiter
	turn    chan struct{} // holds one element while no migration runs
}

// New returns a Service.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Events == nil || len(d.Token) == 0 || d.Now == nil {
		return nil, errors.New("changes: database, events, token and clock are needed")
	}
	s := &Service{
		db: d.DB, audit: d.Audit, events: d.Events, token: d.Token, limits: d.Limits.orDefault(),
		dryRuns: rest.NewLimiter(rest.Limit{
			Window: 15 * time.Minute, Max: 30, Now: d.Now,
			Message: "Too many dry runs of migrations from this address.",
		}),
		turn: make(chan struct{}, 1),
	}
	s.turn <- struct{}{}
	return s, nil
}

// Migration is an applied migration.
type Migration struct {
	// Version is a number of up to 64 digits.
	Version    string    `json:"version"`
	Name       string    `json:"name"`
	Statements []string  `json:"statements"`
	CreatedAt  rest.Time `json:"createdAt"`
}

// Page is a part of the list of migrations, newest version first.
type Page struct {
	// Limit is the largest number of migrations; zero means no limit.
	Limit int64
	// Offset is how many of the newest are skipped.
	Offset int64
}

// List passes the applied migrations of a page to each, one by one, since all
// of them may not fit into memory. It stops at the first error of each.
func (s *Service) List(ctx context.Context, page Page, each func(Migration) error) error {
	return s.db.As(ctx, func(tx pg.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT version, name, statements, created_at
			  FROM system.custom_migrations
			 ORDER BY version::numeric DESC
			 LIMIT nullif($1, 0)
			OFFSET $2`, page.Limit, page.Offset)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var m Migration
			if err := rows.Scan(&m.Version, &m.Name, &m.Statements, (*time.Time)(&m.CreatedAt)); err != nil {
				return err
			}
			if err := each(m); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// Apply runs the migration's SQL and records it, all of it or nothing.
//
// It returns 403 FORBIDDEN for SQL that does not parse or that the guards
// refuse, 400 INVALID_INPUT for SQL without a statement, 413 INVALID_INPUT for
// a text that is too long, 409 DATABASE_MIGRATION_ALREADY_EXISTS when version
// is not newer than the newest, 409 DATABASE_CONSTRAINT_VIOLATION when other
// migrations did not end in time, 503 when another transaction holds a lock
// or the database went away, and what the map of SQLSTATEs says about a
// statement that failed.
func (s *Service) Apply(ctx context.Context, version, name, sql string) (Migration, error) {
	statements, err := s.read(sql)
	if err != nil {
		return Migration{}, err
	}
	if len(statements) == 0 {
		return Migration{}, noStatement()
	}
	m := Migration{Version: version, Name: name, Statements: texts(statements)}
	err = s.alone(ctx, s.limits.Migration, func(ctx context.Context, x *session.Session) error {
		return x.Run(ctx, session.Work{
			Before: func(ctx context.Context, tx pg.Tx) error {
				tx.OnCommit(func() { s.announce(statements) })
				return s.record(ctx, tx, &m)
			},
			SQL:  func(ctx context.Context, tx pg.Tx) error { return run(ctx, tx, statements) },
			Name: "the migration", Look: "GET /api/database/migrations lists it if it was applied, which is whole or not at all.",
		})
	})
	if err != nil {
		return Migration{}, err
	}
	return m, nil
}

func (s *Service) announce(statements []sqltext.Statement) {
	s.events.Publish(events.DataUpdate{
		Resource: events.Database,
		Changes:  append([]events.Change{{Type: "migration"}}, sqltext.Changes(statements)...),
	})
}

// record writes what must exist if the migration does, once other migrations
// have ended.
func (s *Service) record(ctx context.Context, tx pg.Tx, m *Migration) error {
	if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = %d`, s.limits.Turn.Milliseconds())); err != nil {
		return err
	}
	var at *time.Time
	err := tx.QueryRow(ctx, `SELECT system.record_migration($1, $2, $3, $4)`, s.token, m.Version, m.Name, m.Statements).Scan(&at)
	switch {
	case pg.State(err) == pgerrcode.LockNotAvailable:
		return s.busy().Because(err)
	case err != nil:
		return err
	case at == nil:
		return notNewer(ctx, tx, m.Version)
	}
	m.CreatedAt = rest.Time(*at)
	err = s.audit.Record(ctx, tx, audit.Entry{Module: audit.Database, Action: "CREATE_CUSTOM_MIGRATION", Details: struct {
		Name           string `json:"name"`
		Version        string `json:"version"`
		StatementCount int    `json:"statementCount"`
	}{m.Name, m.Version, len(m.Statements)}})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `NOTIFY pgrst, 'reload schema'`)
	return err
}

// notNewer returns the refusal of a version that is not newer than the newest.
func notNewer(ctx context.Context, tx pg.Tx, version string) error {
	var newest string
	err := tx.QueryRow(ctx, `
		SELECT version
		  FROM system.custom_migrations
		 ORDER BY version::numeric DESC
		 LIMIT 1`).Scan(&newest)
	if err != nil {
		return err
	}
	return alreadyExists(version, newest)
}

// read splits and guards a text.
func (s *Service) read(sql string) ([]sqltext.Statement, error) {
	if len(sql) > s.limits.TextBytes {
		return nil, s.tooLong()
	}
	statements, err := sqltext.Split(sql)
	if err != nil {
		return nil, err
	}
	return statements, sqltext.Guard(statements)
}

func texts(statements []sqltext.Statement) []string {
	out := make([]string, len(statements))
	for i, s := range statements {
		out[i] = s.Text
	}
	return out
}
