package request

import "strings"

type named struct{ name, sql string }

var (
	simpleOperators = []named{
		{"neq", "<>"}, {"cs", "@>"}, {"cd", "<@"}, {"ov", "&&"}, {"sl", "<<"},
		{"sr", ">>"}, {"nxr", "&<"}, {"nxl", "&>"}, {"adj", "-|-"},
	}
	quantOperators = []named{
		{"eq", "="}, {"gte", ">="}, {"gt", ">"}, {"lte", "<="}, {"lt", "<"},
		{"like", "like"}, {"ilike", "ilike"}, {"match", "~"}, {"imatch", "~*"},
	}
	textOperators = []named{
		{"fts", "to_tsquery"}, {"plfts", "plainto_tsquery"},
		{"phfts", "phraseto_tsquery"}, {"wfts", "websearch_to_tsquery"},
	}
)

// value parses the operand of an operator.
type value func() (string, result)

// rest is a whole operand in the query string: everything that is left.
func (s *scanner) rest() (string, result) {
	text := s.in[s.pos:]
	s.pos = len(s.in)
	return text, result{ok: true, consumed: text != ""}
}

// operation is [not.]operator.operand.
func (s *scanner) operation(operand value) (Operation, result) {
	var op Operation
	var q sequence
	start := s.pos
	var not sequence
	if not.add(s.literal("not")) && not.add(s.delimiter()) {
		op.Not = true
		q.add(not.done())
	} else {
		q.add(optional(s.try(start, not.result)))
	}
	if !q.add(s.label(s.positive(&op, operand), "operator (eq, gt, ...)")) {
		return Operation{}, q.result
	}
	return op, q.done()
}

func (s *scanner) positive(op *Operation, operand value) result {
	start := s.pos
	var last result
	for i, alternative := range []func(*Operation, value) result{
		s.in_, s.is, s.distinct, s.fullText, s.simple, s.quantified,
	} {
		r := alternative(op, operand)
		if i >= 3 {
			r = s.try(start, r)
		}
		if i > 0 {
			r = or(last, r)
		}
		if r.ok || r.consumed {
			return r
		}
		last = r
	}
	return last
}

// prefix is name and a dot, undone when it does not match.
func (s *scanner) prefix(name string) result {
	start := s.pos
	var q sequence
	if q.add(s.literal(name)) && q.add(s.delimiter()) {
		return q.done()
	}
	return s.try(start, q.result)
}

func (s *scanner) in_(op *Operation, _ value) result {
	var q sequence
	if !q.add(s.prefix("in")) || !q.add(s.around('(')) {
		return q.result
	}
	op.Kind = OpIn
	for {
		element, r := s.element()
		if !q.add(r) {
			return q.result
		}
		op.Values = append(op.Values, element)
		if r = s.char(','); !r.ok {
			q.add(optional(r))
			break
		}
		q.add(r)
	}
	if !q.add(s.around(')')) {
		return q.result
	}
	return q.done()
}

// element is one value of a list: quoted, or everything up to a comma.
func (s *scanner) element() (string, result) {
	start := s.pos
	var q sequence
	text, r := s.quoted()
	if q.add(r) && q.add(s.unless(inElement)) {
		return text, q.done()
	}
	first := s.try(start, q.result)
	r = s.many(inElement)
	return s.in[start:s.pos], or(first, r)
}

func inElement(r rune) bool { return r != ',' && r != ')' }

func (s *scanner) is(op *Operation, _ value) result {
	var q sequence
	if !q.add(s.prefix("is")) {
		return q.result
	}
	op.Kind = OpIs
	start := s.pos
	var r result
	for i, word := range []string{"null", "not_null", "unknown", "true", "false"} {
		next := s.try(start, s.word(word))
		if i > 0 {
			next = or(r, next)
		}
		if r = next; r.ok {
			op.Value = strings.ToUpper(strings.ReplaceAll(word, "_", " "))
			break
		}
	}
	if !q.add(s.label(r, "null or trilean value (unknown, true, false)")) {
		return q.result
	}
	return q.done()
}

