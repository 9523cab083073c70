package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/insforge/insforge-go/primitives/database/session"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// within runs f in a transaction as the caller in ctx, on a connection that
// nobody has used before and nobody uses afterwards: code that an import
// brings, or a trigger of the table, may leave settings, temporary tables and
// prepared statements behind. What f returns is audited in the transaction,
// which is refused when it changed roles.
func (s *Service) within(ctx context.Context, f func(tx pg.Tx) (audit.Entry, error)) (err error) {
	conn, err := session.Open(ctx, s.deps.DB, session.Options{})
	if err != nil {
		return err
	}
	defer func() {
		var known *fault.Error
		if err != nil && !errors.As(err, &known) && conn.IsClosed() && ctx.Err() == nil && pg.State(err) == "" {
			err = gone(err)
		}
		conn.Close(ctx)
	}()
	tx, err := pg.Begin(ctx, conn, pgx.TxOptions{})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
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
	err = tx.Commit(ctx)
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
	if err := s.deps.Audit.Record(ctx, tx, e); err != nil {
		return err
	}
	return session.Seal(ctx, tx)
}
