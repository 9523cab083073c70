package request

import "strings"

func isIdentifier(r rune) bool {
	return isLetter(r) || isDigit(r) || r == '_' || r == ' ' || r == '$'
}

// identifier is one or more identifier characters, trimmed.
func (s *scanner) identifier() (string, result) {
	start := s.pos
	r := s.identifierChar()
	if !r.ok {
		return "", r
	}
	for {
		next := s.identifierChar()
		if !next.ok {
			return strings.TrimSpace(s.in[start:s.pos]), result{ok: true, consumed: true, err: next.err}
		}
	}
}

func (s *scanner) identifierChar() result {
	r, n := s.peek()
	if n > 0 && isIdentifier(r) {
		s.pos += n
		return result{ok: true, consumed: true}
	}
	if !s.track {
		return result{}
	}
	never := func(rune) bool { return false }
	first := or(s.label(s.satisfy(never), "letter"), s.label(s.satisfy(never), "digit"))
	return or(first, s.satisfy(never))
}

// dashed is name(-name)*, where a dash before '>' belongs to a JSON arrow.
func (s *scanner) dashed(part func() (string, result)) (string, result) {
	var q sequence
	name, r := part()
	if !q.add(r) {
		return "", q.result
	}
	var more []string
	for {
		start := s.pos
		r := s.try(start, s.dash())
		if !r.ok {
			q.add(optional(r))
			break
		}
		q.add(r)
		next, r := part()
		if !q.add(r) {
			return "", q.result
		}
		more = append(more, next)
	}
	if more != nil {
		name += "-" + strings.Join(more, "-")
	}
	return name, q.done()
}

func (s *scanner) dash() result {
	var q sequence
	if !q.add(s.char('-')) || !q.add(s.unless(func(r rune) bool { return r == '>' })) {
		return q.result
	}
	return q.done()
}

// quoted is "…" with backslash escapes.
func (s *scanner) quoted() (string, result) {
	var q sequence
	if !q.add(s.char('"')) {
		return "", q.result
	}
	var b strings.Builder
	for {
		start := s.pos
		r := s.many(func(r rune) bool { return r != '\\' && r != '"' })
		b.WriteString(s.in[start:s.pos])
		q.add(r)
		if end := s.char('"'); end.ok {
			q.add(end)
			return b.String(), q.done()
		}
		if r := or(s.char('"'), s.char('\\')); !q.add(r) {
			return "", q.result
		}
		start = s.pos
		if !q.add(s.satisfy(func(rune) bool { return true })) {
			return "", q.result
		}
		b.WriteString(s.in[start:s.pos])
	}
}

func (s *scanner) fieldName() (string, result) {
	name, r := s.quoted()
	if !r.ok && !r.consumed {
		var second result
		name, second = s.dashed(s.identifier)
		r = or(r, second)
	}
	return name, s.label(r, "field name (* or [a..z0..9_$])")
}

func (s *scanner) jsonKeyPart() (string, result) {
	start := s.pos
	accepts := func(r rune) bool { return !strings.ContainsRune("(-:.,>)", r) }
	r := s.satisfy(accepts)
	if !r.ok {
		return "", r
	}
	r = s.many(accepts)
	return strings.TrimSpace(s.in[start:s.pos]), result{ok: true, consumed: true, err: r.err}
}

func (s *scanner) jsonKey() (string, result) {
	name, r := s.quoted()
	if !r.ok && !r.consumed {
		var second result
		name, second = s.dashed(s.jsonKeyPart)
		r = or(r, second)
	}
	return name, s.label(r, "any non reserved character different from: .,>()")
}

// jsonPath is any number of ->key and ->>key.
func (s *scanner) jsonPath() ([]JSONStep, result) {
	var q sequence
	var path []JSONStep
	for {
		start := s.pos
		step := JSONStep{Text: true}
		r := s.try(start, s.literal("->>"))
		if !r.ok {
			step.Text = false
			r = or(r, s.try(start, s.literal("->")))
		}
		if !r.ok {
			q.add(optional(r))
			return path, q.done()
		}
		q.add(r)
		if !q.add(s.jsonOperand(&step)) {
			return nil, q.result
		}
		path = append(path, step)
	}
}

func (s *scanner) jsonOperand(step *JSONStep) result {
	start := s.pos
	r := s.try(start, s.jsonIndex(step))
	if r.ok {
		return r
	}
	key, second := s.jsonKey()
	step.Index, step.Key = false, key
	return or(r, s.try(start, second))
}

func (s *scanner) jsonIndex(step *JSONStep) result {
	var q sequence
	sign := "+"
	r := s.char('-')
	if r.ok {
		sign = "-"
	}
	q.add(optional(r))
	start := s.pos
	if !q.add(s.label(s.satisfy(isDigit), "digit")) {
		return q.result
	}
	for {
		r := s.label(s.satisfy(isDigit), "digit")
		if !r.ok {
			q.add(optional(r))
			break
		}
		q.add(r)
	}
	step.Index, step.Key = true, sign+s.in[start:s.pos]
	end := s.ahead("->")
	for _, text := range []string{"::", ".", ","} {
		if !end.ok {
			end = or(end, s.ahead(text))
		}
	}
	if !end.ok {
		end = or(end, s.eof())
	}
	if !q.add(end) {
		return q.result
	}
	return q.done()
}

func (s *scanner) blanks() result { return s.many(isBlank) }

// field is a column with an optional JSON path, blanks around it.
func (s *scanner) field() (Field, result) {
	var q sequence
	q.add(s.blanks())
	name, r := s.fieldName()
	if !q.add(r) {
		return Field{}, q.result
	}
	path, r := s.jsonPath()
	if !q.add(r) {
		return Field{}, q.result
	}
	q.add(s.blanks())
	return Field{name, path}, q.done()
}

// around is c with blanks on both sides.
func (s *scanner) around(c byte) result {
	var q sequence
	q.add(s.blanks())
	if !q.add(s.char(c)) {
		return q.result
	}
	q.add(s.blanks())
	return q.done()
}

func (s *scanner) delimiter() result { return s.label(s.char('.'), "delimiter (.)") }

// treePath is the key of a filter or an order: embed.embed.field->json.
func (s *scanner) treePath() ([]string, Field, result) {
	var q sequence
	var names []string
	for {
		name, r := s.fieldName()
		if !q.add(r) {
			return nil, Field{}, q.result
		}
		names = append(names, name)
		r = s.delimiter()
		if !r.ok {
			q.add(optional(r))
			break
		}
		q.add(r)
	}
	path, r := s.jsonPath()
	if !q.add(r) {
		return nil, Field{}, q.result
	}
	last := len(names) - 1
	return names[:last:last], Field{names[last], path}, q.done()
}

// columns is a list of names, for columns= and on_conflict=.
func (s *scanner) columns() ([]string, result) {
	var q sequence
	var names []string
	for {
		name, r := s.fieldName()
		if !q.add(r) {
			return nil, q.result
		}
		names = append(names, name)
		start := s.pos
		r = s.around(',')
		if !r.ok {
			if r.consumed {
				q.add(r)
				return nil, q.result
			}
			s.pos = start
			q.add(optional(r))
			return names, q.done()
		}
		q.add(r)
	}
}
