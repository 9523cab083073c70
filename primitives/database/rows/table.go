package rows

import (
	"context"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/database/values"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// table describes the current state of a table.
type table struct {
	name    naming.Table
	columns []column
}

// column is a column with its base type, which is the type itself unless that
// is a domain.
type column struct {
	name     naming.Name
	base     values.Type
	sql      string // the base type without modifiers, qualified and quoted
	text     bool   // of a type that holds text
	nullable bool
	key      bool // part of the primary key
	compare  comparison
}

// comparison is how a column is tested for equality with a value.
type comparison string

const (
	byOperator comparison = "o"
	byText     comparison = "t" // the type has no operator =, or one that means something else
	byJSON     comparison = "j"
	byTime     comparison = "m" // a time that answers show in milliseconds
)

// Domains over domains are followed to their base. The categories are those
// of numbers, text, booleans, times, enums, addresses, ranges and bit
// strings; an array compares as its elements do.
const columnsQuery = `
	SELECT a.attname::text, b.oid,
	       CASE WHEN b.typcategory = 'A' THEN b.typelem ELSE 0 END,
	       format('%I.%I', n.nspname, b.typname),
	       b.typcategory = 'S',
	       NOT (a.attnotnull OR d.required),
	       coalesce(a.attnum = ANY (k.conkey), false),
	       CASE WHEN b.oid = 'json'::regtype THEN 'j'
	            WHEN b.oid IN ('timestamptz'::regtype, 'timestamp'::regtype) THEN 'm'
	            WHEN coalesce(e.typcategory, b.typcategory) IN ('N', 'S', 'B', 'D', 'T', 'E', 'I', 'R', 'V')
	              OR coalesce(e.oid, b.oid) IN ('uuid'::regtype, 'bytea'::regtype, 'jsonb'::regtype) THEN 'o'
	            ELSE 't' END
	  FROM pg_attribute a
	  JOIN LATERAL (
	       WITH RECURSIVE up AS (
	         SELECT oid, typtype, typbasetype, typnotnull FROM pg_type WHERE oid = a.atttypid
	         UNION ALL
	         SELECT t.oid, t.typtype, t.typbasetype, t.typnotnull FROM up JOIN pg_type t ON t.oid = up.typbasetype
	          WHERE up.typtype = 'd')
	       SELECT max(oid) FILTER (WHERE typtype <> 'd') AS base, bool_or(typtype = 'd' AND typnotnull) AS required
	         FROM up) d ON true
	  JOIN pg_type b ON b.oid = d.base
	  JOIN pg_namespace n ON n.oid = b.typnamespace
	  LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A'
	  LEFT JOIN pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
	 WHERE a.attrelid = $1
	   AND a.attnum > 0
	   AND NOT a.attisdropped
	 ORDER BY a.attnum`

// load reads a base table, or returns 404 DATABASE_NOT_FOUND.
func load(ctx context.Context, tx pg.Tx, t naming.Table) (table, error) {
	in := table{name: t}
	oid, err := naming.Find(ctx, tx, t)
	if err != nil {
		return in, err
	}
	rows, err := tx.Query(ctx, columnsQuery, oid)
	if err != nil {
		return in, err
	}
	in.columns, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c column, err error) {
		var compare string
		err = row.Scan(&c.name, &c.base.OID, &c.base.Element, &c.sql, &c.text, &c.nullable, &c.key, &compare)
		c.compare = comparison(compare)
		return c, err
	})
	return in, err
}

// column returns the column of that name, or 400 INVALID_INPUT.
func (in table) column(name string) (column, error) {
	i := in.index(name)
	if i < 0 {
		return column{}, noColumn(in.name, name)
	}
	return in.columns[i], nil
}

func (in table) index(name string) int {
	return slices.IndexFunc(in.columns, func(c column) bool { return string(c.name) == name })
}

func noColumn(t naming.Table, name string) *fault.Error {
	return fault.Invalid("Table \"" + string(t.Name) + "\" has no column \"" + strings.ToValidUTF8(name, "�") + "\".").
		Next("GET /api/database/tables/:tableName/schema lists the columns of a table. Names are case-sensitive.")
}

// hasKey reports whether the table has a primary key.
func (in table) hasKey() bool { return len(in.keyColumns()) > 0 }

func (in table) keyColumns() (names []naming.Name) {
	for _, c := range in.columns {
		if c.key {
			names = append(names, c.name)
		}
	}
	return names
}

// columnList names all columns, in the order in which record expects them.
func (in table) columnList() string {
	if len(in.columns) == 0 {
		return "NULL" // RETURNING wants something
	}
	names := make([]string, len(in.columns))
	for i, c := range in.columns {
		names[i] = c.name.SQL()
	}
	return strings.Join(names, ", ")
}

// record makes a JSON object of a row in text format.
func (in table) record(row [][]byte) Record {
	out := []byte{'{'}
	for i, c := range in.columns {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(values.AppendString(out, string(c.name)), ':')
		out = values.AppendJSON(out, c.base.OID, row[i])
	}
	return append(out, '}')
}
