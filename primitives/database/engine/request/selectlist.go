package request

// forest is a select list; it may be empty, as in clients().
func (s *scanner) forest() ([]Item, result) {
	if s.depth++; s.depth > maxDepth {
		return nil, s.failHere("select lists are nested too deep")
	}
	defer func() { s.depth-- }()
	var q sequence
	item, r := s.tree()
	if !r.ok {
		q.add(optional(r))
		if r.consumed {
			return nil, r
		}
		return nil, q.result
	}
	q.add(r)
	items := []Item{item}
	for {
		r := s.around(',')
		if !r.ok {
			q.add(optional(r))
			if r.consumed {
				return nil, q.result
			}
			return items, q.done()
		}
		q.add(r)
		item, r := s.tree()
		if !q.add(r) {
			return nil, q.result
		}
		items = append(items, item)
	}
}

func (s *scanner) tree() (Item, result) {
	start := s.pos
	item, r := s.relation(true)
	r = s.try(start, r)
	if !r.ok {
		var second result
		item, second = s.relation(false)
		r = or(r, s.try(start, second))
	}
	if r.ok {
		var q sequence
		q.add(r)
		if !q.add(s.char('(')) {
			return Item{}, q.result
		}
		children, r := s.forest()
		item.Children = children
		if !q.add(r) || !q.add(s.char(')')) {
			return Item{}, q.result
		}
		return item, q.done()
	}
	item, second := s.column()
	return item, or(r, second)
}

// relation is the head of an embed, up to its parenthesis: alias:name!hint, or
// ...name!hint for a spread.
func (s *scanner) relation(spread bool) (Item, result) {
	item := Item{Kind: Embed}
	var q sequence
	q.add(s.blanks())
	if spread {
		item.Kind = Spread
		if !q.add(s.literal("...")) {
			return Item{}, q.result
		}
	} else {
		alias, r := s.alias()
		if !q.add(r) {
			return Item{}, q.result
		}
		item.Alias = alias
	}
	name, r := s.fieldName()
	if !q.add(r) {
		return Item{}, q.result
	}
	// "count" is the aggregate, not a relation.
	if name == "count" && !spread {
		q.add(s.fail(sysUnexpected, ""))
		return Item{}, q.result
	}
	item.Relation = name
	for range 2 {
		r := s.embedParameter(&item)
		if !r.ok && r.consumed {
			q.add(r)
			return Item{}, q.result
		}
		q.add(optional(r))
	}
	if !q.add(s.ahead("(")) {
		return Item{}, q.result
	}
	q.add(s.blanks())
	return item, q.done()
}

// alias is the name before a single colon, or nothing.
func (s *scanner) alias() (string, result) {
	start := s.pos
	var q sequence
	name, r := s.fieldName()
	if q.add(r) && q.add(s.char(':')) && q.add(s.unless(func(r rune) bool { return r == ':' })) {
		return name, q.done()
	}
	return "", optional(s.try(start, q.result))
}

func (s *scanner) embedParameter(item *Item) result {
	var q sequence
	if !q.add(s.char('!')) {
		return q.result
	}
	start := s.pos
	r := s.try(start, s.literal("left"))
	if r.ok {
		if item.Join == JoinDefault {
			item.Join = JoinLeft
		}
		q.add(r)
		return q.done()
	}
	second := s.try(start, s.literal("inner"))
	r = or(r, second)
	if r.ok {
		if item.Join == JoinDefault {
			item.Join = JoinInner
		}
		q.add(r)
		return q.done()
	}
	hint, third := s.fieldName()
	if item.Hint == "" {
		item.Hint = hint
	}
	if !q.add(or(r, s.try(start, third))) {
		return q.result
	}
	return q.done()
}

// column is *, count() or a field with cast and aggregate.
func (s *scanner) column() (Item, result) {
	var q sequence
	q.add(s.blanks())
	start := s.pos
	item, r := s.star()
	r = s.try(start, r)
	if !r.ok {
		var second result
		item, second = s.countAll()
		r = or(r, s.try(start, second))
	}
	if !r.ok {
		var third result
		item, third = s.plainColumn()
		r = or(r, third)
	}
	if !q.add(r) {
		return Item{}, q.result
	}
	q.add(s.blanks())
	return item, q.done()
}

func (s *scanner) star() (Item, result) {
	var q sequence
	if !q.add(s.literal("*")) || !q.add(s.itemEnd()) {
		return Item{}, q.result
	}
	return Item{Field: Field{Name: "*"}}, q.done()
}

func (s *scanner) countAll() (Item, result) {
	item := Item{Field: Field{Name: "*"}, Aggregate: "count"}
	var q sequence
	alias, r := s.alias()
	item.Alias = alias
	if !q.add(r) || !q.add(s.literal("count()")) || !q.add(s.cast(&item.AggregateCast)) || !q.add(s.itemEnd()) {
		return Item{}, q.result
	}
	return item, q.done()
}

func (s *scanner) plainColumn() (Item, result) {
	var item Item
	var q sequence
	alias, r := s.alias()
	item.Alias = alias
	if !q.add(r) {
		return Item{}, q.result
	}
	item.Field, r = s.field()
	if !q.add(r) || !q.add(s.cast(&item.Cast)) || !q.add(s.aggregate(&item)) ||
		!q.add(s.cast(&item.AggregateCast)) || !q.add(s.itemEnd()) {
		return Item{}, q.result
	}
	return item, q.done()
}

// cast is ::type, or nothing.
func (s *scanner) cast(to *string) result {
	var q sequence
	if !q.add(s.literal("::")) {
		return optional(q.result)
	}
	name, r := s.identifier()
	if !q.add(r) {
		return q.result
	}
	*to = name
	return q.done()
}

// aggregate is .sum() and its like, or nothing.
func (s *scanner) aggregate(item *Item) result {
	start := s.pos
	var q sequence
	if !q.add(s.char('.')) {
		return optional(s.try(start, q.result))
	}
	var r result
	at := s.pos
	for i, name := range []string{"sum", "avg", "count", "max", "min"} {
		next := s.try(at, s.literal(name))
		if i > 0 {
			next = or(r, next)
		}
		if r = next; r.ok {
			item.Aggregate = name
			break
		}
	}
	if q.add(r) && q.add(s.literal("()")) {
		return q.done()
	}
	item.Aggregate = ""
	return optional(s.try(start, q.result))
}

func (s *scanner) itemEnd() result {
	r := s.ahead(")")
	if !r.ok {
		r = or(r, s.ahead(","))
	}
	if !r.ok {
		r = or(r, s.eof())
	}
	return r
}
