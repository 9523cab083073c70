// Package session opens connections for SQL that callers bring. Such SQL may
// leave settings, temporary tables, prepared statements and locks behind, and
// code in it may leave the role it was given. So nobody uses its connection
// before or after, and what it did is sealed before it is committed.
package session

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// goodbye bounds what is done for a session after its request.
const goodbye = 5 * time.Second

// Options say what kind of session it is.
type Options struct {
	// Root connects as the database owner, instead of as callers do.
	Root bool
	// MaxRow bounds a row of a result, in bytes; one that is larger breaks the
	// connection before it is read. Zero does not.
	MaxRow int
}

// Session is a connection for one request.
type Session struct {
	*pgx.Conn
	db     *pg.DB
	opened time.Time
}

// Open connects. The session has no role yet but its login's, which as
// callers do may do nothing but take a role of callers. Whoever opens a
// Session closes it.
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
	return &Session{Conn: conn, db: db, opened: time.Now()}, nil
}

// Close ends the session, which rolls back what was not committed. When ctx
// ended first, or nobody wants the rest of a result, a statement may still
// run: it was asked to stop, which SQL can ignore, so the server is told to
// end it.
func (s *Session) Close(ctx context.Context) {
	running := ctx.Err() != nil || s.PgConn().IsBusy()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if running {
		_ = s.db.AsOwner(ctx, func(tx pg.Tx) error {
			// The process id may be that of a session that began later by now.
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

// Seal is the last thing before the commit of SQL that ran as a caller, under
// a search_path that begins with pg_catalog. It returns 403 FORBIDDEN for a
// transaction that changed roles, which must then be rolled back, and keeps
// the commit itself from changing anything.
//
// Every role may change its own password and settings, so code that leaves the
// caller's role could lock the product out of its own login. The guards on
// text do not see into code; the locks on the catalogs of roles, which last
// until the commit, tell. Deferred code, which should have run by now, may
// have deferred more of itself, to run at the commit, behind this check: from
// here on it can only read.
func Seal(ctx context.Context, tx pgx.Tx) error {
	var changed bool
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (
		  SELECT FROM pg_catalog.pg_locks
		   WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND mode <> 'AccessShareLock'
		     AND relation IN ('pg_catalog.pg_authid'::regclass, 'pg_catalog.pg_auth_members'::regclass, 'pg_catalog.pg_db_role_setting'::regclass))`,
		pgx.QueryExecModeSimpleProtocol).Scan(&changed)
	if err != nil {
		return err
	}
	if changed {
		return fault.New(http.StatusForbidden, fault.Forbidden, "The SQL changes a role or its settings, which is not allowed").
			Next("Leave that out, also of functions and DO blocks. Nothing was changed.")
	}
	_, err = tx.Exec(ctx, `SET TRANSACTION READ ONLY`)
	return err
}
