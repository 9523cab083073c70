package transfer

import (
	"context"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/database/session"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// within runs f in a transaction as the caller in ctx, in its own session:
// code that an import brings, or a trigger of the table, may leave settings,
// temporary tables and prepared statements behind. What f returns is audited
// in the transaction.
func (s *Service) within(ctx context.Context, f func(tx pg.Tx) (audit.Entry, error)) error {
	x, err := session.Open(ctx, s.deps.DB, session.Options{
		SearchPath: string(naming.Public), Lock: s.deps.LockWait, Statement: statementLimit,
	})
	if err != nil {
		return err
	}
	defer x.Close(ctx)
	var entry audit.Entry
	return x.Run(ctx, session.Work{
		SQL: func(_ context.Context, tx pg.Tx) (err error) {
			entry, err = f(tx)
			return err
		},
		Record: func(ctx context.Context, tx pg.Tx) error {
			if _, err := tx.Exec(ctx, `NOTIFY pgrst, 'reload schema'`, pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
			return s.deps.Audit.Record(ctx, tx, entry)
		},
		Name: "the file", Look: "Check whether its rows are there before you try again: either all of them are, or none.",
	})
}
