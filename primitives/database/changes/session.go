package changes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/insforge/insforge-go/primitives/database/session"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// work is a session with an open transaction, for one request.
type work struct {
	*session.Session
	tx   pg.Tx
	lock time.Duration
}

// alone runs f in a transaction of the caller while no other migration of this
// process runs. Unless f commits, the transaction is rolled back. After limit,
// it is ended from outside.
func (s *Service) alone(ctx context.Context, limit time.Duration, f func(context.Context, *work) error) error {
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
		defer x.Close(bounded)
		err = f(bounded, x)
	}
	var known *fault.Error
	switch {
	case err == nil || errors.As(err, &known) || ctx.Err() != nil:
		return err
	case bounded.Err() != nil:
		return tookTooLong(limit, err)
	case x != nil && x.IsClosed():
		return connectionLost(err)
	}
	return answer(err)
}

// open connects and begins a transaction as the caller. Nothing is looked up
// outside of Postgres's own catalog until run.
func (s *Service) open(ctx context.Context) (*work, error) {
	conn, err := session.Open(ctx, s.db, session.Options{})
	if err != nil {
		return nil, err
	}
	x := &work{Session: conn, lock: s.limits.Lock}
	if err := s.begin(ctx, x); err != nil {
		x.Close(ctx)
		return nil, err
	}
	return x, nil
}

func (s *Service) begin(ctx context.Context, x *work) (err error) {
	begin := fmt.Sprintf(`BEGIN; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL client_encoding = 'UTF8';
		SET LOCAL standard_conforming_strings = on; SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = 0`,
		s.limits.Turn.Milliseconds())
	if x.tx, err = pg.Begin(ctx, x, pgx.TxOptions{BeginQuery: begin}); err != nil {
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
func (x *work) run(ctx context.Context, statements []sqltext.Statement) error {
	ends, _ := ctx.Deadline()
	settings := fmt.Sprintf(`SET LOCAL search_path = public; SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d`,
		x.lock.Milliseconds(), max(1, time.Until(ends).Milliseconds()))
	if _, err := x.tx.Exec(ctx, settings); err != nil {
		return err
	}
	raw := x.PgConn()
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

// commit ends the transaction, after what was deferred to its end. When the
// connection breaks meanwhile, nobody knows how.
func (x *work) commit(ctx context.Context) error {
	if _, err := x.tx.Exec(ctx, `SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL search_path = pg_catalog, pg_temp`, pgx.QueryExecModeSimpleProtocol); err != nil {
		return deferred(err)
	}
	if err := session.Seal(ctx, x.tx); err != nil {
		return err
	}
	err := x.tx.Commit(ctx)
	if err != nil && (pg.State(err) == "" || pg.Gone(err)) {
		return unknownOutcome(err)
	}
	return deferred(err)
}
