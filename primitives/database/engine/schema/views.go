package schema

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
)

// columnRef is a column of a relation.
type columnRef struct {
	relation uint32
	column   int16
}

// viewKey says that a view shows all columns of a key of one of its tables.
type viewKey struct {
	view       Name
	table      uint32
	constraint string
	// columns are, for each column of the key, the view's columns that show it.
	columns [][]string
}

type viewDef struct {
	name Name
	// shows are the columns of other relations that the view's columns, in
	// order, come from; the zero value for an expression.
	shows []columnRef
	names []string
}

// views reads which base columns the columns of views come from and derives
// the keys that a view shows.
func (l *loader) views(ctx context.Context) error {
	const q = `
SELECT c.oid, n.nspname, c.relname, r.ev_action::text,
	ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 ORDER BY a.attnum)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid AND r.ev_type = '1' AND r.is_instead
WHERE c.relkind IN ('v', 'm') AND n.nspname = ANY ($1)`
	defs := map[uint32]viewDef{}
	var oid uint32
	var d viewDef
	var action string
	_, err := l.each(ctx, q, []any{append(slices.Clone(l.config.Schemas), l.config.ExtraSearchPath...)},
		[]any{&oid, &d.name.Schema, &d.name.Name, &action, &d.names}, func() error {
			made := d
			made.shows = targetColumns(action)
			d.names = nil
			defs[oid] = made
			return nil
		})
	if err != nil {
		return err
	}
	if len(defs) == 0 {
		return nil
	}
	keysOf := l.keysByTable()
	for _, def := range defs {
		if !slices.Contains(l.config.Schemas, def.name.Schema) {
			continue
		}
		l.addViewKeys(def, origins(def, defs), keysOf)
	}
	return nil
}

// namedKey is one side of a constraint: kind p, f or r (the referenced side).
type namedKey struct {
	kind    byte
	name    string
	columns []int16
}

func (l *loader) keysByTable() map[uint32][]namedKey {
	out := map[uint32][]namedKey{}
	for _, k := range l.primary {
		out[k.table] = append(out[k.table], namedKey{'p', "", k.columns})
	}
	for _, f := range l.foreign {
		out[f.table] = append(out[f.table], namedKey{'f', f.name, f.columns})
		out[f.target] = append(out[f.target], namedKey{'r', f.name, f.refs})
	}
	return out
}

// origins maps every base column to the view's columns that show it, through
// any number of views.
func origins(def viewDef, defs map[uint32]viewDef) map[columnRef][]string {
	out := map[columnRef][]string{}
	for i, ref := range def.shows {
		if i >= len(def.names) {
			break
		}
		for range len(defs) + 1 {
			if ref.relation == 0 {
				break
			}
			out[ref] = append(out[ref], def.names[i])
			inner, ok := defs[ref.relation]
			if !ok || int(ref.column) > len(inner.shows) || ref.column < 1 {
				break
			}
			ref = inner.shows[ref.column-1]
		}
	}
	return out
}

func (l *loader) addViewKeys(def viewDef, shown map[columnRef][]string, keysOf map[uint32][]namedKey) {
	tables := map[uint32]bool{}
	for ref := range shown {
		tables[ref.relation] = true
	}
	order := make([]uint32, 0, len(tables))
	for t := range tables {
		order = append(order, t)
	}
	slices.Sort(order)
	for _, table := range order {
		for _, k := range keysOf[table] {
			columns := make([][]string, 0, len(k.columns))
			for _, c := range k.columns {
				if names := shown[columnRef{table, c}]; len(names) > 0 {
					columns = append(columns, names)
				}
			}
			if len(columns) != len(k.columns) {
				continue
			}
			if k.kind == 'p' {
				l.addViewPK(def, columns)
				continue
			}
			l.viewKeys = append(l.viewKeys, viewKey{def.name, table, string(k.kind) + k.name, columns})
		}
	}
}

