package changes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// goodbye bounds what is done for a session after its request.
const goodbye = 5 * time.Second

// session is a connection with an open transaction, for one request.
type session struct {
	conn  *pgxpool.Conn
	tx    pgx.Tx
	lock  time.Duration
	began time.Time // of the server process
}

// alone runs f in a transaction of the caller while no other migration of this
// process runs. Unless f commits, the transaction is rolled back. After limit,
// it is ended from outside.
func (s *Service) alone(ctx context.Context, limit time.Duration, f func(context.Context, *session) error) error {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.limits.Turn):
		return s.busy()
	}
	defer func() { s.turn <- struct{}{} }()
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	x, err := s.open(bounded)
	if err == nil {
		defer s.close(bounded, x)
		err = f(bounded, x)
	}
	var known *fault.Error
	switch {
	case err == nil || errors.As(err, &known) || ctx.Err() != nil:
		return err
	case bounded.Err() != nil:
		return tookTooLong(limit, err)
	case x != nil && x.conn.Conn().IsClosed():
		return connectionLost(err)
	}
	return answer(err)
}

// open takes a connection, clears it of what earlier callers may have left,
// and begins a transaction as the caller. Nothing is looked up outside of
// Postgres's own catalog until run.
func (s *Service) open(ctx context.Context) (*session, error) {
	conn, err := s.db.AcquireCaller(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	x := &session{conn: conn, lock: s.limits.Lock}
	if err := s.begin(ctx, x); err != nil {
		s.close(ctx, x)
		return nil, err
	}
	return x, nil
}

func (s *Service) begin(ctx context.Context, x *session) (err error) {
	if _, err := x.conn.Exec(ctx, `DISCARD ALL`); err != nil {
		return err
	}
	const self = `SELECT backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()`
	if err := x.conn.QueryRow(ctx, self).Scan(&x.began); err != nil {
		return err
	}
	begin := fmt.Sprintf(`BEGIN; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL client_encoding = 'UTF8';
		SET LOCAL standard_conforming_strings = on; SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = 0`,
		s.limits.Turn.Milliseconds())
	if x.tx, err = x.conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin}); err != nil {
		return err
	}
	caller := identity.From(ctx)
	const enter = `SELECT set_config('role', $1, true), set_config('request.jwt.claims', $2, true), set_config('application_name', $3, true)`
	if _, err = x.tx.Exec(ctx, enter, string(caller.Role()), caller.Claims, identity.CallFrom(ctx).ApplicationName()); err != nil {
		return fmt.Errorf("assume role %s: %w", caller.Role(), err)
	}
	return nil
}

// run runs the project's statements, in schema public and with the time that
// is left.
func (x *session) run(ctx context.Context, statements []sqltext.Statement) error {
	ends, _ := ctx.Deadline()
	settings := fmt.Sprintf(`SET LOCAL search_path = public; SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d`,
		x.lock.Milliseconds(), max(1, time.Until(ends).Milliseconds()))
	if _, err := x.tx.Exec(ctx, settings); err != nil {
		return err
	}
	raw := x.conn.Conn().PgConn()
	for i, s := range statements {
		// The extended protocol: the server refuses more than one command.
		if _, err := raw.ExecParams(ctx, s.Text, nil, nil, nil, nil).Close(); err != nil {
			return &failure{number: i + 1, of: len(statements), statement: s, err: err}
		}
	}
	if raw.TxStatus() != 'T' {
		return errors.New("the SQL left the transaction that the server began for it")
	}
	return nil
}

// commit ends the transaction. When the connection breaks meanwhile, nobody
// knows how.
func (x *session) commit(ctx context.Context) error {
	err := x.tx.Commit(ctx)
	if err != nil && (pg.State(err) == "" || pg.Gone(err)) {
		return unknownOutcome(err)
	}
	return deferred(err)
}

// close ends the session, which rolls back what was not committed, and takes
// the connection out of the pool. When ctx ended first, a statement may still
// run: it was asked to stop, which SQL can ignore, so the server is told to
// end it.
func (s *Service) close(ctx context.Context, x *session) {
	over := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if over && !x.began.IsZero() {
		_ = s.db.AsOwner(ctx, func(tx pg.Tx) error {
			// The process id may be another session's by now.
			_, err := tx.Exec(ctx, `
				SELECT pg_terminate_backend(pid)
				  FROM pg_stat_activity
				 WHERE pid = $1 AND backend_start = $2`, int64(x.conn.Conn().PgConn().PID()), x.began)
			return err // without the right to, the statement's own timeout ends it
		})
	}
	_ = x.conn.Conn().Close(ctx) // there is nothing to lose
	x.conn.Release()
}
