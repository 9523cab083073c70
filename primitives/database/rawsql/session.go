package rawsql

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// goodbye bounds what is done for a session after its request.
const goodbye = 5 * time.Second

// rowShare is which part of a result one row may be: as JSON it may grow to
// several times its size, in memory.
const rowShare = 4

// session is a connection for one request.
type session struct {
	s      *Service
	conn   *pgx.Conn
	role   string // that statements run as; NONE is the login's own
	opened time.Time
	// statements counts those that were prepared.
	statements int
}

// open connects as the owner or as callers do, and takes the caller's role.
// A setting made here is made outside of transactions: it stays when the
// first one is rolled back.
func (s *Service) open(ctx context.Context, root bool) (*session, error) {
	config, err := s.config(ctx, root)
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["application_name"] = cmp.Or(identity.CallFrom(ctx).ApplicationName(), "insforge raw sql")
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(r, w)
		f.SetMaxBodyLen(int(s.limits.Bytes / rowShare)) // a row that is larger is not even read
		return f
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	x := &session{s: s, conn: conn, role: "NONE", opened: time.Now()}
	settings := fmt.Sprintf(`SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET statement_timeout = %d`,
		s.limits.Statement.Milliseconds())
	if !root {
		p := identity.From(ctx)
		x.role = string(p.Role())
		settings += fmt.Sprintf(`; SET "request.jwt.claims" = %s; SET ROLE %s`, literal(p.Claims), x.role)
	}
	if _, err := conn.Exec(ctx, settings); err != nil {
		x.close(ctx)
		return nil, fmt.Errorf("prepare the session: %w", err)
	}
	return x, nil
}

// literal quotes a string for SQL with standard_conforming_strings on.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// config is how the owner or the callers' login connects. The latter is
// learnt from a connection of its pool.
func (s *Service) config(ctx context.Context, root bool) (*pgx.ConnConfig, error) {
	if root {
		return pgx.ParseConfig(s.db.OwnerDSN())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.caller == nil {
		conn, err := s.db.AcquireCaller(ctx)
		if err != nil {
			return nil, err
		}
		s.caller = conn.Conn().Config()
		conn.Release()
	}
	return s.caller.Copy(), nil
}

// close ends the session. When ctx ended first, or nobody wants the rest of a
// result, the statement may still run: it was asked to stop, which code in SQL
// can ignore, so the server is told to end it.
func (x *session) close(ctx context.Context) {
	running := ctx.Err() != nil || x.raw().IsBusy()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if running {
		// A process id may have been taken over by a session that began later.
		_ = x.s.db.AsOwner(ctx, func(tx pg.Tx) error {
			_, err := tx.Exec(ctx, `
				SELECT pg_terminate_backend(pid)
				  FROM pg_stat_activity
				 WHERE pid = $1 AND backend_start < clock_timestamp() - $2::float8 * interval '1 microsecond'`,
				int64(x.conn.PgConn().PID()), float64(time.Since(x.opened).Microseconds()))
			return err // without the right to, the statement's own timeout ends it
		})
	}
	_ = x.conn.Close(ctx) // there is nothing to lose
}

// raw is the connection below pgx, for statements whose results are streamed.
func (x *session) raw() *pgconn.PgConn { return x.conn.PgConn() }
