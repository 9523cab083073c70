package typegen

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// catalog is what the database's catalog says.
type catalog struct {
	exists    map[string]bool // schemas that were asked for
	types     map[uint32]*pgType
	relations []*relation // of the schemas asked for
	byOID     map[uint32]*relation
	functions []*function
}

// pgType is a row of pg_type.
type pgType struct {
	schema, name string
	// kind is pg_type.typtype: base, composite, domain, enum, pseudo, range,
	// multirange.
	kind string
	// element is an array's; base is a domain's; relation is a composite's.
	element, base, relation uint32
	notNull, hasDefault     bool // of a domain
	labels                  []string
	// toJSON reports whether the type has its own cast to JSON. For domains only
	// implicit casts count, and the base type is not considered.
	toJSON bool
}

// relation is a table, view or composite type.
type relation struct {
	schema, name string
	// kind is pg_class.relkind.
	kind                   string
	oid                    uint32
	insertable, updatable  bool
	freeInsert, freeUpdate bool // a trigger takes any column
	columns                []column
}

func (r *relation) isView() bool      { return r.kind == "v" || r.kind == "m" }
func (r *relation) isComposite() bool { return r.kind == "c" }
func (r *relation) isTable() bool     { return !r.isView() && !r.isComposite() }

// column is a row of pg_attribute.
type column struct {
	name                string
	typ                 uint32
	notNull, hasDefault bool
	// computed reports whether the database fills it and refuses other values:
	// generated columns and identities GENERATED ALWAYS.
	computed bool
	identity bool
	// writable is false for a view's expressions.
	writable bool
}

// function is a row of pg_proc.
type function struct {
	schema, name string
	arguments    []argument // inputs
	outputs      []argument // of RETURNS TABLE and OUT
	returns      uint32
	setOf        bool
	one          bool // returns a row at most
}

type argument struct {
	name     string
	typ      uint32
	optional bool
}

