package plan

import (
	"fmt"
	"slices"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// read builds the tree of resources, the root being source.
func (b *builder) read(source schema.Name) (*Read, *request.Error) {
	root := &Read{From: source, Target: source, RelName: source.Name, Range: request.AllRows()}
	b.initialize(root, b.r.Query.Select)
	for _, step := range []func(*Read) *request.Error{
		b.addFilters, b.addOrders, b.addRanges, b.addLogic,
		func(r *Read) *request.Error { return b.addRelations(r, nil) },
	} {
		if err := step(root); err != nil {
			return nil, err
		}
	}
	b.resolveTree(root, false, false)
	for _, step := range []func(*Read) *request.Error{addRelatedOrders, b.validateAggregates} {
		if err := step(root); err != nil {
			return nil, err
		}
	}
	addNullFilters(root)
	nameLifted(root)
	addEmbedSelects(root)
	hoist(root)
	if err := validateSpreads(root); err != nil {
		return nil, err
	}
	if b.o.MaxRows > 0 && (b.r.Kind == request.Read || b.r.Kind == request.Call) {
		restrict(root, b.o.MaxRows)
	}
	return root, checkRanges(root)
}

// initialize makes the nodes of the select list. Fields are resolved later,
// when it is known which table a node reads.
func (b *builder) initialize(node *Read, items []request.Item) {
	for _, item := range items {
		if item.Kind == request.Column {
			node.Select = append(node.Select, Select{
				Field: Field{Name: item.Field.Name, Path: item.Field.Path},
				Cast:  item.Cast, Aggregate: item.Aggregate, AggregateCast: item.AggregateCast, Alias: item.Alias,
			})
			continue
		}
		child := &Read{
			From: schema.Name{Schema: b.r.Schema, Name: item.Relation}, RelName: item.Relation, RelAlias: item.Alias,
			Hint: item.Hint, Join: item.Join, IsSpread: item.Kind == request.Spread,
			Depth: node.Depth + 1, Range: request.AllRows(),
		}
		child.Target = child.From
		b.initialize(child, item.Children)
		node.Children = append(node.Children, child)
	}
}

// at finds the node that a path of embeds leads to.
func (b *builder) at(node *Read, path []string) (*Read, *request.Error) {
	for _, name := range path {
		i := slices.IndexFunc(node.Children, func(c *Read) bool { return c.RelName == name || c.RelAlias == name })
		if i < 0 {
			return nil, request.NotEmbedded(name)
		}
		node = node.Children[i]
		if b.o.AliasesOnly && node.Name() != name {
			return nil, hasAlias(name, node.Name())
		}
	}
	return node, nil
}

// isMutation reports whether the root's filters belong to the mutation.
func (b *builder) isMutation() bool { return b.r.Kind != request.Read && b.r.Kind != request.Call }

func (b *builder) addFilters(root *Read) *request.Error {
	for _, f := range b.r.Query.Filters {
		if len(f.Path) == 0 && b.isMutation() {
			continue
		}
		node, err := b.at(root, f.Path)
		if err != nil {
			return err
		}
		node.Where = append(node.Where, Logic{Filter: &Filter{
			Field: Field{Name: f.What.Field.Name, Path: f.What.Field.Path}, Op: f.What.Op,
		}})
	}
	return nil
}

// addOrders orders the rows that are read; of a mutation, those it returns.
func (b *builder) addOrders(root *Read) *request.Error {
	if b.isMutation() && !b.r.Prefer.Full() {
		return nil
	}
	for _, o := range b.r.Query.Order {
		node, err := b.at(root, o.Path)
		if err != nil {
			return err
		}
		if node.Order != nil {
			continue
		}
		for _, term := range o.What {
			node.Order = append(node.Order, Order{
				Relation: term.Relation, Field: Field{Name: term.Field.Name, Path: term.Field.Path},
				Direction: term.Direction, Nulls: term.Nulls,
			})
		}
	}
	return nil
}

func (b *builder) addRanges(root *Read) *request.Error {
	if b.isMutation() {
		return nil
	}
	root.Range = b.r.Range
	for _, r := range b.r.Query.Ranges {
		node, err := b.at(root, r.Path)
		if err != nil {
			return err
		}
		node.Range = r.What
	}
	return nil
}

func (b *builder) addLogic(root *Read) *request.Error {
	for _, l := range b.r.Query.Logic {
		if len(l.Path) == 0 && b.isMutation() {
			continue
		}
		node, err := b.at(root, l.Path)
		if err != nil {
			return err
		}
		node.Where = append(node.Where, unresolved(l.What))
	}
	return nil
}

func unresolved(l request.Logic) Logic {
	if l.Filter != nil {
		return Logic{Filter: &Filter{Field: Field{Name: l.Filter.Field.Name, Path: l.Filter.Field.Path}, Op: l.Filter.Op}}
	}
	out := Logic{Not: l.Not, Or: l.Or}
	for _, c := range l.Children {
		out.Children = append(out.Children, unresolved(c))
	}
	return out
}

// addRelations finds the relationship of every embed and its join.
func (b *builder) addRelations(node, parent *Read) *request.Error {
	if parent == nil {
		if b.r.Kind != request.Read {
			node.FromAlias, node.From = node.From.Name, schema.Name{Name: SourceName}
		}
	} else if err := b.relate(node, parent); err != nil {
		return err
	}
	for _, child := range node.Children {
		if err := b.addRelations(child, node); err != nil {
			return err
		}
	}
	tellSpreadsApart(node.Children)
	return nil
}

// tellSpreadsApart gives spreads of one resource through several relationships
// their own aliases. Other embeds of one name are two members of one name,
// which Postgres refuses.
func tellSpreadsApart(children []*Read) {
	for _, c := range children {
		taken := func(o *Read) bool { return o != c && o.Alias == c.Alias }
		for i := 2; c.IsSpread && slices.ContainsFunc(children, taken); i++ {
			c.Alias = alias(fmt.Sprintf("%s_%s_%d", c.Relation.Table.Name, c.Name(), i), c.Depth)
		}
	}
}

func (b *builder) relate(node, parent *Read) *request.Error {
	origin := schema.Name{Schema: b.r.Schema, Name: parent.From.Name}
	if node.Depth == 1 && parent.FromAlias != "" {
		origin.Name = parent.FromAlias
	}
	rel, err := b.findRelation(origin, node.RelName, node.Hint)
	if err != nil {
		return err
	}
	node.Relation, node.From, node.Target = rel, rel.Foreign, rel.Foreign
	node.Alias = alias(rel.Table.Name+"_"+node.Name(), node.Depth)
	parentRef := rel.Table
	if parent.FromAlias != "" {
		parentRef = schema.Name{Name: parent.FromAlias}
	}
	switch rel.Cardinality {
	case schema.ManyToMany:
		for _, c := range rel.Junction.Target {
			node.Joins = append(node.Joins, Join{JoinColumn{rel.Foreign, c[0]}, JoinColumn{rel.Junction.Table, c[1]}})
		}
		for _, c := range rel.Junction.Source {
			node.Joins = append(node.Joins, Join{JoinColumn{parentRef, c[0]}, JoinColumn{rel.Junction.Table, c[1]}})
		}
	case schema.Computed:
		node.FromAlias = alias(rel.Foreign.Name, node.Depth)
		node.ParentRef = parentRef.Name
	default:
		node.FromAlias = alias(rel.Foreign.Name, node.Depth)
		for _, c := range rel.Columns {
			node.Joins = append(node.Joins, Join{JoinColumn{schema.Name{Name: node.FromAlias}, c[1]}, JoinColumn{parentRef, c[0]}})
		}
	}
	return nil
}

// findRelation is how a target and a hint name a relationship. A target is a
// table, a constraint or a column of the origin; a hint is a constraint, a
// column of either side or a junction. Constraints and columns as targets
// lead to tables only.
func (b *builder) findRelation(origin schema.Name, target, hint string) (*schema.Relationship, *request.Error) {
	var found []schema.Relationship
	all, _ := b.s.Relationships(origin, origin.Schema)
	for _, r := range all {
		if names(&r, target, hint) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return nil, noRelation(b.s, origin, target, hint)
	case 1:
		return &found[0], nil
	}
	return nil, ambiguousRelation(origin.Name, target, found)
}

func names(r *schema.Relationship, target, hint string) bool {
	foreign := target == r.Foreign.Name
	switch {
	case r.Cardinality == schema.Computed:
		return target == r.Function.Name
	case r.Self && hint == "":
		return foreign && r.Cardinality == schema.OneToMany ||
			r.Cardinality == schema.ManyToOne && byColumn(r, target, 0)
	case r.Self:
		return foreign && r.Cardinality == schema.OneToMany && byColumn(r, hint, 1)
	case hint == "":
		return foreign || !r.ForeignIsView && r.Junction == nil && (target == r.Constraint || byColumn(r, target, 0))
	case r.Junction != nil:
		return foreign && hint == r.Junction.Table.Name
	}
	return foreign && (hint == r.Constraint || byColumn(r, hint, 0) || byColumn(r, hint, 1))
}

func byColumn(r *schema.Relationship, name string, side int) bool {
	return len(r.Columns) == 1 && r.Columns[0][side] == name
}

// restrict caps every node at the max-rows setting.
func restrict(node *Read, rows int64) {
	node.Range = node.Range.Restrict(rows)
	for _, c := range node.Children {
		restrict(c, rows)
	}
}

// checkRanges refuses limits and offsets that no bigint holds.
func checkRanges(node *Read) *request.Error {
	if number, beyond := node.Range.Beyond(); beyond {
		return request.BeyondBigint(number)
	}
	return each(node.Children, checkRanges)
}
