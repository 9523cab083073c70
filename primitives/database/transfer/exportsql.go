package transfer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/insforge/insforge-go/primitives/kernel/quote"
)

// Bounds of one INSERT, so that readers need not hold much of the file.
const (
	maxInsertRows  = 100
	maxInsertBytes = 256 << 10
)

// writeSQL writes the export as one JSON string of SQL.
func (e *exporter) writeSQL(ctx context.Context) error {
	objects, err := e.objects(ctx)
	if err != nil {
		return err
	}
	d, err := e.loadDump(ctx, objects)
	if err != nil {
		return err
	}
	if err := e.out.Append(func(b []byte) []byte {
		b = append(b, '"')
		return appendInside(b, "-- Export of schema public, made "+e.timestamp+".\n-- Run it in one transaction. Existing tables stay and get the rows.\n\n")
	}); err != nil {
		return err
	}
	if err := e.statements(d.before()...); err != nil {
		return err
	}
	if e.Data {
		// Triggers come back after the rows, which they must not change.
		triggers, err := e.collect(ctx, dropTriggersQuery, d.relations)
		if err != nil {
			return err
		}
		if err := e.statements(triggers...); err != nil {
			return err
		}
		if err := e.insertAll(ctx, d); err != nil {
			return err
		}
	}
	after, err := d.after(ctx, e)
	if err != nil {
		return err
	}
	if err := e.statements(after...); err != nil {
		return err
	}
	return e.out.Text(`"`)
}

// statements writes statements, each on its own lines.
func (e *exporter) statements(statements ...string) error {
	for _, sql := range statements {
		text := importable(sql) + ";\n\n"
		if strings.HasPrefix(sql, "--") {
			text = respell(sql, " ") + "\n\n"
		}
		if err := e.out.Append(func(b []byte) []byte { return appendInside(b, text) }); err != nil {
			return err
		}
	}
	return nil
}

// objects returns the graph of everything to export.
func (e *exporter) objects(ctx context.Context) (graph, error) {
	names, err := e.chosen(ctx)
	if err != nil {
		return graph{}, err
	}
	g, err := loadGraph(ctx, e.tx)
	if err != nil {
		return graph{}, err
	}
	var roots []*object
	for _, o := range g.objects {
		switch o.kind {
		case kindTable:
			if slices.Contains(names, o.name) {
				roots = append(roots, o)
			}
		case kindFunction:
			if e.Functions {
				roots = append(roots, o)
			}
		case kindSequence:
			if e.Sequences {
				roots = append(roots, o)
			}
		case kindView:
			if e.Views {
				roots = append(roots, o)
			}
		}
	}
	kept := closure(roots)
	var tables []string
	for _, o := range kept {
		if o.kind == kindTable && !slices.Contains(names, o.name) {
			tables = append(tables, o.name) // a view needs it, or it is a partition
		}
	}
	maps.DeleteFunc(g.objects, func(_ objectKey, o *object) bool { return !slices.Contains(kept, o) })
	return g, lockTables(ctx, e.tx, tables)
}

// dump is everything that an export says about the database, except rows.
type dump struct {
	ordered     []*object
	postponed   map[uint32]bool
	extensions  []extension
	tables      map[*object]*table
	definitions map[*object]string
	keys        []foreignKey
	truncated   map[uint32]bool // tables whose rows are not all there
	withData    bool
	relations   []uint32 // tables, views and sequences
	functions   []uint32
}

// foreignKey is a foreign key of an exported table.
type foreignKey struct {
	table, target       uint32
	sql, name, targeted string // of the table, the constraint and the target, quoted
	definition          string
	valid               bool
	ours                bool // the target is in schema public
}

const foreignKeysQuery = `
	SELECT c.conrelid, c.confrelid, c.conrelid::regclass::text, quote_ident(c.conname), c.confrelid::regclass::text,
	       pg_get_constraintdef(c.oid), c.convalidated, r.relnamespace = 'public'::regnamespace
	  FROM pg_constraint c
	  JOIN pg_class r ON r.oid = c.confrelid
	 WHERE c.conrelid = ANY ($1) AND c.contype = 'f' AND c.conparentid = 0
	 ORDER BY 3, 4`