func (l *loader) addViewPK(def viewDef, columns [][]string) {
	t := l.snapshot.tables[def.name]
	if t == nil {
		return
	}
	for _, names := range columns {
		t.PK = append(t.PK, names[0])
	}
	slices.SortFunc(t.PK, func(a, b string) int {
		return cmp.Compare(slices.Index(def.names, a), slices.Index(def.names, b))
	})
}

// addViewRelationships repeats every foreign key for the views that show one
// of its sides, or both.
func (l *loader) addViewRelationships() {
	type side struct {
		table      uint32
		constraint string
	}
	keys := map[side][]viewKey{}
	for _, k := range l.viewKeys {
		s := side{k.table, k.constraint}
		keys[s] = append(keys[s], k)
	}
	for i, f := range l.foreign {
		base := l.rels[i]
		from := keys[side{f.table, "f" + f.name}]
		to := keys[side{f.target, "r" + f.name}]
		for _, view := range from {
			for _, columns := range product(view.columns) {
				r := base
				r.Table, r.TableIsView, r.Self = view.view, true, false
				r.Columns = pairUp(columns, seconds(base.Columns))
				l.rels = append(l.rels, r)
			}
		}
		for _, view := range to {
			for _, columns := range product(view.columns) {
				r := base
				r.Foreign, r.ForeignIsView, r.Self = view.view, true, false
				r.Columns = pairUp(firsts(base.Columns), columns)
				l.rels = append(l.rels, r)
			}
		}
		for _, a := range from {
			for _, left := range product(a.columns) {
				for _, b := range to {
					for _, right := range product(b.columns) {
						r := base
						r.Table, r.Foreign, r.Self = a.view, b.view, a.view == b.view
						r.TableIsView, r.ForeignIsView = true, true
						r.Columns = pairUp(left, right)
						l.rels = append(l.rels, r)
					}
				}
			}
		}
	}
}

func firsts(pairs [][2]string) []string {
	out := make([]string, len(pairs))
	for i, p := range pairs {
		out[i] = p[0]
	}
	return out
}

func seconds(pairs [][2]string) []string { return firsts(swap(pairs)) }

// maxProduct bounds the ways in which one view may show one key.
const maxProduct = 256

// product is every choice of one name for each column.
func product(columns [][]string) [][]string {
	out := [][]string{nil}
	for _, names := range columns {
		var next [][]string
		for _, chosen := range out {
			for _, n := range names {
				if len(next) < maxProduct {
					next = append(next, append(slices.Clone(chosen), n))
				}
			}
		}
		out = next
	}
	return out
}

// targetColumns reads the target list of the outermost query of a rewrite
// rule, as Postgres prints its node tree: for each column where it comes
// from. The text nests with braces and parentheses; a backslash protects the
// character after it.
func targetColumns(action string) []columnRef {
	i := strings.Index(action, "{QUERY ")
	if i < 0 {
		return nil
	}
	var out []columnRef
	depth, inTargets := 0, false
	for ; i < len(action); i++ {
		switch action[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return out
			}
		case ':':
			word, rest := nodeField(action[i+1:])
			switch {
			case depth == 1:
				inTargets = word == "targetList"
			case depth == 2 && inTargets && word == "resno":
				out = append(out, columnRef{})
			case depth == 2 && inTargets && word == "resorigtbl" && len(out) > 0:
				out[len(out)-1].relation = uint32(leadingInt(rest))
			case depth == 2 && inTargets && word == "resorigcol" && len(out) > 0:
				out[len(out)-1].column = int16(leadingInt(rest))
			}
		}
	}
	return out
}

func nodeField(text string) (word, rest string) {
	word, rest, _ = strings.Cut(text[:min(len(text), 64)], " ")
	return word, rest
}

func leadingInt(text string) int64 {
	word, _, _ := strings.Cut(text, " ")
	word = strings.TrimRight(word, "})")
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
