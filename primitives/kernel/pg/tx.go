package pg

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Tx is one transaction. Only As, AsOwner, AsProject and Begin make one. It
// must not be kept after the function it was handed to has returned.
type Tx struct {
	inner
	after *[]func()
}

// inner is embedded by another name so that other packages cannot put a Tx
// together, whose OnCommit would have nowhere to go.
type inner = pgx.Tx

// Beginner begins transactions: a connection, a pool, or what embeds one.
type Beginner interface {
	BeginTx(context.Context, pgx.TxOptions) (pgx.Tx, error)
}

// Begin begins a transaction on a connection that the caller opened, for code
// that must end it itself; all other code uses As, AsOwner or AsProject.
// Committing it with Tx.Commit runs what was given to OnCommit. Rolling it
// back, or losing the connection, does not.
func Begin(ctx context.Context, on Beginner, o pgx.TxOptions) (Tx, error) {
	tx, err := on.BeginTx(ctx, o)
	if err != nil {
		return Tx{}, err
	}
	return Tx{inner: tx, after: new([]func())}, nil
}

// OnCommit runs f after the commit, in the order of the calls. Nothing runs
// when the transaction rolls back.
func (tx Tx) OnCommit(f func()) { *tx.after = append(*tx.after, f) }

// Commit commits, and then runs what was given to OnCommit. A commit that
// Postgres turned into a rollback is the error pgx.ErrTxCommitRollback.
func (tx Tx) Commit(ctx context.Context) error {
	if err := tx.inner.Commit(ctx); err != nil {
		return err
	}
	for _, hook := range *tx.after {
		hook()
	}
	return nil
}

// persisted marks an error whose transaction commits all the same.
type persisted struct{ error }

func (p persisted) Unwrap() error { return p.error }

// Persist makes AsOwner and As commit and then return err: for failures that
// leave a trace, such as a counted attempt or a revoked family.
func Persist(err error) error { return persisted{err} }

// AsOwner runs f in a transaction of the database owner, for the product's
// own tables. Row-level security does not apply.
func (db *DB) AsOwner(ctx context.Context, f func(Tx) error) error {
	return run(ctx, db.owner, nil, f)
}

// As runs f in a transaction as the caller in ctx: its role, its claims,
// row-level security.
func (db *DB) As(ctx context.Context, f func(Tx) error) error {
	p := identity.From(ctx)
	return run(ctx, db.caller, &p, f)
}

// project is the caller that AsProject and AsProjectAtOnce run as.
func project() identity.Principal { return identity.NewAdmin(identity.APIKey, "") }

// AsProject runs f in a transaction as the project's administrator, regardless
// of the caller. It is for tables of the product that may have triggers of the
// project, which must not run as the owner. The statements are the product's
// own, on tables that only migrations change, so their parameter and result
// types are remembered.
func (db *DB) AsProject(ctx context.Context, f func(Tx) error) error {
	p := project()
	return run(ctx, db.caller, &p, func(tx Tx) error {
		tx.inner = described{tx.inner}
		return f(tx)
	})
}

// described is a transaction that asks once per connection, not each time,
// what a statement takes and returns, which saves a round trip.
type described struct{ pgx.Tx }

func (d described) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return d.Tx.Exec(ctx, sql, describedOnce(args)...)
}

func (d described) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return d.Tx.Query(ctx, sql, describedOnce(args)...)
}

func (d described) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return d.Tx.QueryRow(ctx, sql, describedOnce(args)...)
}

func describedOnce(args []any) []any {
	return append([]any{pgx.QueryExecModeCacheDescribe}, args...)
}

func run(ctx context.Context, pool *pgxpool.Pool, as *identity.Principal, f func(Tx) error) error {
	tx, err := Begin(ctx, pool, pgx.TxOptions{BeginQuery: beginQuery(ctx, as)})
	if err != nil {
		// An answer from Postgres is not a lost connection.
		if ctx.Err() == nil && State(err) == "" {
			err = fmt.Errorf("%w: %w", errLost, err)
		}
		return fmt.Errorf("begin: %w", err)
	}
	done := false
	defer func() {
		if done {
			return
		}
		// ctx may be the reason we are here; the rollback must not share its fate.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = tx.Rollback(ctx) // a failed rollback closes the connection, which rolls back
	}()
	err = f(tx)
	var keep persisted
	if err != nil && !errors.As(err, &keep) {
		return lost(ctx, tx, err)
	}
	done = true
	if err := tx.Commit(ctx); err != nil {
		// An answer from Postgres, that it rolled back or why, is not a lost
		// connection.
		if ctx.Err() == nil && State(err) == "" && !errors.Is(err, pgx.ErrTxCommitRollback) {
			err = fmt.Errorf("%w: %w", errLost, err)
		}
		return fmt.Errorf("commit: %w", err)
	}
	if keep.error != nil {
		return keep.error
	}
	return nil
}

// lost marks err when the transaction's connection broke under it.
func lost(ctx context.Context, tx Tx, err error) error {
	if ctx.Err() != nil || !tx.Conn().IsClosed() {
		return err
	}
	return fmt.Errorf("%w: %w", errLost, err)
}

// beginQuery begins a transaction, names the request it serves and takes the
// caller's role, all in one round trip.
func beginQuery(ctx context.Context, as *identity.Principal) string {
	q := "BEGIN"
	if name := applicationName(ctx); name != "" {
		q += "; SET LOCAL application_name = '" + name + "'"
	}
	if as == nil {
		return q
	}
	// Claims hold what a caller likes. In hexadecimal they are the same text
	// under every setting that an earlier session may have left behind.
	return q + fmt.Sprintf(`; SELECT pg_catalog.set_config('role', '%s', true),`+
		` pg_catalog.set_config('request.jwt.claims', pg_catalog.convert_from(pg_catalog.decode('%x', 'hex'), 'UTF8'), true)`,
		as.Role(), as.Claims)
}

// applicationName is the name of the request being served, as it shows in
// pg_stat_activity and in Postgres's log; empty for one that needs quotes.
func applicationName(ctx context.Context) string {
	name := identity.CallFrom(ctx).ApplicationName()
	if strings.ContainsFunc(name, func(r rune) bool {
		return r != ' ' && r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return ""
	}
	return name
}
