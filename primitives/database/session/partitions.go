package session

import (
	"context"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/refusal"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// unguarded are the statements that give partitions the row-level security of
// the table that they are a part of. A partition is a separate table: when it
// is read by its own name, the policies of that table do not apply. Only what
// this transaction created, attached or put above them is looked at (age
// counts from its number), so that turning it off for a partition alone stays
// possible; and only what the role may alter.
const unguarded = `
	SELECT pg_catalog.format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', n.nspname, c.relname)
	  FROM pg_catalog.pg_inherits h
	  JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid
	  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	 CROSS JOIN LATERAL (
	       SELECT pg_catalog.bool_or(up.oid <> c.oid AND up.relrowsecurity) AS guarded,
	              pg_catalog.bool_or(up.oid <> c.oid AND pg_catalog.age(up.xmin) <= 0 OR pg_catalog.age(link.xmin) <= 0) AS changed
	         FROM pg_catalog.pg_partition_ancestors(c.oid) a
	         JOIN pg_catalog.pg_class up ON up.oid = a.relid
	         LEFT JOIN pg_catalog.pg_inherits link ON link.inhrelid = a.relid) above
	 WHERE pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL
	   AND c.relispartition AND NOT c.relrowsecurity AND c.relkind IN ('r', 'p')
	   AND above.guarded AND above.changed
	   AND pg_catalog.pg_has_role(c.relowner, 'USAGE')`

// guardPartitions turns row-level security on for partitions that the
// transaction added to a table that has it. It returns what refusal.Of does.
func guardPartitions(ctx context.Context, tx pg.Tx) error {
	rows, err := tx.Query(ctx, unguarded, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return err
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(statements) == 0 {
		return err
	}
	_, err = tx.Exec(ctx, strings.Join(statements, "; "), pgx.QueryExecModeSimpleProtocol)
	return refusal.Of(err)
}
