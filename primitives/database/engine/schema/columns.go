package schema

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// A database of many tables has few types and few defaults, and columns of the
// same names. Printing a type or an expression is what costs Postgres most
// when its catalog is read, so each is printed once, and a text that many
// columns share is kept once.

// typeKey is a type with its modifier, such as numeric(10,2).
type typeKey struct {
	oid      uint32
	modifier int32
}

// columnDetail is what is known about a column besides its Column.
type columnDetail struct {
	number    int16
	typ       typeKey
	generated bool
}

// columns reads the columns of the exposed tables.
func (l *loader) columns(ctx context.Context) error {
	const q = `
SELECT a.attrelid, a.attnum, a.attname, a.attnotnull, a.atttypid, a.atttypmod, a.attgenerated <> '', a.attidentity = 'd'
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v', 'm', 'f', 'p')
	AND NOT c.relispartition AND n.nspname = ANY ($1)
ORDER BY a.attrelid, a.attnum`
	l.details = make(map[uint32][]columnDetail, len(l.tableOf))
	used := map[typeKey]bool{}
	var relation, current uint32
	var name pgtype.DriverBytes
	var notNull, hasIdentity, anyIdentity bool
	var d columnDetail
	var columns []Column
	var details []columnDetail
	add := func() {
		if t := l.tableOf[current]; t != nil {
			t.Columns = append(make([]Column, 0, len(columns)), columns...)
			l.details[current] = append(make([]columnDetail, 0, len(details)), details...)
		}
		columns, details = columns[:0], details[:0]
	}
	_, err := l.each(ctx, q, []any{l.config.Schemas}, []any{
		&relation, &d.number, &name, &notNull, &d.typ.oid, &d.typ.modifier, &d.generated, &hasIdentity,
	}, func() error {
		if relation != current {
			add()
			current = relation
		}
		used[d.typ] = true
		anyIdentity = anyIdentity || hasIdentity
		columns = append(columns, Column{Name: l.intern(name), Nullable: !notNull})
		details = append(details, d)
		return nil
	})
	add()
	if err != nil {
		return err
	}
	if err := l.columnTypes(ctx, used); err != nil {
		return err
	}
	if err := l.columnDefaults(ctx); err != nil {
		return err
	}
	if anyIdentity {
		if err := l.identities(ctx); err != nil {
			return err
		}
	}
	if err := l.columnDescriptions(ctx); err != nil {
		return err
	}
	for _, t := range l.tableOf {
		l.yield()
		t.index()
	}
	return nil
}

// intern returns the text, the same for all that are equal.
func (l *loader) intern(text []byte) string {
	if s, ok := l.texts[string(text)]; ok {
		return s
	}
	s := string(text)
	l.texts[s] = s
	return s
}

// columnTypes fills in what follows from the columns' types.
func (l *loader) columnTypes(ctx context.Context, used map[typeKey]bool) error {
	const q = `
SELECT u.typ, u.modifier,
	CASE WHEN t.typtype = 'd' THEN
		CASE WHEN bt.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
			THEN pg_catalog.format_type(t.typbasetype, NULL)
			ELSE pg_catalog.format_type(u.typ, u.modifier) END
	WHEN t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace THEN pg_catalog.format_type(u.typ, NULL)
	ELSE pg_catalog.format_type(u.typ, u.modifier) END,
	pg_catalog.format_type(u.typ, u.modifier),
	CASE WHEN t.typtype = 'd' AND t.typtypmod > 4 THEN t.typtypmod - 4
	     WHEN u.modifier > 4 THEN u.modifier - 4 ELSE 0 END,
	t.typtype <> 'd' OR NOT t.typnotnull,
	coalesce(CASE WHEN t.typbasetype <> 0 THEN pg_catalog.pg_get_expr(t.typdefaultbin, 0) END, '')
FROM unnest($1::oid[], $2::int4[]) AS u (typ, modifier)
JOIN pg_catalog.pg_type t ON t.oid = u.typ
LEFT JOIN pg_catalog.pg_type bt ON bt.oid = t.typbasetype`
	oids, modifiers := make([]uint32, 0, len(used)), make([]int32, 0, len(used))
	for k := range used {
		oids, modifiers = append(oids, k.oid), append(modifiers, k.modifier)
	}
	types := make(map[typeKey]Column, len(used))
	var k typeKey
	var c Column
	_, err := l.each(ctx, q, []any{oids, modifiers},
		[]any{&k.oid, &k.modifier, &c.Type, &c.Nominal, &c.MaxLength, &c.Nullable, &c.Default}, func() error {
			base, known := l.resolve(k.oid)
			c.Plain = known && base.plain
			c.Textual = known && (base.name == "text" || base.name == "varchar" || base.name == "bpchar" ||
				base.name == "char" || base.name == "citext")
			if !c.Textual || base.name == "text" {
				c.MaxLength = 0
			}
			c.Enum = l.typeByOID[k.oid].enum
			types[k] = c
			return nil
		})
	if err != nil {
		return err
	}
	for oid, t := range l.tableOf {
		l.yield()
		t.AllPlain = true
		for i, d := range l.details[oid] {
			own, c := &t.Columns[i], types[d.typ]
			c.Name, c.Nullable = own.Name, own.Nullable && c.Nullable
			*own = c
			t.AllPlain = t.AllPlain && c.Plain
		}
	}
	return nil
}

