package schema

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
)

// key is a primary key.
type key struct {
	table   uint32
	columns []int16
}

// foreignKey is a foreign key constraint.
type foreignKey struct {
	name            string
	table, target   uint32
	columns, refs   []int16
	unique          bool
	tableN, targetN Name
}

// keys reads primary and foreign keys. A foreign key whose columns are also a
// key of their table leads to one row at most.
func (l *loader) keys(ctx context.Context) error {
	const q = `
SELECT contype::text, conname, conrelid, confrelid, conkey, coalesce(confkey, '{}'), conparentid = 0
FROM pg_catalog.pg_constraint
WHERE contype IN ('p', 'u', 'f')
ORDER BY conrelid, conname`
	keyed := map[uint32][][]int16{}
	var kind string
	var root bool
	var f foreignKey
	_, err := l.each(ctx, q, nil, []any{&kind, &f.name, &f.table, &f.target, &f.columns, &f.refs, &root}, func() error {
		made := f
		f.columns, f.refs = nil, nil
		switch {
		case kind == "f" && root:
			l.foreign = append(l.foreign, made)
		case kind == "p":
			l.primary = append(l.primary, key{made.table, made.columns})
			fallthrough
		case kind == "u":
			keyed[made.table] = append(keyed[made.table], made.columns)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := l.nameRelations(ctx); err != nil {
		return err
	}
	for i := range l.foreign {
		f := &l.foreign[i]
		f.tableN, f.targetN = l.relation[f.table], l.relation[f.target]
		f.unique = slices.ContainsFunc(keyed[f.table], func(k []int16) bool { return sameSet(k, f.columns) })
	}
	if err := l.attributes(ctx); err != nil {
		return err
	}
	for _, k := range l.primary {
		if t := l.tableOf[k.table]; t != nil {
			t.PK = l.columnNames(k.table, slices.Sorted(slices.Values(k.columns)))
		}
	}
	return nil
}

func sameSet(a, b []int16) bool {
	within := func(a, b []int16) bool {
		return !slices.ContainsFunc(a, func(n int16) bool { return !slices.Contains(b, n) })
	}
	return within(a, b) && within(b, a)
}

// nameRelations reads the names of the relations that have keys, where those
// are not exposed.
func (l *loader) nameRelations(ctx context.Context) error {
	l.relation = make(map[uint32]Name, len(l.tableOf))
	for oid, t := range l.tableOf {
		l.relation[oid] = t.Name
	}
	missing := map[uint32]bool{}
	miss := func(oid uint32) {
		if _, ok := l.relation[oid]; !ok {
			missing[oid] = true
		}
	}
	for _, k := range l.primary {
		miss(k.table)
	}
	for _, f := range l.foreign {
		miss(f.table)
		miss(f.target)
	}
	const q = `
SELECT c.oid, n.nspname, c.relname
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($1)`
	var oid uint32
	var name Name
	_, err := l.each(ctx, q, []any{slices.Collect(maps.Keys(missing))}, []any{&oid, &name.Schema, &name.Name}, func() error {
		l.relation[oid] = name
		return nil
	})
	return err
}

// attributes reads the names of the columns that keys consist of, where the
// table is not exposed.
func (l *loader) attributes(ctx context.Context) error {
	l.attribute = map[uint32]map[int16]string{}
	var oids []uint32
	for oid := range l.relation {
		if l.tableOf[oid] == nil {
			oids = append(oids, oid)
		}
	}
	const q = `SELECT attrelid, attnum, attname FROM pg_catalog.pg_attribute WHERE attrelid = ANY ($1) AND attnum > 0`
	var oid uint32
	var number int16
	var name string
	_, err := l.each(ctx, q, []any{oids}, []any{&oid, &number, &name}, func() error {
		if l.attribute[oid] == nil {
			l.attribute[oid] = map[int16]string{}
		}
		l.attribute[oid][number] = name
		return nil
	})
	return err
}

func (l *loader) columnNames(table uint32, numbers []int16) []string {
	names := make([]string, len(numbers))
	for i, n := range numbers {
		if c, _ := l.column(table, n); c != nil {
			names[i] = c.Name
			continue
		}
		names[i] = l.attribute[table][n]
	}
	return names
}

// relationships derives all relationships: foreign keys, those seen through
// views, junctions, and the way back of each.
func (l *loader) relationships(context.Context) error {
	for _, f := range l.foreign {
		l.yield()
		r := Relationship{
			Table: f.tableN, Foreign: f.targetN, Self: f.tableN == f.targetN,
			Cardinality: ManyToOne, Constraint: f.name, Refers: true,
			Columns: pairUp(l.columnNames(f.table, f.columns), l.columnNames(f.target, f.refs)),
		}
		if f.unique {
			r.Cardinality = OneToOne
		}
		l.rels = append(l.rels, r)
	}
	l.addViewRelationships()
	l.addJunctions()
	l.addInverse()
	l.publish()
	return nil
}

// publish puts the relationships between exposed tables into the snapshot.
func (l *loader) publish() {
	exposed := func(schema string) bool { return slices.Contains(l.config.Schemas, schema) }
	for _, r := range l.rels {
		l.yield()
		if !exposed(r.Table.Schema) {
			continue
		}
		// The key stays even when everything it leads to is hidden.
		k := relationKey{r.Table, r.Foreign.Schema}
		known := l.snapshot.relations[k]
		if exposed(r.Foreign.Schema) && (r.Junction == nil || exposed(r.Junction.Table.Schema)) {
			known = append(known, r)
		}
		l.snapshot.relations[k] = known
	}
	l.sortRelations()
}

func (l *loader) sortRelations() {
	for _, rels := range l.snapshot.relations {
		l.yield()
		slices.SortFunc(rels, compareRelationships)
	}
}

func pairUp(a, b []string) [][2]string {
	out := make([][2]string, min(len(a), len(b)))
	for i := range out {
		out[i] = [2]string{a[i], b[i]}
	}
	return out
}

func swap(pairs [][2]string) [][2]string {
	out := make([][2]string, len(pairs))
	for i, p := range pairs {
		out[i] = [2]string{p[1], p[0]}
	}
	return out
}

// addJunctions makes a many-to-many of two foreign keys whose columns are
// part of the primary key of the table that has both.
func (l *loader) addJunctions() {
	count := make(map[Name]int, len(l.rels))
	for _, r := range l.rels {
		l.yield()
		if r.Cardinality == ManyToOne {
			count[r.Table]++
		}
	}
	byTable := map[Name][]Relationship{}
	for _, r := range l.rels {
		if r.Cardinality == ManyToOne && count[r.Table] > 1 {
			byTable[r.Table] = append(byTable[r.Table], r)
		}
	}
	primary := map[Name][]string{}
	for _, k := range l.primary {
		if name := l.relation[k.table]; byTable[name] != nil {
			primary[name] = l.columnNames(k.table, k.columns)
		}
	}
	for table, rels := range byTable {
		pk := primary[table]
		if t := l.snapshot.tables[table]; t != nil {
			pk = t.PK // views have one, too
		}
		keyed := rels[:0:0]
		for _, r := range rels {
			if !slices.ContainsFunc(r.Columns, func(c [2]string) bool { return !slices.Contains(pk, c[0]) }) {
				keyed = append(keyed, r)
			}
		}
		for _, a := range keyed {
			for _, b := range keyed {
				if a.Constraint == b.Constraint {
					continue
				}
				l.rels = append(l.rels, Relationship{
					Table: a.Foreign, Foreign: b.Foreign, Self: a.Foreign == b.Foreign, Cardinality: ManyToMany,
					TableIsView: a.ForeignIsView, ForeignIsView: b.ForeignIsView,
					Junction: &Junction{
						Table: table, Constraint1: a.Constraint, Constraint2: b.Constraint,
						Source: swap(a.Columns), Target: swap(b.Columns),
					},
				})
			}
		}
	}
}

func (l *loader) addInverse() {
	l.rels = slices.Grow(l.rels, len(l.rels))
	for _, r := range l.rels[:len(l.rels):len(l.rels)] {
		l.yield()
		back := Relationship{
			Table: r.Foreign, Foreign: r.Table, Self: r.Self, Constraint: r.Constraint, Columns: swap(r.Columns),
			TableIsView: r.ForeignIsView, ForeignIsView: r.TableIsView,
		}
		switch r.Cardinality {
		case ManyToOne:
			back.Cardinality = OneToMany
		case OneToOne:
			back.Cardinality = OneToOne
		default:
			continue
		}
		l.rels = append(l.rels, back)
	}
}

// computed reads functions from a row to rows of a table. They replace what
// was derived between the table and one of the function's name.
func (l *loader) computed(ctx context.Context) error {
	const q = `
SELECT n.nspname, p.proname, an.nspname, a.relname, rn.nspname, r.relname, NOT p.proretset OR p.prorows = 1
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_class a ON a.reltype = p.proargtypes[0] AND a.relkind IN ('r', 'v', 'm', 'f', 'p')
JOIN pg_catalog.pg_namespace an ON an.oid = a.relnamespace
JOIN pg_catalog.pg_class r ON r.reltype = p.prorettype AND r.relkind IN ('r', 'v', 'm', 'f', 'p')
JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
WHERE p.pronargs = 1 AND an.nspname = ANY ($1) AND rn.nspname = ANY ($1)`
	r := Relationship{Cardinality: Computed}
	_, err := l.each(ctx, q, []any{l.config.Schemas}, []any{
		&r.Function.Schema, &r.Function.Name, &r.Table.Schema, &r.Table.Name, &r.Foreign.Schema, &r.Foreign.Name, &r.Single,
	}, func() error {
		made := r
		made.Self = made.Table == made.Foreign
		k := relationKey{made.Table, made.Function.Schema}
		kept := slices.DeleteFunc(l.snapshot.relations[k], func(o Relationship) bool {
			return o.Cardinality != Computed && o.Foreign == made.Function
		})
		l.snapshot.relations[k] = append(kept, made)
		return nil
	})
	l.sortRelations()
	return err
}

func compareRelationships(a, b Relationship) int {
	if (a.Cardinality == Computed) != (b.Cardinality == Computed) {
		return cmp.Compare(a.Cardinality, b.Cardinality)
	}
	return cmp.Or(
		compareNames(a.Table, b.Table), compareNames(a.Foreign, b.Foreign),
		cmp.Compare(a.Cardinality, b.Cardinality), strings.Compare(a.Constraint, b.Constraint),
		slices.CompareFunc(a.Columns, b.Columns, comparePairs), compareJunctions(a.Junction, b.Junction),
		compareNames(a.Function, b.Function),
	)
}

func comparePairs(a, b [2]string) int { return slices.Compare(a[:], b[:]) }

func compareJunctions(a, b *Junction) int {
	if a == nil || b == nil {
		return 0
	}
	return cmp.Or(
		compareNames(a.Table, b.Table), strings.Compare(a.Constraint1, b.Constraint1),
		strings.Compare(a.Constraint2, b.Constraint2),
		slices.CompareFunc(a.Source, b.Source, comparePairs), slices.CompareFunc(a.Target, b.Target, comparePairs),
	)
}
