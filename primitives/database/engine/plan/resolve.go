package plan

import (
	"slices"
	"strconv"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// field resolves a name to the column of a table. An unknown name stays: it
// may be a computed column, and otherwise Postgres names the error.
func (b *builder) field(table schema.Name, name string, path []request.JSONStep) Field {
	f := Field{Name: name, Path: path, ToJSON: true}
	if c := b.s.Table(table).Column(name); c != nil {
		f.Type, f.Default = c.Nominal, c.Default
		f.ToJSON = c.Nominal != "json" && c.Nominal != "jsonb"
	}
	return f
}

// output adds the cast that renders a domain as JSON.
func (b *builder) output(f Field) Field {
	if function, ok := b.s.Cast(f.Type, "json"); ok && f.Type != "" {
		f.Transform = function
	}
	return f
}

// input adds the cast that reads a domain from text.
func (b *builder) input(f Field) Field {
	if function, ok := b.s.Cast("text", f.Type); ok && f.Type != "" {
		f.Transform = function
	}
	return f
}

func (b *builder) filter(table schema.Name, f request.Filter) *Filter {
	return b.resolveFilter(table, &Filter{Field: Field{Name: f.Field.Name, Path: f.Field.Path}, Op: f.Op})
}

// resolveFilter resolves the field of a filter. For a full-text search, a column
// of any type but tsvector is converted to one, in the language of the search,
// as in PostgREST 13. Postgres itself would take the database's default language
// for text, and refuse to search JSON.
func (b *builder) resolveFilter(table schema.Name, f *Filter) *Filter {
	c := b.s.Table(table).Column(f.Field.Name)
	f.Field = b.input(b.field(table, f.Field.Name, f.Field.Path))
	f.Field.ToVector = f.Op.Kind == request.OpFullText && c != nil && c.Type != "tsvector"
	return f
}

func (b *builder) logic(table schema.Name, l request.Logic) Logic {
	if l.Filter != nil {
		return Logic{Filter: b.filter(table, *l.Filter)}
	}
	out := Logic{Not: l.Not, Or: l.Or}
	for _, c := range l.Children {
		out.Children = append(out.Children, b.logic(table, c))
	}
	return out
}

func (b *builder) order(table schema.Name, o request.Order) Order {
	return Order{
		Relation: o.Relation, Field: b.field(table, o.Field.Name, o.Field.Path),
		Direction: o.Direction, Nulls: o.Nulls,
	}
}

// resolveTree resolves all fields, now that every node's table is known,
// expands stars where the columns must be named, and gives aliases. under is
// true below a node with an aggregate, arrays in a spread whose columns become
// arrays.
func (b *builder) resolveTree(node *Read, under, arrays bool) {
	arrays = node.IsSpread && (arrays || !node.Relation.ToOne())
	under = under || slices.ContainsFunc(node.Select, func(s Select) bool { return s.Aggregate != "" })
	for i := range node.Where {
		b.resolveLogic(&node.Where[i], node.Target)
	}
	for i := range node.Order {
		if o := &node.Order[i]; o.Relation == "" {
			o.Field = b.field(node.Target, o.Field.Name, o.Field.Path)
		} else {
			o.Field.ToJSON = true
		}
	}
	for i := range node.Select {
		s := &node.Select[i]
		if s.Field.Name != "*" {
			s.Field = b.output(b.field(node.Target, s.Field.Name, s.Field.Path))
		}
	}
	b.expandStars(node, under || arrays)
	for i := range node.Select {
		addAlias(&node.Select[i])
	}
	for _, c := range node.Children {
		b.resolveTree(c, under, arrays)
	}
}

func (b *builder) resolveLogic(l *Logic, table schema.Name) {
	if l.Filter != nil {
		b.resolveFilter(table, l.Filter)
		return
	}
	for i := range l.Children {
		b.resolveLogic(&l.Children[i], table)
	}
}

// expandStars replaces * by the table's columns where they must be named, or a
// cast must be applied to one of them.
func (b *builder) expandStars(node *Read, named bool) {
	t := b.s.Table(node.Target)
	if t == nil || !named && !b.s.HasOutputCast(t) {
		return
	}
	var out []Select
	for _, s := range node.Select {
		switch {
		case s.Field.Name == "*" && s.Aggregate == "":
			for _, c := range t.Columns {
				s.Field = b.output(b.field(node.Target, c.Name, nil))
				out = append(out, s)
			}
			continue
		case s.Field.Name == "*" && s.Aggregate == "count" && node.IsSpread:
			s.Field.FullRow = true
		}
		out = append(out, s)
	}
	node.Select = out
}

// addAlias names what has no name: a JSON path after its last key, a rendered
// column after itself.
func addAlias(s *Select) {
	switch {
	case s.Alias != "":
	case s.Aggregate != "":
		if s.Field.FullRow {
			s.Alias = "count"
		}
	case len(s.Field.Path) > 0:
		s.Alias = s.Field.Name
		for _, step := range slices.Backward(s.Field.Path) {
			if !step.Index {
				s.Alias = step.Key
				break
			}
		}
	case s.Field.Transform != "":
		s.Alias = s.Field.Name
	}
}

func addRelatedOrders(node *Read) *request.Error {
	for i := range node.Order {
		o := &node.Order[i]
		if o.Relation == "" {
			continue
		}
		j := slices.IndexFunc(node.Children, func(c *Read) bool { return c.Name() == o.Relation })
		if j < 0 {
			return request.NotEmbedded(o.Relation)
		}
		child := node.Children[j]
		if !child.Relation.ToOne() {
			return relatedOrderNotToOne(node.Target.Name, child.Name())
		}
		o.Relation = child.Alias
	}
	return each(node.Children, addRelatedOrders)
}

func each(nodes []*Read, f func(*Read) *request.Error) *request.Error {
	for _, n := range nodes {
		if err := f(n); err != nil {
			return err
		}
	}
	return nil
}

// isToOneSpread reports whether the node's columns are its parent's.
func (r *Read) isToOneSpread() bool { return r.IsSpread && r.Relation.ToOne() }

// validateSpreads refuses aggregates of what becomes arrays, among them those
// that spreads handed up to it.
func validateSpreads(node *Read) *request.Error {
	if node.IsSpread && !node.Relation.ToOne() && node.Grouped() {
		return aggregatesInArrays()
	}
	return each(node.Children, validateSpreads)
}

// Grouped reports whether the node has an aggregate, its own or that of a spread.
func (r *Read) Grouped() bool {
	return slices.ContainsFunc(r.Select, func(s Select) bool { return s.Aggregate != "" }) ||
		slices.ContainsFunc(r.Embeds, func(e EmbedSelect) bool {
			return slices.ContainsFunc(e.Spread, func(s SpreadSelect) bool { return s.Aggregate != "" })
		})
}

// addNullFilters makes embed=is.null and embed=not.is.null ask for the
// embed's rows. Other operators are on a column that has the embed's name.
func addNullFilters(node *Read) {
	for i := range node.Where {
		nullFilters(&node.Where[i], node.Children)
	}
	for _, c := range node.Children {
		addNullFilters(c)
	}
}

func nullFilters(l *Logic, children []*Read) {
	if l.Filter == nil {
		for i := range l.Children {
			nullFilters(&l.Children[i], children)
		}
		return
	}
	f := l.Filter
	notNull := f.Op.Value == "NOT NULL"
	if len(f.Field.Path) > 0 || f.Op.Kind != request.OpIs || f.Op.Value != "NULL" && !notNull {
		return
	}
	i := slices.IndexFunc(children, func(c *Read) bool { return c.Name() == f.Field.Name })
	if i >= 0 {
		f.EmbedAlias, f.Op.Not = children[i].Alias, f.Op.Not != notNull
	}
}

func (b *builder) validateAggregates(node *Read) *request.Error {
	if !b.o.Aggregates && slices.ContainsFunc(node.Select, func(s Select) bool { return s.Aggregate != "" }) {
		return aggregatesNotAllowed()
	}
	return each(node.Children, b.validateAggregates)
}

// nameLifted names what the to-one spreads below a node hand up to be
// aggregated, where it has no name.
func nameLifted(node *Read) {
	var lifted []*Select
	var lift func(*Read)
	lift = func(n *Read) {
		for _, c := range n.Children {
			if !c.isToOneSpread() {
				nameLifted(c)
				continue
			}
			for i := range c.Select {
				lifted = append(lifted, &c.Select[i])
			}
			lift(c)
		}
	}
	lift(node)
	times := map[string]int{}
	for _, s := range lifted {
		times[s.name()]++
	}
	for i, s := range lifted {
		unnamed := times[s.name()] > 1 || len(s.Field.Path) > 0 && s.Alias == ""
		if s.Aggregate != "" && unnamed && s.Field.Name != "*" {
			s.Lifted = "pgrst_aggregate_" + strconv.Itoa(i)
		}
	}
}

// addEmbedSelects adds to every parent what it takes from its children.
func addEmbedSelects(node *Read) {
	for _, c := range node.Children {
		addEmbedSelects(c)
		node.Embeds = append(node.Embeds, embedSelect(c))
	}
}

func embedSelect(c *Read) EmbedSelect {
	out := EmbedSelect{Name: c.Name(), Alias: c.Alias, Empty: c.selectsNothing()}
	switch {
	case c.IsSpread:
		out.Mode, out.Empty, out.Many = EmbedSpread, false, !c.Relation.ToOne()
		for i := range c.Select {
			out.Spread = append(out.Spread, SpreadSelect{Name: c.Select[i].name()})
		}
		for _, e := range c.Embeds {
			switch {
			case e.Mode == EmbedSpread:
				out.Spread = append(out.Spread, e.Spread...)
			case !e.Empty:
				out.Spread = append(out.Spread, SpreadSelect{Name: e.Name})
			}
		}
	case !c.Relation.ToOne():
		out.Mode = EmbedArray
	}
	return out
}

func (r *Read) selectsNothing() bool {
	return len(r.Select) == 0 && !slices.ContainsFunc(r.Children, func(c *Read) bool { return !c.selectsNothing() })
}

// hoisted is an aggregate that a spread hands to its parent: summing inside
// the spread would sum one row.
type hoisted struct {
	alias, name           string
	aggregate, cast, give string
}

// hoist moves the aggregates of to-one spreads up to the node that is not one.
func hoist(node *Read) []hoisted {
	var below []hoisted
	for _, c := range node.Children {
		below = append(below, hoist(c)...)
	}
	if !node.isToOneSpread() {
		for i := range node.Embeds {
			applyHoisted(&node.Embeds[i], below)
		}
		return nil
	}
	var out []hoisted
	for i := range node.Select {
		s := &node.Select[i]
		if s.Aggregate == "" {
			continue
		}
		out = append(out, hoisted{node.Alias, s.name(), s.Aggregate, s.AggregateCast, s.Alias})
		s.Aggregate, s.AggregateCast = "", ""
		if s.Lifted != "" {
			s.Alias = s.Lifted
		}
	}
	for _, h := range below {
		h.alias = node.Alias
		out = append(out, h)
	}
	return out
}

func applyHoisted(e *EmbedSelect, all []hoisted) {
	for i := range e.Spread {
		s := &e.Spread[i]
		for _, h := range all {
			if h.alias == e.Alias && h.name == s.Name {
				s.Aggregate, s.AggregateCast, s.Alias = h.aggregate, h.cast, h.give
				break
			}
		}
	}
}
