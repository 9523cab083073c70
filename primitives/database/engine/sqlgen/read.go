package sqlgen

import (
	"slices"

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

// read writes the query of a node and its embeds.
func (w *writer) read(r *plan.Read) {
	ref := reference(r)
	w.s("SELECT ")
	grouped := w.isGrouped(r)
	w.selectList(r, ref, grouped)
	w.from(r)
	for _, c := range r.Children {
		w.lateral(c, grouped)
	}
	conditions := w.conditions(ref, r.Where)
	for _, j := range r.Joins {
		conditions = append(conditions, func() { w.join(j) })
	}
	w.where(conditions)
	if grouped {
		w.groupBy(r, ref)
	}
	w.order(ref, r.Order)
	w.window(r.Range)
}

func (w *writer) selectList(r *plan.Read, ref schema.Name, grouped bool) {
	if len(r.Select) == 0 && len(r.Children) == 0 {
		// Nothing was asked for; what is read is left out by the parent.
		w.column(ref, "*")
		return
	}
	first := true
	item := func(f func()) {
		if !first {
			w.s(", ")
		}
		first = false
		f()
	}
	for _, s := range r.Select {
		item(func() { w.selectItem(ref, s) })
	}
	for _, e := range r.Embeds {
		switch {
		case e.Empty:
		case e.Mode == plan.EmbedSpread:
			for _, s := range e.Spread {
				item(func() { w.spreadItem(e.Alias, s) })
			}
		default:
			item(func() { w.embedItem(e, grouped) })
		}
	}
}

func (w *writer) spreadItem(alias string, s plan.SpreadSelect) {
	w.aggregate(s.Aggregate, s.AggregateCast, func() { w.column(schema.Name{Name: alias}, s.Name) })
	w.as(s.Alias)
}

// embedItem is an embed's column. To group by it, it must be jsonb.
func (w *writer) embedItem(e plan.EmbedSelect, grouped bool) {
	if e.Mode == plan.EmbedObject {
		w.s("row_to_json(")
		w.ident(e.Alias)
		w.s(".*)")
		if grouped {
			w.s("::jsonb")
		}
	} else {
		w.s("COALESCE( ")
		w.ident(e.Alias)
		w.s(".")
		w.ident(e.Alias)
		w.s(", '[]')")
	}
	w.as(e.Name)
}

func (w *writer) lateral(c *plan.Read, grouped bool) {
	inner := c.Join == request.JoinInner
	if inner {
		w.s(" INNER")
	} else {
		w.s(" LEFT")
	}
	w.s(" JOIN LATERAL ( ")
	if c.Relation.ToOne() {
		w.read(c)
		w.s(" ) AS ")
		w.ident(c.Alias)
		w.s(" ON TRUE")
		return
	}
	w.s("SELECT json_agg(")
	w.ident(c.Alias)
	w.s(")")
	if grouped {
		w.s("::jsonb")
	}
	w.s(" AS ")
	w.ident(c.Alias)
	w.s(" FROM ( ")
	w.read(c)
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

func (w *writer) isGrouped(r *plan.Read) bool {
	return slices.ContainsFunc(r.Select, func(s plan.Select) bool { return s.Aggregate != "" }) ||
		slices.ContainsFunc(r.Embeds, func(e plan.EmbedSelect) bool {
			return slices.ContainsFunc(e.Spread, func(s plan.SpreadSelect) bool { return s.Aggregate != "" })
		})
}

func (w *writer) groupBy(r *plan.Read, ref schema.Name) {
	var terms []func()
	for _, s := range r.Select {
		switch {
		case s.Aggregate != "":
		case s.Alias != "":
			terms = append(terms, func() { w.ident(s.Alias) })
		default:
			terms = append(terms, func() { w.field(ref, s.Field) })
		}
	}
	for _, e := range r.Embeds {
		switch {
		case e.Empty:
		case e.Mode != plan.EmbedSpread:
			terms = append(terms, func() { w.ident(e.Name) })
		default:
			for _, s := range e.Spread {
				if s.Aggregate == "" {
					terms = append(terms, func() { w.column(schema.Name{Name: e.Alias}, s.Name) })
				}
			}
		}
	}
	if len(terms) == 0 {
		return
	}
	w.s(" GROUP BY ")
	list(w, ", ", terms, func(f func()) { f() })
}

// countRows writes a query with one row for each row of the node, whatever
// its range. An inner embed is asked for by EXISTS.
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
