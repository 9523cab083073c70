package sqlgen

import (
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// reference is the name by which a node's own columns are known.
func reference(r *plan.Read) schema.Name {
	switch {
	case r.FromAlias != "":
		return schema.Name{Name: r.FromAlias}
	case r.Relation != nil && r.Relation.Cardinality == schema.Computed:
		return schema.Name{Name: r.Relation.Function.Name}
	}
	return r.From
}

func (w *writer) from(r *plan.Read) {
	w.s(" FROM ")
	rel := r.Relation
	if rel != nil && rel.Cardinality == schema.Computed {
		// The cast chooses among overloads: in a call, the row's type is lost.
		w.name(rel.Function)
		w.s("(")
		w.ident(r.ParentRef)
		w.s("::")
		w.name(rel.Table)
		w.s(")")
	} else {
		w.name(r.From)
	}
	w.as(r.FromAlias)
	if rel != nil && rel.Junction != nil {
		w.s(", ")
		w.name(rel.Junction.Table)
	}
}

// read writes the query of a plan's resource and its embeds. Where the text of
// an embed is seen, its blanks and the order of its members are those of jsonb,
// as PostgREST has them; a JSON answer does without the cost.
func (w *writer) read(p *plan.Plan) {
	w.node(p.Read, p.Rendering == plan.RenderCSV || p.Rendering == plan.RenderCustom)
}

// node writes the query of a node and its embeds, which are jsonb where
// comparable is set: a node above groups by its columns, which json does not
// allow, or shows them as text.
func (w *writer) node(r *plan.Read, comparable bool) {
	ref := reference(r)
	w.s("SELECT ")
	grouped := r.Grouped()
	comparable = comparable || grouped
	terms := w.selectList(r, ref, grouped, comparable)
	w.from(r)
	for i, c := range r.Children {
		w.lateral(c, r.Embeds[i], comparable)
	}
	conditions := w.conditions(ref, r.Where)
	for _, j := range r.Joins {
		conditions = append(conditions, func() { w.join(j) })
	}
	w.where(conditions)
	if grouped {
		w.groupBy(terms)
	}
	w.order(ref, r.Order)
	w.window(r.Range)
}

// selectList returns what to group by: everything but aggregates.
func (w *writer) selectList(r *plan.Read, ref schema.Name, grouped, comparable bool) (terms []string) {
	if len(r.Select) == 0 && len(r.Children) == 0 {
		// Nothing was asked for; what is read is left out by the parent.
		w.column(ref, "*")
		return nil
	}
	first := true
	item := func(f func() string) {
		if !first {
			w.s(", ")
		}
		first = false
		if term := f(); grouped && term != "" {
			terms = append(terms, term)
		}
	}
	for _, s := range r.Select {
		item(func() string { return w.selectItem(ref, s) })
	}
	for _, e := range r.Embeds {
		switch {
		case e.Empty:
		case e.Mode == plan.EmbedSpread:
			for _, s := range e.Spread {
				item(func() string { return w.spreadItem(e, s) })
			}
		default:
			item(func() string { return w.embedItem(e, comparable) })
		}
	}
	return terms
}

func (w *writer) spreadItem(e plan.EmbedSelect, s plan.SpreadSelect) (term string) {
	column := func() { w.column(schema.Name{Name: e.Alias}, s.Name) }
	if e.Many {
		term = w.written(func() {
			w.s("COALESCE( ")
			column()
			w.s(", '[]')")
		})
		w.as(s.Name)
		return term
	}
	term = w.written(func() { w.aggregate(s.Aggregate, s.AggregateCast, column) })
	w.as(s.Alias)
	if s.Aggregate != "" {
		return ""
	}
	return term
}

// embedItem is an embed's column.
func (w *writer) embedItem(e plan.EmbedSelect, comparable bool) (term string) {
	term = w.written(func() {
		if e.Mode != plan.EmbedObject {
			w.s("COALESCE( ")
			w.ident(e.Alias)
			w.s(".")
			w.ident(e.Alias)
			w.s(", '[]')")
			return
		}
		w.s("row_to_json(")
		w.ident(e.Alias)
		w.s(".*)")
		if comparable {
			w.s("::jsonb")
		}
	})
	w.as(e.Name)
	return term
}

// lateral joins an embed. An embed of many rows has a column named like it,
// which is NULL without rows.
func (w *writer) lateral(c *plan.Read, e plan.EmbedSelect, comparable bool) {
	inner := c.Join == request.JoinInner
	if inner {
		w.s(" INNER")
	} else {
		w.s(" LEFT")
	}
	w.s(" JOIN LATERAL ( ")
	if c.Relation.ToOne() {
		w.node(c, comparable && c.IsSpread)
		w.s(" ) AS ")
		w.ident(c.Alias)
		w.s(" ON TRUE")
		return
	}
	w.s("SELECT ")
	if c.IsSpread {
		w.arrays(e, comparable)
	} else {
		w.jsonArray(func() { w.ident(c.Alias) }, comparable)
	}
	w.as(c.Alias)
	w.s(" FROM ( ")
	w.node(c, false)
	w.s(" ) AS ")
	w.ident(c.Alias)
	w.s(" ) AS ")
	w.ident(c.Alias)
	if inner {
		w.s(" ON ")
		w.ident(c.Alias)
		w.s(" IS NOT NULL")
		return
	}
	w.s(" ON TRUE")
}

// arrays makes an array of every column of a spread, and a column that is NULL
// without rows.
func (w *writer) arrays(e plan.EmbedSelect, comparable bool) {
	for _, s := range e.Spread {
		w.jsonArray(func() { w.column(schema.Name{Name: e.Alias}, s.Name) }, comparable)
		w.as(s.Name)
		w.s(", ")
	}
	w.s("nullif(count(*), 0)")
}

// jsonArray is the array of all values.
func (w *writer) jsonArray(value func(), comparable bool) {
	w.s("json_agg(")
	value()
	w.s(")")
	if comparable {
		w.s("::jsonb")
	}
}

// groupBy repeats what was selected, parameters and all. A name would mean a
// column of the table if there is one, regardless of its meaning in the
// select list.
func (w *writer) groupBy(terms []string) {
	if len(terms) > 0 {
		w.s(" GROUP BY ", strings.Join(terms, ", "))
	}
}

// countRows writes a query with one row for each row of the node, ignoring its
// range. An inner embed is asked for by EXISTS.
func (w *writer) countRows(r *plan.Read) {
	ref := reference(r)
	w.s("SELECT 1")
	w.from(r)
	var conditions []func()
	for _, l := range r.Where {
		conditions = append(conditions, func() {
			w.logic(ref, l, func(table schema.Name, f *plan.Filter) { w.countFilter(r, table, f) })
		})
	}
	for _, j := range r.Joins {
		conditions = append(conditions, func() { w.join(j) })
	}
	for _, c := range r.Children {
		if c.Join == request.JoinInner {
			conditions = append(conditions, func() { w.exists(c) })
		}
	}
	w.where(conditions)
}

func (w *writer) exists(c *plan.Read) {
	w.s("EXISTS (")
	w.countRows(c)
	w.s(")")
}

func (w *writer) countFilter(r *plan.Read, table schema.Name, f *plan.Filter) {
	if f.EmbedAlias == "" {
		w.filter(table, f)
		return
	}
	i := slices.IndexFunc(r.Children, func(c *plan.Read) bool { return c.Alias == f.EmbedAlias })
	if !f.Op.Not {
		w.s("NOT ")
	}
	w.exists(r.Children[i])
}
