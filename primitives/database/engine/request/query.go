package request

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Argument is one argument of a function called by GET, in the order given.
type Argument struct{ Name, Value string }

// Query is the parsed query string.
type Query struct {
	Select  []Item
	Filters []At[Filter]
	Logic   []At[Logic]
	Order   []At[[]Order]
	// Ranges are the limit and offset of the embeds; the root's is in
	// Request.Range.
	Ranges []At[Range]
	// HasRanges reports whether there was any limit or offset at all.
	HasRanges bool
	// Columns is the columns= parameter; nil when absent.
	Columns []string
	// OnConflict is the on_conflict= parameter; nil when absent.
	OnConflict []string
	// Arguments are those of a function called by GET.
	Arguments []Argument
	// Canonical is the query string sorted by key, for Content-Location.
	Canonical string
}

type pair struct {
	key, value string
	hasValue   bool
}

// splitQuery decodes a raw query string.
func splitQuery(raw string) []pair {
	raw = strings.TrimPrefix(raw, "?")
	if raw == "" {
		return nil
	}
	pairs := make([]pair, 0, strings.Count(raw, "&")+1)
	for raw != "" {
		var part string
		if i := strings.IndexAny(raw, "&;"); i >= 0 {
			part, raw = raw[:i], raw[i+1:]
		} else {
			part, raw = raw, ""
		}
		if part == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		pairs = append(pairs, pair{decode(key), decode(value), ok})
	}
	return pairs
}

// decode undoes percent-encoding; a stray percent sign stays.
func decode(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return validText(s)
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			b = append(b, ' ')
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return validText(string(b))
}

func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}