// readCatalog reads one state of the catalog.
func readCatalog(ctx context.Context, conn *pgx.Conn, schemas []string) (*catalog, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	// The transaction only reads: how it ends does not matter.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	c := &catalog{exists: map[string]bool{}, types: map[uint32]*pgType{}, byOID: map[uint32]*relation{}}
	for _, read := range []func(context.Context, pgx.Tx, []string) error{
		c.readSchemas, c.readTypes, c.readRelations, c.readColumns, c.readFunctions,
	} {
		if err := read(ctx, tx, schemas); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func each(ctx context.Context, tx pgx.Tx, sql string, args, into []any, f func()) error {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, into, func() error {
		f()
		return nil
	})
	return err
}

func (c *catalog) readSchemas(ctx context.Context, tx pgx.Tx, schemas []string) error {
	const q = `SELECT nspname::text FROM pg_catalog.pg_namespace WHERE nspname = ANY ($1)`
	var name string
	return each(ctx, tx, q, []any{schemas}, []any{&name}, func() { c.exists[name] = true })
}

// readTypes reads all types. What to_json does with a type decides its
// TypeScript: a function that casts it to json is called for the types that the
// server does not know itself, and for a domain only if it is implicit.
func (c *catalog) readTypes(ctx context.Context, tx pgx.Tx, _ []string) error {
	const q = `
SELECT t.oid, n.nspname, t.typname, t.typtype::text,
	CASE WHEN t.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc THEN t.typelem ELSE 0 END,
	t.typbasetype, t.typrelid, t.typnotnull, t.typdefault IS NOT NULL,
	ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
	n.nspname <> 'pg_catalog' AND EXISTS (
		SELECT FROM pg_catalog.pg_cast k
		WHERE k.castsource = t.oid AND k.casttarget = 'pg_catalog.json'::pg_catalog.regtype
			AND k.castmethod = 'f' AND (t.typtype <> 'd' OR k.castcontext = 'i'))
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace`
	var oid uint32
	var t pgType
	return each(ctx, tx, q, nil, []any{
		&oid, &t.schema, &t.name, &t.kind, &t.element, &t.base, &t.relation,
		&t.notNull, &t.hasDefault, &t.labels, &t.toJSON,
	}, func() {
		made := t
		t.labels = nil
		c.types[oid] = &made
	})
}

// readRelations reads what the record layer serves, and the composite types.
// Partitions are served through their parent. Those of other schemas are for
// columns and results of their types; the server is not asked whether they can
// be written, which fails for a foreign table whose library is gone.
func (c *catalog) readRelations(ctx context.Context, tx pgx.Tx, schemas []string) error {
	const q = `
SELECT c.oid, n.nspname, c.relname, c.relkind::text, n.nspname = ANY ($1),
	CASE WHEN c.relkind IN ('r', 'p') THEN 28
	     WHEN c.relkind IN ('v', 'f') AND n.nspname = ANY ($1) THEN pg_catalog.pg_relation_is_updatable(c.oid, true)
	     ELSE 0 END,
	coalesce((
		SELECT pg_catalog.bit_or(g.tgtype) FROM pg_catalog.pg_trigger g
		WHERE g.tgrelid = c.oid AND g.tgtype & 64 <> 0), 0)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', 'c') AND NOT c.relispartition
	AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')`
	// Bits of pg_relation_is_updatable (1 << CmdType) and of the events of
	// INSTEAD OF triggers (pg_trigger.h).
	const canUpdate, canInsert, onInsert, onUpdate = 1 << 2, 1 << 3, 1 << 2, 1 << 4
	var r relation
	var asked bool
	var can, instead int
	return each(ctx, tx, q, []any{schemas}, []any{&r.oid, &r.schema, &r.name, &r.kind, &asked, &can, &instead}, func() {
		made := r
		made.insertable, made.updatable = can&canInsert != 0, can&canUpdate != 0
		made.freeInsert, made.freeUpdate = instead&onInsert != 0, instead&onUpdate != 0
		c.byOID[made.oid] = &made
		if asked {
			c.relations = append(c.relations, &made)
		}
	})
}

func (c *catalog) readColumns(ctx context.Context, tx pgx.Tx, schemas []string) error {
	const q = `
SELECT a.attrelid, a.attname, a.atttypid, a.attnotnull, a.atthasdef,
	a.attgenerated <> '' OR a.attidentity = 'a', a.attidentity <> '',
	CASE WHEN c.relkind = 'v' AND n.nspname = ANY ($1) THEN pg_catalog.pg_column_is_updatable(c.oid, a.attnum, false)
	     ELSE true END
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v', 'm', 'f', 'p', 'c') AND NOT c.relispartition
	AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY a.attrelid, a.attname COLLATE "C"`
	var oid uint32
	var k column
	return each(ctx, tx, q, []any{schemas}, []any{
		&oid, &k.name, &k.typ, &k.notNull, &k.hasDefault, &k.computed, &k.identity, &k.writable,
	}, func() {
		if r := c.byOID[oid]; r != nil {
			r.columns = append(r.columns, k)
		}
	})
}

// readFunctions reads the functions that a client may call or select. Those
// of extensions are tools for SQL; an extension in public would bury the
// project's own.
func (c *catalog) readFunctions(ctx context.Context, tx pgx.Tx, schemas []string) error {
	const q = `
SELECT n.nspname, p.proname, coalesce(p.proargnames, '{}'), coalesce(p.proargmodes::text[], '{}'),
	coalesce(p.proallargtypes, p.proargtypes::oid[]), p.pronargs - p.pronargdefaults,
	p.prorettype, p.proretset, NOT p.proretset OR p.prorows = 1
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE p.prokind = 'f' AND n.nspname = ANY ($1)
	AND p.prorettype NOT IN ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
	AND NOT EXISTS (
		SELECT FROM pg_catalog.pg_depend d
		WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY n.nspname, p.proname, p.pronargs, pg_catalog.pg_get_function_identity_arguments(p.oid) COLLATE "C"`
	var f function
	var names, modes []string
	var types []uint32
	var required int
	return each(ctx, tx, q, []any{schemas}, []any{
		&f.schema, &f.name, &names, &modes, &types, &required, &f.returns, &f.setOf, &f.one,
	}, func() {
		made := f
		made.arguments, made.outputs = arguments(names, modes, types, required)
		c.functions = append(c.functions, &made)
	})
}

// arguments separates inputs from outputs; the first required inputs have no
// default.
func arguments(names, modes []string, types []uint32, required int) (in, out []argument) {
	for i, typ := range types {
		a := argument{typ: typ}
		if i < len(names) {
			a.name = names[i]
		}
		mode := "i"
		if i < len(modes) {
			mode = modes[i]
		}
		if mode == "o" || mode == "t" || mode == "b" {
			o := a
			if o.name == "" {
				o.name = fmt.Sprintf("column%d", len(out)+1) // as Postgres calls it
			}
			out = append(out, o)
		}
		if mode != "o" && mode != "t" {
			a.optional = len(in) >= required
			in = append(in, a)
		}
	}
	return in, out
}
