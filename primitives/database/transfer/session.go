package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/insforge/insforge-go/primitives/database/rawsql"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// goodbye bounds what is done for a connection after its transfer.
const goodbye = 5 * time.Second

// within runs f in a transaction as the caller in ctx, on a connection that
// nobody has used before and nobody uses afterwards: code that an import
// brings, or a trigger of the table, may leave settings, temporary tables and
// prepared statements behind. What f returns is audited in the transaction,
// which is refused when it changed roles.
func (s *Service) within(ctx context.Context, f func(tx pg.Tx) (audit.Entry, error)) (err error) {
	pooled, err := s.deps.DB.AcquireCaller(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	conn := pooled.Hijack()
	var began time.Time // of the server process
	defer func() {
		var known *fault.Error
		if err != nil && !errors.As(err, &known) && conn.IsClosed() && ctx.Err() == nil && pg.State(err) == "" {
			err = gone(err)
		}
		s.close(ctx, conn, began)
	}()
	if _, err := conn.Exec(ctx, `DISCARD ALL`); err != nil {
		return err
	}
	const self = `SELECT backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()`
	if err := conn.QueryRow(ctx, self).Scan(&began); err != nil {
		return err
	}
	inner, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	tx := pg.Tx{Tx: inner}
	if err := s.enter(ctx, tx); err != nil {
		return err
	}
	entry, err := f(tx)
	if err != nil {
		return err
	}
	if conn.PgConn().TxStatus() != 'T' {
		return errors.New("the SQL left the transaction that the server began for it")
	}
	if err := s.settle(ctx, tx, entry); err != nil {
		return err
	}
	err = inner.Commit(ctx)
	if err != nil && ctx.Err() == nil && (pg.State(err) == "" && conn.IsClosed() || pg.Gone(err)) {
		return unknownOutcome(err)
	}
	return err
}

// enter makes the transaction that of the caller in ctx.
func (s *Service) enter(ctx context.Context, tx pg.Tx) error {
	p := identity.From(ctx)
	_, err := tx.Exec(ctx, `
		SELECT set_config('role', $1, true), set_config('request.jwt.claims', $2, true), set_config('search_path', 'public', true),
		       set_config('lock_timeout', $3, true), set_config('statement_timeout', $4, true)`,
		string(p.Role()), p.Claims, milliseconds(s.deps.LockWait), milliseconds(statementLimit))
	if err != nil {
		return fmt.Errorf("assume role %s: %w", p.Role(), err)
	}
	return nil
}

// settle does what comes last in the transaction, whatever the SQL in it has
// made of its role and settings. Deferred code runs before, while these are
// the caller's.
func (s *Service) settle(ctx context.Context, tx pg.Tx, e audit.Entry) error {
	_, err := tx.Exec(ctx, `SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL ROLE `+string(identity.From(ctx).Role())+`;
		SET LOCAL search_path = pg_catalog, pg_temp; NOTIFY pgrst, 'reload schema'`)
	if err != nil {
		return err
	}
	if err := rawsql.GuardRoles(ctx, tx); err != nil {
		return err
	}
	if err := s.deps.Audit.Record(ctx, tx, e); err != nil {
		return err
	}
	// Deferred code may have deferred more of itself. That runs at the commit,
	// behind the guard, so it must not change anything.
	_, err = tx.Exec(ctx, `SET TRANSACTION READ ONLY`)
	return err
}

// close ends a connection, which rolls back what was not committed. When ctx
// ended first, a statement may still run: it was asked to stop, which SQL can
// ignore, so the server is told to end it.
func (s *Service) close(ctx context.Context, conn *pgx.Conn, began time.Time) {
	over := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if over && !began.IsZero() {
		_ = s.deps.DB.AsOwner(ctx, func(tx pg.Tx) error {
			// The process id may be another session's by now.
			_, err := tx.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2`,
				int64(conn.PgConn().PID()), began)
			return err // without the right to, the statement's own timeout ends it
		})
	}
	_ = conn.Close(ctx) // there is nothing to lose
}