// word matches text in any case.
func (s *scanner) word(text string) result {
	var q sequence
	for _, c := range []byte(text) {
		r := s.char(c)
		if !r.ok && c >= 'a' {
			r = or(r, s.char(c-'a'+'A'))
		}
		if !q.add(r) {
			return q.result
		}
	}
	return q.done()
}

func (s *scanner) distinct(op *Operation, operand value) result {
	var q sequence
	if !q.add(s.prefix("isdistinct")) {
		return q.result
	}
	op.Kind = OpDistinct
	text, r := operand()
	op.Value = text
	q.add(r)
	return q.result
}

func (s *scanner) fullText(op *Operation, operand value) result {
	var q sequence
	if !q.add(s.oneOf(textOperators, op)) {
		return q.result
	}
	op.Kind = OpFullText
	start := s.pos
	var lang sequence
	if lang.add(s.char('(')) {
		name, r := s.identifier()
		if lang.add(r) && lang.add(s.char(')')) {
			op.Language = name
			lang.done()
		}
	}
	q.add(optional(s.try(start, lang.result)))
	if !q.add(s.delimiter()) {
		return q.result
	}
	text, r := operand()
	op.Value = text
	q.add(r)
	return q.result
}

// oneOf is one of the operators' names.
func (s *scanner) oneOf(names []named, op *Operation) result {
	start := s.pos
	var r result
	for i, n := range names {
		next := s.try(start, s.literal(n.name))
		if i > 0 {
			next = or(r, next)
		}
		if r = next; r.ok {
			op.Operator = n.sql
			return r
		}
	}
	return r
}

func (s *scanner) simple(op *Operation, operand value) result {
	var q sequence
	if !q.add(s.oneOf(simpleOperators, op)) || !q.add(s.delimiter()) {
		return q.result
	}
	op.Kind = OpSimple
	text, r := operand()
	op.Value = text
	q.add(r)
	return q.result
}

func (s *scanner) quantified(op *Operation, operand value) result {
	var q sequence
	if !q.add(s.oneOf(quantOperators, op)) {
		return q.result
	}
	op.Kind = OpQuant
	start := s.pos
	var quant sequence
	if quant.add(s.char('(')) {
		at := s.pos
		r := s.try(at, s.literal("any"))
		op.Quant = QuantAny
		if !r.ok {
			r = or(r, s.literal("all"))
			op.Quant = QuantAll
		}
		if quant.add(r) && quant.add(s.char(')')) {
			quant.done()
		}
	}
	if !quant.ok {
		op.Quant = QuantNone
	}
	q.add(optional(s.try(start, quant.result)))
	if !q.add(s.delimiter()) {
		return q.result
	}
	text, r := operand()
	op.Value = text
	q.add(r)
	return q.result
}

// logic is a filter, or [not.]and(…) and its like.
func (s *scanner) logic() (Logic, result) {
	if s.depth++; s.depth > maxDepth {
		return Logic{}, s.failHere("conditions are nested too deep")
	}
	defer func() { s.depth-- }()
	start := s.pos
	f, r := s.logicFilter()
	if r.ok {
		return Logic{Filter: &f}, r
	}
	first := s.try(start, r)
	var node Logic
	r = s.group(&node)
	return node, or(first, r)
}

func (s *scanner) logicFilter() (Filter, result) {
	var q sequence
	field, r := s.field()
	if !q.add(r) || !q.add(s.delimiter()) {
		return Filter{}, q.result
	}
	op, r := s.operation(s.logicOperand)
	if !q.add(r) {
		return Filter{}, q.result
	}
	return Filter{field, op}, q.done()
}