func (e *exporter) loadDump(ctx context.Context, g graph) (d *dump, err error) {
	d = &dump{truncated: map[uint32]bool{}, withData: e.Data}
	d.ordered, d.postponed = arrange(slices.Collect(maps.Values(g.objects)))
	for _, o := range d.ordered {
		for _, x := range g.extensions[objectKey{o.class, o.oid}] {
			if !slices.Contains(d.extensions, x) {
				d.extensions = append(d.extensions, x)
			}
		}
		switch o.kind {
		case kindTable, kindView, kindSequence:
			d.relations = append(d.relations, o.oid)
		case kindFunction:
			d.functions = append(d.functions, o.oid)
		}
	}
	if d.tables, err = loadTables(ctx, e.tx, d.ordered); err != nil {
		return nil, err
	}
	if d.definitions, err = loadDefinitions(ctx, e.tx, d.ordered); err != nil {
		return nil, err
	}
	rows, err := e.tx.Query(ctx, foreignKeysQuery, d.relations)
	if err != nil {
		return nil, err
	}
	d.keys, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (k foreignKey, err error) {
		err = row.Scan(&k.table, &k.target, &k.sql, &k.name, &k.targeted, &k.definition, &k.valid, &k.ours)
		return k, err
	})
	return d, err
}

// before returns what must exist before the rows.
func (d *dump) before() []string {
	// Bodies of functions may name tables that come later.
	statements := []string{"SET check_function_bodies = false"}
	for _, x := range d.extensions {
		sql := "CREATE EXTENSION IF NOT EXISTS " + quote.Identifier(x.name)
		if x.schema != "pg_catalog" {
			sql += " WITH SCHEMA " + quote.Identifier(x.schema)
		}
		statements = append(statements, sql)
	}
	for _, o := range d.ordered {
		if t := d.tables[o]; t != nil {
			statements = append(statements, t.create(d.postponed))
			continue
		}
		if sql := d.definitions[o]; sql != "" {
			statements = append(statements, sql)
		}
	}
	for _, o := range d.ordered {
		if t := d.tables[o]; t != nil {
			statements = append(statements, t.finish(d.postponed)...)
		}
	}
	return statements
}

// after returns what follows the rows because it would slow them down, refuse
// or change them.
func (d *dump) after(ctx context.Context, e *exporter) (statements []string, err error) {
	collect := func(query string, args ...any) {
		if err == nil {
			var found []string
			found, err = e.collect(ctx, query, args...)
			statements = append(statements, found...)
		}
	}
	collect(ownersQuery, d.relations)
	if d.withData {
		collect(sequenceValuesQuery, d.relations)
	}
	collect(indexesQuery, d.relations)
	statements = append(statements, d.foreignKeys()...)
	collect(replicaQuery, d.relations)
	collect(rulesQuery, d.relations)
	collect(triggersQuery, d.relations)
	collect(rowSecurityQuery, d.relations)
	collect(privilegesQuery, d.relations, d.functions)
	if d.withData {
		collect(refreshQuery, d.relations)
	}
	return append(statements, "RESET check_function_bodies"), err
}