func canonical(pairs []pair) string {
	sorted := slices.Clone(pairs)
	slices.SortStableFunc(sorted, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	var b strings.Builder
	for i, p := range sorted {
		if i > 0 {
			b.WriteByte('&')
		}
		Escape(&b, p.key)
		b.WriteByte('=')
		Escape(&b, p.value)
	}
	return b.String()
}

// Escape writes s percent-encoded, for a name or a value of a query string.
// RFC 3986 §2.3.
func Escape(b *strings.Builder, s string) {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '-' || c == '_' || c == '.' || c == '~' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
}

// parsed runs parse on in, and once more to find the words when it fails.
func parsed(what, in string, parse func(*scanner) result) *Error {
	return parsedAs(what, in, in, parse)
}

func parsedAs(what, shown, in string, parse func(*scanner) result) *Error {
	if (parse(&scanner{in: in})).ok {
		return nil
	}
	s := scanner{in: in, track: true}
	f := parse(&s).err
	at := 0
	if f != nil {
		at = f.pos
	}
	name := "failed to parse " + what + " (" + shown + ")"
	return queryError(`"`+name+`" `+position(in, at), strings.ReplaceAll(describe(f), "\n", " "))
}

// queryParser sorts the parameters by what they are and parses each.
type queryParser struct {
	Query
	isCall bool
	ranges []keyedRange
	// rangeOf finds the range of an embed by its path.
	rangeOf map[string]int
}

type keyedRange struct {
	path          []string
	limit, offset number
}

// parseQuery parses the raw query string. isCall is true for a function
// called by GET, where a parameter without an operator is an argument. Errors
// are reported in PostgREST's order: by kind of parameter, then by position.
func parseQuery(raw string, isCall bool) (*queryParser, *Error) {
	pairs := splitQuery(raw)
	p := &queryParser{isCall: isCall}
	p.Canonical = canonical(pairs)
	for _, step := range []struct {
		is  func(pair) bool
		add func(pair) *Error
	}{
		{func(q pair) bool { return lastWord(q.key) == "order" }, p.addOrder},
		{func(q pair) bool { last := lastWord(q.key); return last == "and" || last == "or" }, p.addLogic},
	} {
		for _, q := range pairs {
			if !q.hasValue || !step.is(q) {
				continue
			}
			if err := step.add(q); err != nil {
				return nil, err
			}
		}
	}
	if err := p.addColumns(pairs, "columns", &p.Columns); err != nil {
		return nil, err
	}
	if err := p.addSelect(pairs); err != nil {
		return nil, err
	}
	for _, q := range pairs {
		if err := p.addRest(q); err != nil {
			return nil, err
		}
	}
	return p, p.addColumns(pairs, "on_conflict", &p.OnConflict)
}

// first is the value of the first parameter of that name.
func first(pairs []pair, key string) (value string, ok bool) {
	for _, q := range pairs {
		if q.key == key && q.hasValue {
			return q.value, true
		}
	}
	return "", false
}

func (p *queryParser) addColumns(pairs []pair, key string, to *[]string) *Error {
	text, ok := first(pairs, key)
	if !ok {
		return nil
	}
	return parsed(key+" parameter", text, func(s *scanner) (r result) {
		*to, r = s.columns()
		return r
	})
}

func (p *queryParser) addSelect(pairs []pair) *Error {
	text, ok := first(pairs, "select")
	if !ok {
		text = "*"
	}
	return parsed("select parameter", text, func(s *scanner) (r result) {
		p.Select, r = s.forest()
		return r
	})
}

func lastWord(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

func (p *queryParser) addOrder(q pair) *Error {
	var at At[[]Order]
	if err := p.treePath(q.key, func(path []string, _ Field) { at.Path = path }); err != nil {
		return err
	}
	err := parsed("order", q.value, func(s *scanner) (r result) {
		at.What, r = s.orders()
		return r
	})
	p.Order = append(p.Order, at)
	return err
}

func (p *queryParser) treePath(key string, use func([]string, Field)) *Error {
	return parsed("tree path", key, func(s *scanner) result {
		path, field, r := s.treePath()
		use(path, field)
		return r
	})
}

func (p *queryParser) addLogic(q pair) *Error {
	var at At[Logic]
	var op string
	err := parsed("logic path", q.key, func(s *scanner) (r result) {
		at.Path, op, r = s.logicPath()
		return r
	})
	if err != nil {
		return err
	}
	err = parsedAs("logic tree", q.value, op+q.value, func(s *scanner) (r result) {
		at.What, r = s.logic()
		return r
	})
	p.Logic = append(p.Logic, at)
	return err
}

// addRest handles what is left: ranges, filters and arguments.
func (p *queryParser) addRest(q pair) *Error {
	if !q.hasValue {
		return nil
	}
	switch q.key {
	case "select", "columns", "on_conflict":
		return nil
	}
	switch lastWord(q.key) {
	case "order", "and", "or":
		return nil
	case "limit", "offset":
		return p.addRange(q)
	}
	var at At[Filter]
	err := p.treePath(q.key, func(path []string, f Field) { at.Path, at.What.Field = path, f })
	if err != nil {
		return err
	}
	if p.isCall {
		s := scanner{in: q.value}
		op, r := s.operation(s.rest)
		if !r.ok {
			p.Arguments = append(p.Arguments, Argument{at.What.Field.Name, q.value})
			return nil
		}
		at.What.Op = op
		p.Filters = append(p.Filters, at)
		return nil
	}
	err = parsed("filter", q.value, func(s *scanner) (r result) {
		at.What.Op, r = s.operation(s.rest)
		return r
	})
	p.Filters = append(p.Filters, at)
	return err
}

func (p *queryParser) addRange(q pair) *Error {
	p.HasRanges = true
	var path []string
	if err := p.treePath(q.key, func(embed []string, _ Field) { path = embed }); err != nil {
		return err
	}
	embed := strings.Join(path, "\x00")
	i, known := p.rangeOf[embed]
	if !known {
		if p.rangeOf == nil {
			p.rangeOf = map[string]int{}
		}
		i = len(p.ranges)
		p.rangeOf[embed] = i
		p.ranges = append(p.ranges, keyedRange{path: path})
	}
	n := parseNumber(strings.TrimSpace(q.value))
	if k := &p.ranges[i]; lastWord(q.key) == "limit" {
		k.limit = n
	} else {
		k.offset = n
	}
	return nil
}