func (s *scanner) group(node *Logic) result {
	var q, not sequence
	start := s.pos
	if not.add(s.literal("not")) && not.add(s.delimiter()) {
		node.Not = true
	} else {
		not.result = optional(s.try(start, not.result))
	}
	q.add(s.label(not.result, "negation operator (not)"))
	start = s.pos
	r := s.try(start, s.literal("and"))
	if !r.ok {
		node.Or = true
		r = or(r, s.literal("or"))
	}
	if !q.add(s.label(r, "logic operator (and, or)")) || !q.add(s.around('(')) {
		return q.result
	}
	for {
		child, r := s.logic()
		if !q.add(r) {
			return q.result
		}
		node.Children = append(node.Children, child)
		if r = s.around(','); !r.ok {
			q.add(optional(r))
			if r.consumed {
				return q.result
			}
			break
		}
		q.add(r)
	}
	if !q.add(s.around(')')) {
		return q.result
	}
	return q.done()
}

// logicOperand is an operand inside a condition tree: quoted, an array
// literal, or everything up to a comma or parenthesis.
func (s *scanner) logicOperand() (string, result) {
	start := s.pos
	var q sequence
	text, r := s.quoted()
	if q.add(r) && q.add(s.unless(inElement)) {
		return text, q.done()
	}
	first := s.try(start, q.result)
	var array sequence
	if array.add(s.literal("{")) {
		array.add(s.many(func(r rune) bool { return r != '{' && r != '}' }))
		if array.add(s.literal("}")) {
			return s.in[start:s.pos], or(first, array.done())
		}
	}
	second := or(first, s.try(start, array.result))
	r = s.many(inElement)
	return s.in[start:s.pos], or(second, r)
}

// orders is a list of order terms.
func (s *scanner) orders() ([]Order, result) {
	var q sequence
	var terms []Order
	for {
		q.add(s.blanks())
		start := s.pos
		term, r := s.relationOrder()
		r = s.try(start, r)
		if !r.ok {
			var second result
			term, second = s.fieldOrder()
			r = or(r, second)
		}
		if !q.add(r) {
			return nil, q.result
		}
		q.add(s.blanks())
		terms = append(terms, term)
		if r = s.char(','); !r.ok {
			q.add(optional(r))
			return terms, q.done()
		}
		q.add(r)
	}
}

func (s *scanner) fieldOrder() (Order, result) {
	var q sequence
	field, r := s.field()
	if !q.add(r) {
		return Order{}, q.result
	}
	return s.direction(q, Order{Field: field})
}

func (s *scanner) relationOrder() (Order, result) {
	var q sequence
	name, r := s.fieldName()
	if !q.add(r) || !q.add(s.char('(')) {
		return Order{}, q.result
	}
	field, r := s.field()
	if !q.add(r) || !q.add(s.char(')')) {
		return Order{}, q.result
	}
	return s.direction(q, Order{Relation: name, Field: field})
}

func (s *scanner) direction(q sequence, term Order) (Order, result) {
	q.add(s.suffix(&term.Direction, named{"asc", "ASC"}, named{"desc", "DESC"}))
	q.add(s.suffix(&term.Nulls, named{"nullsfirst", "NULLS FIRST"}, named{"nullslast", "NULLS LAST"}))
	end := s.ahead(",")
	if !end.ok {
		end = or(end, s.eof())
	}
	if !q.add(end) {
		return Order{}, q.result
	}
	return term, q.done()
}

// suffix is a dot and one of the words, or nothing.
func (s *scanner) suffix(to *string, words ...named) result {
	start := s.pos
	var r result
	for i, w := range words {
		var q sequence
		next := result{}
		if q.add(s.delimiter()) && q.add(s.literal(w.name)) {
			next = q.done()
		} else {
			next = s.try(start, q.result)
		}
		if i > 0 {
			next = or(r, next)
		}
		if r = next; r.ok {
			*to = w.sql
			return r
		}
	}
	return optional(r)
}

// logicPath is the key of a condition tree: embed.not.and.
func (s *scanner) logicPath() ([]string, string, result) {
	path, field, r := s.treePath()
	if !r.ok {
		return nil, "", r
	}
	op, kept := field.Name, path[:0]
	for _, name := range path {
		if name == "not" {
			op = "not." + field.Name
			continue
		}
		kept = append(kept, name)
	}
	return kept, op, r
}