// column finds a column by its number; nil when the table is not exposed.
func (l *loader) column(table uint32, number int16) (*Column, columnDetail) {
	for i, d := range l.details[table] {
		if d.number == number {
			return &l.tableOf[table].Columns[i], d
		}
	}
	return nil, columnDetail{}
}

// columnRow is a column of any relation.
type columnRow struct {
	relation uint32
	number   int16
}

// columnDefaults reads the default expressions. Those with equal trees are
// equal: they cannot refer to columns. A generated column has none.
func (l *loader) columnDefaults(ctx context.Context) error {
	const hashes = `
SELECT adrelid, adnum, pg_catalog.hashtextextended(adbin::text, 0), pg_catalog.hashtextextended(adbin::text, 1)
FROM pg_catalog.pg_attrdef`
	const printed = `
SELECT d.adrelid, d.adnum, pg_catalog.pg_get_expr(d.adbin, d.adrelid)
FROM pg_catalog.pg_attrdef d
JOIN unnest($1::oid[], $2::int2[]) AS u (relation, number) ON d.adrelid = u.relation AND d.adnum = u.number`
	type tree [2]int64
	var row columnRow
	var t tree
	treeOf := map[*Column]tree{}
	first := map[tree]columnRow{}
	_, err := l.each(ctx, hashes, nil, []any{&row.relation, &row.number, &t[0], &t[1]}, func() error {
		if _, seen := first[t]; !seen {
			first[t] = row
		}
		if c, d := l.column(row.relation, row.number); c != nil && !d.generated {
			treeOf[c] = t
		}
		return nil
	})
	if err != nil {
		return err
	}
	oids, numbers := make([]uint32, 0, len(first)), make([]int16, 0, len(first))
	for _, row := range first {
		oids, numbers = append(oids, row.relation), append(numbers, row.number)
	}
	text := make(map[columnRow]string, len(first))
	var expression string
	_, err = l.each(ctx, printed, []any{oids, numbers}, []any{&row.relation, &row.number, &expression}, func() error {
		text[row] = expression
		if strings.Contains(expression, "current_setting") {
			l.defaultsWithSettings = append(l.defaultsWithSettings, expression)
		}
		return nil
	})
	for c, t := range treeOf {
		l.yield()
		c.Default = text[first[t]]
	}
	return err
}

// identities gives columns GENERATED BY DEFAULT AS IDENTITY the default that
// they in effect have.
func (l *loader) identities(ctx context.Context) error {
	const q = `
SELECT DISTINCT ON (a.attrelid, a.attnum) a.attrelid, a.attnum,
	pg_catalog.format('nextval(%L)', pg_catalog.quote_ident(sn.nspname) || '.' || pg_catalog.quote_ident(s.relname))
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_depend dep ON dep.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
	AND dep.refobjid = a.attrelid AND dep.refobjsubid = a.attnum AND dep.deptype = 'i'
JOIN pg_catalog.pg_class s ON s.oid = dep.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
WHERE a.attidentity = 'd' AND n.nspname = ANY ($1)`
	var row columnRow
	var expression string
	_, err := l.each(ctx, q, []any{l.config.Schemas}, []any{&row.relation, &row.number, &expression}, func() error {
		if c, _ := l.column(row.relation, row.number); c != nil {
			c.Default = expression
		}
		return nil
	})
	return err
}

func (l *loader) columnDescriptions(ctx context.Context) error {
	const q = `
SELECT objoid, objsubid::int2, description
FROM pg_catalog.pg_description
WHERE classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND objsubid > 0`
	var row columnRow
	var text string
	_, err := l.each(ctx, q, nil, []any{&row.relation, &row.number, &text}, func() error {
		if c, _ := l.column(row.relation, row.number); c != nil {
			c.Description = text
		}
		return nil
	})
	return err
}
