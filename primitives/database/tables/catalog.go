package tables

import (
	"context"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// Description describes the current state of a table.
type Description struct {
	Schema      Name             `json:"schemaName"`
	Name        Name             `json:"tableName"`
	Columns     []ColumnInfo     `json:"columns"`
	ForeignKeys []ForeignKeyInfo `json:"foreignKeys"`
	RecordCount int64            `json:"recordCount"`
}

// ColumnInfo is a column of a table.
type ColumnInfo struct {
	Name       Name `json:"columnName"`
	Type       Type `json:"type"`
	Nullable   bool `json:"isNullable"`
	PrimaryKey bool `json:"isPrimaryKey"`
	// Unique reports whether the column is part of the primary key or of a
	// unique constraint, even one over several columns.
	Unique  bool    `json:"isUnique"`
	Default *string `json:"defaultValue,omitempty"`
}

// ForeignKeyInfo is a foreign key of a table.
type ForeignKeyInfo struct {
	Constraint Name `json:"constraintName"`
	ForeignKey
}

// list returns the names of the base tables in a schema, sorted.
func list(ctx context.Context, tx pg.Tx, schema Name) ([]Name, error) {
	rows, err := tx.Query(ctx, `
		SELECT c.relname::text
		  FROM pg_class c
		  JOIN pg_namespace n ON n.oid = c.relnamespace
		 WHERE n.nspname = $1
		   AND c.relkind IN ('r', 'p')
		 ORDER BY c.relname`, string(schema))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[Name])
}

// The types are those of a domain's base type, as in information_schema.
const columnsQuery = `
	SELECT a.attname::text,
	       CASE WHEN b.typnamespace = 'pg_catalog'::regnamespace
	            THEN format_type(b.oid, NULL) ELSE b.typname::text END,
	       b.typcategory = 'A',
	       NOT (a.attnotnull OR t.typtype = 'd' AND t.typnotnull),
	       coalesce(k.is_primary, false),
	       coalesce(k.is_unique, false),
	       CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END
	  FROM pg_attribute a
	  JOIN pg_type t ON t.oid = a.atttypid
	  JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
	  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	  LEFT JOIN LATERAL (
	       SELECT bool_or(c.contype = 'p') AS is_primary, count(*) > 0 AS is_unique
	         FROM pg_constraint c
	        WHERE c.conrelid = a.attrelid
	          AND c.contype IN ('p', 'u')
	          AND a.attnum = ANY (c.conkey)) k ON true
	 WHERE a.attrelid = $1
	   AND a.attnum > 0
	   AND NOT a.attisdropped
	 ORDER BY a.attnum`

// A key that points to a partitioned table has one more constraint for each
// of its partitions; those are left out.
const foreignKeysQuery = `
	SELECT c.conname::text,
	       CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END || r.relname,
	       c.confdeltype::text,
	       c.confupdtype::text,
	       ARRAY(SELECT a.attname::text
	               FROM unnest(c.conkey) WITH ORDINALITY k (num, nth)
	               JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num
	              ORDER BY k.nth),
	       ARRAY(SELECT a.attname::text
	               FROM unnest(c.confkey) WITH ORDINALITY k (num, nth)
	               JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num
	              ORDER BY k.nth)
	  FROM pg_constraint c
	  JOIN pg_class r ON r.oid = c.confrelid
	  JOIN pg_namespace n ON n.oid = r.relnamespace
	 WHERE c.conrelid = $1
	   AND c.contype = 'f'
	   AND NOT EXISTS (SELECT FROM pg_constraint p
	                    WHERE p.oid = c.conparentid AND p.conrelid = c.conrelid)
	 ORDER BY c.conname`

// describe reads the table with the given oid in one round trip.
func describe(ctx context.Context, tx pg.Tx, t Table, oid uint32) (Description, error) {
	d := Description{Schema: t.Schema, Name: t.Name}
	var batch pgx.Batch
	batch.Queue(columnsQuery, oid).Query(func(rows pgx.Rows) (err error) {
		d.Columns, err = pgx.CollectRows(rows, scanColumn)
		return err
	})
	batch.Queue(foreignKeysQuery, oid).Query(func(rows pgx.Rows) (err error) {
		d.ForeignKeys, err = pgx.CollectRows(rows, scanForeignKey)
		return err
	})
	batch.Queue(`SELECT count(*) FROM ` + t.SQL()).QueryRow(func(row pgx.Row) error {
		return row.Scan(&d.RecordCount)
	})
	return d, tx.SendBatch(ctx, &batch).Close()
}

func scanColumn(row pgx.CollectableRow) (c ColumnInfo, err error) {
	var sqlType string
	var isArray bool
	var value *string
	err = row.Scan(&c.Name, &sqlType, &isArray, &c.Nullable, &c.PrimaryKey, &c.Unique, &value)
	c.Type, c.Default = typeOf(sqlType, isArray), readDefault(value)
	return c, err
}

func scanForeignKey(row pgx.CollectableRow) (k ForeignKeyInfo, err error) {
	var onDelete, onUpdate string
	var sources, targets []Name
	err = row.Scan(&k.Constraint, &k.Table, &onDelete, &onUpdate, &sources, &targets)
	k.OnDelete, k.OnUpdate = actionOf(onDelete), actionOf(onUpdate)
	for i, source := range sources {
		k.Columns = append(k.Columns, ColumnPair{Source: source, Target: targets[i]})
	}
	return k, err
}
