package transfer

import (
	"context"
	"fmt"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// closeTimeout bounds the goodbye to Postgres, which must not share the fate
// of the request.
const closeTimeout = 5 * time.Second

// within runs f in a transaction as the caller in ctx, on a connection that
// nobody uses afterwards: the SQL of an import may leave settings, temporary
// tables and prepared statements behind. f must call become before it relies
// on who it is.
func (s *Service) within(ctx context.Context, f func(tx pg.Tx) error) error {
	pooled, err := s.deps.DB.AcquireCaller(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	conn := pooled.Hijack()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = conn.Close(ctx) // what is not committed is rolled back
	}()
	inner, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	tx := pg.Tx{Tx: inner}
	if err := s.become(ctx, tx); err != nil {
		return err
	}
	if err := f(tx); err != nil {
		if conn.IsClosed() && ctx.Err() == nil && pg.State(err) == "" {
			return gone(err)
		}
		return err
	}
	if err := inner.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// become makes the transaction that of the caller in ctx, whatever the SQL
// that ran in it has made of it.
func (s *Service) become(ctx context.Context, tx pg.Tx) error {
	p := identity.From(ctx)
	// A statement of its own, which no function of the caller's can stand in for.
	if _, err := tx.Exec(ctx, "SET LOCAL ROLE "+pgx.Identifier{string(p.Role())}.Sanitize()); err != nil {
		return fmt.Errorf("assume role: %w", err)
	}
	_, err := tx.Exec(ctx, `
		SELECT pg_catalog.set_config('search_path', 'public', true),
		       pg_catalog.set_config('request.jwt.claims', $1::pg_catalog.text, true),
		       pg_catalog.set_config('lock_timeout', $2::pg_catalog.text, true),
		       pg_catalog.set_config('statement_timeout', $3::pg_catalog.text, true)`,
		p.Claims, milliseconds(s.deps.LockWait), milliseconds(statementLimit))
	return err
}
