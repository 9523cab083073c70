package pg

import (
	"cmp"
	"context"
	"fmt"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// assume begins a batch: beginQuery with parameters, so that it is prepared.
const assume = `
	SELECT pg_catalog.set_config('role', $1, true),
	       pg_catalog.set_config('request.jwt.claims', $2, true),
	       pg_catalog.set_config('application_name', $3, true)`

// AsProjectAtOnce runs the statements of b as AsProject would, all or none of
// them, in one round trip. Each statement is prepared on every connection that
// runs it and stays prepared, so there must be few, and none built from what a
// caller sent.
//
// The errors of b's functions are returned, but undo nothing: the transaction
// has ended by then. The functions may be called twice.
func (db *DB) AsProjectAtOnce(ctx context.Context, b *pgx.Batch) error {
	conn, err := db.caller.Acquire(ctx)
	if err != nil {
		if ctx.Err() == nil && State(err) == "" {
			err = fmt.Errorf("%w: %w", errLost, err)
		}
		return fmt.Errorf("acquire: %w", err)
	}
	defer conn.Release()
	p, whole := project(), pgx.Batch{}
	whole.Queue(assume, string(p.Role()), p.Claims, cmp.Or(applicationName(ctx), defaultName))
	whole.QueuedQueries = append(whole.QueuedQueries, b.QueuedQueries...)
	err = atOnce(ctx, conn, &whole)
	if isStale(err) { // nothing was done
		err = afresh(ctx, conn, &whole)
	}
	if err != nil && ctx.Err() == nil && conn.Conn().IsClosed() {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

// isStale reports whether a prepared statement is gone, as after a DEALLOCATE
// ALL on the connection, or no longer fits its tables.
func isStale(err error) bool {
	return State(err) == pgerrcode.InvalidSQLStatementName || State(err) == pgerrcode.FeatureNotSupported
}

func atOnce(ctx context.Context, conn *pgxpool.Conn, b *pgx.Batch) error {
	if err := prepare(ctx, conn, b); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	return conn.SendBatch(ctx, b).Close()
}

// afresh is atOnce after preparing b's statements again.
func afresh(ctx context.Context, conn *pgxpool.Conn, b *pgx.Batch) error {
	known := preparedOn(conn)
	for _, q := range b.QueuedQueries {
		delete(known, q.SQL)
		if err := conn.Conn().Deallocate(ctx, q.SQL); err != nil {
			return err
		}
	}
	return atOnce(ctx, conn, b)
}

// prepare prepares the statements of b that are not on conn yet, as the
// project's administrator: the login itself cannot see the tables.
func prepare(ctx context.Context, conn *pgxpool.Conn, b *pgx.Batch) error {
	known := preparedOn(conn)
	var fresh []string
	for _, q := range b.QueuedQueries {
		if !known[q.SQL] {
			fresh = append(fresh, q.SQL)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	p := project()
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{BeginQuery: beginQuery(ctx, &p)}, func(tx pgx.Tx) error {
		for _, sql := range fresh {
			if _, err := tx.Prepare(ctx, sql, sql); err != nil {
				return err
			}
			known[sql] = true
		}
		return nil
	})
}

// preparedKey is where a connection keeps what preparedOn returns.
const preparedKey = "insforge pg prepared"

// preparedOn returns the texts of the statements that are prepared on conn.
func preparedOn(conn *pgxpool.Conn) map[string]bool {
	data := conn.Conn().PgConn().CustomData()
	known, ok := data[preparedKey].(map[string]bool)
	if !ok {
		known = map[string]bool{}
		data[preparedKey] = known
	}
	return known
}