// collect returns the one column of a query.
func (e *exporter) collect(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := e.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// sequenceValuesQuery sets the sequences among $1, and those of identity
// columns of tables among $1, to their present values.
const sequenceValuesQuery = `
	SELECT format('SELECT pg_catalog.setval(%L, %s, %s)', s.name, coalesce(s.last, s.start), (s.last IS NOT NULL)::text)
	  FROM (SELECT c.oid::regclass::text AS name, pg_sequence_last_value(c.oid) AS last, q.seqstart AS start
	          FROM pg_class c
	          JOIN pg_sequence q ON q.seqrelid = c.oid
	         WHERE c.oid = ANY ($1)
	            OR EXISTS (SELECT FROM pg_depend d
	                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i'
	                          AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($1))) s
	 ORDER BY 1`

// foreignKeys returns the statements that add the foreign keys. Where rows are
// left out, existing rows are not checked; a foreign key whose target is not
// exported is only mentioned in a comment.
func (d *dump) foreignKeys() (statements []string) {
	for _, k := range d.keys {
		sql := "ALTER TABLE " + k.sql + " ADD CONSTRAINT " + k.name + " " + k.definition
		if k.valid && (d.truncated[k.table] || d.truncated[k.target]) {
			sql += " NOT VALID"
		}
		if k.ours && !slices.Contains(d.relations, k.target) {
			statements = append(statements, "-- Not part of this export: table "+comment(k.targeted)+", which this refers to.\n-- "+comment(sql)+";")
			continue
		}
		statements = append(statements, unlessThere(sql))
	}
	return statements
}

// insertAll writes the rows. Referenced tables come first, which is the order
// that foreign keys need where they exist already.
func (e *exporter) insertAll(ctx context.Context, d *dump) error {
	for _, t := range d.insertOrder() {
		more, err := e.insertRows(ctx, t)
		if err != nil {
			return fmt.Errorf("rows of %s: %w", t.sql, err)
		}
		if more {
			d.truncated[t.oid] = true
			e.truncated = append(e.truncated, t.name)
		}
	}
	slices.Sort(e.truncated)
	return nil
}

func (d *dump) insertOrder() (ordered []*table) {
	byOID := map[uint32]*table{}
	for _, t := range d.tables {
		byOID[t.oid] = t
	}
	seen := map[*table]bool{}
	var visit func(t *table)
	visit = func(t *table) {
		if t == nil || seen[t] {
			return
		}
		seen[t] = true
		for _, k := range d.keys {
			if k.table == t.oid {
				visit(byOID[k.target])
			}
		}
		ordered = append(ordered, t)
	}
	for _, o := range d.ordered {
		visit(d.tables[o])
	}
	return ordered
}

// insertRows writes the table's own rows; more reports whether there are others.
func (e *exporter) insertRows(ctx context.Context, t *table) (more bool, err error) {
	if t.kind == "p" {
		return false, nil // they are in the partitions
	}
	var names []string
	overriding := ""
	for _, c := range t.columns {
		if c.generated == "" {
			names = append(names, quote.Identifier(c.name))
		}
		if strings.HasPrefix(c.identity, "GENERATED ALWAYS") {
			overriding = " OVERRIDING SYSTEM VALUE"
		}
	}
	if len(names) == 0 {
		return e.insertEmptyRows(ctx, t)
	}
	list := strings.Join(names, ", ")
	query := "SELECT " + list + " FROM ONLY " + t.sql
	if len(t.key) > 0 {
		query += " ORDER BY " + quote.Identifiers(t.key)
	}
	insert := []byte("INSERT INTO " + t.sql + " (" + list + ")" + overriding + " VALUES")
	head, rows := len(insert), 0
	flush := func() error {
		if rows == 0 {
			return nil
		}
		err := e.statements(string(insert))
		insert, rows = insert[:head], 0
		return err
	}
	_, more, err = e.rows(ctx, query, func(fields []pgconn.FieldDescription, row [][]byte) error {
		if rows > 0 {
			insert = append(insert, ',')
		}
		insert = appendTuple(append(insert, "\n  "...), fields, row)
		if rows++; rows < maxInsertRows && len(insert) < maxInsertBytes {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return more, err
}

// insertEmptyRows writes the rows of a table without columns to insert into.
func (e *exporter) insertEmptyRows(ctx context.Context, t *table) (more bool, err error) {
	_, more, err = e.rows(ctx, "SELECT FROM ONLY "+t.sql, func([]pgconn.FieldDescription, [][]byte) error {
		return e.statements("INSERT INTO " + t.sql + " DEFAULT VALUES")
	})
	return more, err
}
