// Package session runs SQL that callers bring.
//
// Such SQL may leave settings, temporary tables, prepared statements and locks
// behind, and code in it may leave the role it was given. So it gets a
// connection that nothing else uses, before or after, and always takes the
// same steps:
//
//	enter    begin, do what must be done before the SQL, take over its settings
//	run      the caller's SQL
//	settle   check deferred constraints while the caller's role is in force
//	seal     put our own settings in place, guard new partitions of tables with
//	         row-level security, record what happened, refuse a transaction that
//	         changed roles, allow no more writes
//	commit
//
// Raw SQL, migrations, imports and bulk upserts take all of them
// (Session.Run); a dry run stops after settle (Session.Try).
package session

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// goodbye bounds the work on a session after its request.
const goodbye = 5 * time.Second

// Options describe a session.
type Options struct {
	// Root connects as the database owner, instead of as callers do.
	Root bool
	// MaxRow bounds a row of a result, in bytes; a larger one breaks the
	// connection before it is read. Zero means no bound.
	MaxRow int
	// SearchPath is a schema, the only one that the SQL finds unqualified names
	// in. Empty means the database's own search path.
	SearchPath string
	// Lock and Statement are how long a statement may wait for a lock and run,
	// ours as well as the caller's; zero means no limit.
	Lock, Statement time.Duration
}

// Session is a connection for one request.
type Session struct {
	*pgx.Conn
	db      *pg.DB
	options Options
	role    string // that the SQL runs as; NONE is the login's own
	opened  time.Time
}

// Open connects as callers do and takes the role of the caller in ctx, or
// connects as the owner. The caller closes the Session.
//
// Role and limits are set outside of transactions, so that they stay when the
// first one is rolled back.
func Open(ctx context.Context, db *pg.DB, o Options) (*Session, error) {
	config := db.ConnConfig(o.Root)
	if name := identity.CallFrom(ctx).ApplicationName(); name != "" {
		config.RuntimeParams["application_name"] = name
	}
	if o.MaxRow > 0 {
		config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
			f := pgproto3.NewFrontend(r, w)
			f.SetMaxBodyLen(o.MaxRow)
			return f
		}
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	s := &Session{Conn: conn, db: db, options: o, role: "NONE", opened: time.Now()}
	settings := s.settings("SET")
	if o.SearchPath != "" {
		settings += "; SET search_path = " + quote.Identifier(o.SearchPath)
	}
	if !o.Root {
		p := identity.From(ctx)
		s.role = string(p.Role())
		settings += `; SET "request.jwt.claims" = ` + quote.Literal(p.Claims) + `; SET ROLE ` + s.role
	}
	if err := s.simple(ctx, settings); err != nil {
		s.Close(ctx)
		return nil, fmt.Errorf("prepare the session: %w", err)
	}
	return s, nil
}

// settings are statements that set how SQL is read and how long it may take.
// verb is SET or SET LOCAL.
func (s *Session) settings(verb string) string {
	return fmt.Sprintf("%[1]s client_encoding = 'UTF8'; %[1]s standard_conforming_strings = on; %[1]s lock_timeout = %[2]d; %[1]s statement_timeout = %[3]d",
		verb, s.options.Lock.Milliseconds(), s.options.Statement.Milliseconds())
}

// simple runs statements that return nothing, in one round trip.
func (s *Session) simple(ctx context.Context, sql string) error {
	_, err := s.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}

// Close ends the session, which rolls back what was not committed. When ctx
// ended first, or the rest of a result is not wanted, a statement may still
// run: it was asked to stop, which SQL can ignore, so the server is asked to
// terminate it.
func (s *Session) Close(ctx context.Context) {
	running := ctx.Err() != nil || s.PgConn().IsBusy()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if running {
		_ = s.db.AsOwner(ctx, func(tx pg.Tx) error {
			// By now, the process id may belong to a later session.
			_, err := tx.Exec(ctx, `
				SELECT pg_terminate_backend(pid)
				  FROM pg_stat_activity
				 WHERE pid = $1 AND backend_start < clock_timestamp() - $2::float8 * interval '1 microsecond'`,
				int64(s.PgConn().PID()), float64(time.Since(s.opened).Microseconds()))
			return err // without the right to, the statement's own timeout ends it
		})
	}
	_ = s.Conn.Close(ctx) // there is nothing to lose
}
