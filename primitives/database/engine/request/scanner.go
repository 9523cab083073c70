package request

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The parsers below are written by hand, but fail as PostgREST's do: its
// clients read the texts. So every step says, besides success, whether it
// consumed input and what it would have accepted, and the steps are combined
// by Parsec's rules (Text.Parsec.Prim and .Error): a step that consumed input
// and failed ends its alternatives; what was expected at the same place is
// merged; the farther place wins.
//
// Nothing is recorded while track is off. A text is parsed without it, and a
// second time with it only when it is wrong.

type expectation uint8

const (
	sysUnexpected expectation = iota
	unexpected
	expected
	plain
)

type message struct {
	kind expectation
	text string
}

// failure is what was wrong at a place; nil means nothing is known.
type failure struct {
	pos      int
	messages []message
}

// result is the outcome of one step.
type result struct {
	ok, consumed bool
	err          *failure
}

type scanner struct {
	in    string
	pos   int
	depth int
	track bool
}

// maxDepth bounds the nesting of select lists and logic trees.
const maxDepth = 64

func merge(a, b *failure) *failure {
	switch {
	case b == nil:
		return a
	case a == nil:
		return b
	case a.pos > b.pos:
		return a
	case a.pos < b.pos:
		return b
	}
	return &failure{a.pos, append(slices.Clone(a.messages), b.messages...)}
}

// sequence folds steps that follow each other.
type sequence struct{ result }

func (q *sequence) add(r result) bool {
	if r.consumed {
		q.err, q.consumed = r.err, true
	} else {
		q.err = merge(q.err, r.err)
	}
	q.ok = r.ok
	return r.ok
}

// done is the successful end of a sequence.
func (q *sequence) done() result { q.ok = true; return q.result }

// or combines a failed first alternative with the second one's outcome.
func or(first, second result) result {
	if !second.consumed {
		second.err = merge(first.err, second.err)
	}
	return second
}

// try undoes a failed step, so that the next alternative may run.
func (s *scanner) try(start int, r result) result {
	if !r.ok {
		s.pos = start
		r.consumed = false
	}
	return r
}

// optional makes a step that failed without consuming a success.
func optional(r result) result {
	if !r.ok && !r.consumed {
		r.ok = true
	}
	return r
}

// label replaces what a step that did not consume would have accepted.
func (s *scanner) label(r result, name string) result {
	if !s.track || r.consumed || (r.ok && r.err == nil) {
		return r
	}
	f := &failure{pos: s.pos, messages: []message{{expected, name}}}
	if r.err != nil {
		f.pos = r.err.pos
		for _, m := range r.err.messages {
			if m.kind != expected {
				f.messages = append(f.messages, m)
			}
		}
	}
	r.err = f
	return r
}

func (s *scanner) fail(kind expectation, text string) result {
	if !s.track {
		return result{}
	}
	return result{err: &failure{s.pos, []message{{kind, text}}}}
}

// failHere fails with its own text.
func (s *scanner) failHere(text string) result { return s.fail(plain, text) }

func (s *scanner) peek() (rune, int) {
	if s.pos >= len(s.in) {
		return 0, 0
	}
	if c := s.in[s.pos]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	return utf8.DecodeRuneInString(s.in[s.pos:])
}

// satisfy consumes one character that f accepts.
func (s *scanner) satisfy(f func(rune) bool) result {
	r, n := s.peek()
	if n > 0 && f(r) {
		s.pos += n
		return result{ok: true, consumed: true}
	}
	if !s.track {
		return result{}
	}
	text := ""
	if n > 0 {
		text = show(string(r))
	}
	return s.fail(sysUnexpected, text)
}

// char consumes exactly c.
func (s *scanner) char(c byte) result {
	if s.pos < len(s.in) && s.in[s.pos] == c {
		s.pos++
		return result{ok: true, consumed: true}
	}
	if !s.track {
		return result{}
	}
	return s.label(s.satisfy(func(rune) bool { return false }), show(string(rune(c))))
}

// many consumes as many characters as f accepts.
func (s *scanner) many(f func(rune) bool) result {
	start := s.pos
	for {
		r, n := s.peek()
		if n == 0 || !f(r) {
			break
		}
		s.pos += n
	}
	end := s.satisfy(func(rune) bool { return false })
	return result{ok: true, consumed: s.pos > start, err: end.err}
}

// literal consumes the text. As in Parsec, a mismatch after the first
// character has consumed, and is reported where the text should begin.
func (s *scanner) literal(text string) result {
	rest := s.in[s.pos:]
	if strings.HasPrefix(rest, text) {
		s.pos += len(text)
		return result{ok: true, consumed: true}
	}
	n := 0
	for n < len(rest) && n < len(text) && rest[n] == text[n] {
		n++
	}
	r := result{consumed: n > 0}
	if s.track {
		found := ""
		if n < len(rest) {
			c, _ := utf8.DecodeRuneInString(rest[n:])
			found = show(string(c))
		}
		r.err = &failure{s.pos, []message{{expected, show(text)}, {sysUnexpected, found}}}
	}
	s.pos += n
	return r
}

// ahead looks for text without consuming it.
func (s *scanner) ahead(text string) result {
	start := s.pos
	r := s.literal(text)
	s.pos = start
	if r.ok {
		return result{ok: true}
	}
	r.consumed = false
	return r
}

// eof succeeds at the end of the input.
func (s *scanner) eof() result {
	r, n := s.peek()
	if n == 0 {
		return result{ok: true}
	}
	return s.label(s.fail(unexpected, showChar(r)), "end of input")
}

// unless fails when the next character is one that f accepts.
func (s *scanner) unless(f func(rune) bool) result {
	r, n := s.peek()
	if n == 0 || !f(r) {
		return result{ok: true}
	}
	return s.fail(unexpected, showChar(r))
}

func isLetter(r rune) bool { return unicode.IsLetter(r) }
func isDigit(r rune) bool  { return r >= '0' && r <= '9' }
func isBlank(r rune) bool  { return r == ' ' || r == '\t' }

// describe renders a failure as Parsec's showErrorMessages does.
func describe(f *failure) string {
	if f == nil || len(f.messages) == 0 {
		return "unknown parse error"
	}
	var by [4][]string
	sys := false
	for _, m := range f.messages {
		sys = sys || m.kind == sysUnexpected
		if m.text != "" && !slices.Contains(by[m.kind], m.text) {
			by[m.kind] = append(by[m.kind], m.text)
		}
	}
	var parts []string
	first, hasFirst := firstSystem(f)
	switch {
	case hasUnexpected(f) || !sys || !hasFirst:
	case first == "":
		parts = append(parts, "unexpected end of input")
	default:
		parts = append(parts, "unexpected "+first)
	}
	if t := enumerate(by[unexpected]); t != "" {
		parts = append(parts, "unexpected "+t)
	}
	if t := enumerate(by[expected]); t != "" {
		parts = append(parts, "expecting "+t)
	}
	if t := enumerate(by[plain]); t != "" {
		parts = append(parts, t)
	}
	return strings.Join(parts, " ")
}

func firstSystem(f *failure) (string, bool) {
	for _, m := range f.messages {
		if m.kind == sysUnexpected {
			return m.text, true
		}
	}
	return "", false
}

func hasUnexpected(f *failure) bool {
	return slices.ContainsFunc(f.messages, func(m message) bool { return m.kind == unexpected })
}

func enumerate(texts []string) string {
	switch len(texts) {
	case 0:
		return ""
	case 1:
		return texts[0]
	}
	last := len(texts) - 1
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}

// column is the 1-based place of pos as Parsec counts: characters, tabs to
// the next multiple of eight.
func position(in string, pos int) string {
	line, col := 1, 1
	for _, r := range in[:min(pos, len(in))] {
		switch r {
		case '\n':
			line, col = line+1, 1
		case '\t':
			col += 8 - (col-1)%8
		default:
			col++
		}
	}
	return fmt.Sprintf("(line %d, column %d)", line, col)
}

// show quotes as Haskell shows a String.
func show(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		b.WriteString(showRune(r, '"'))
	}
	b.WriteByte('"')
	return b.String()
}

func showChar(r rune) string { return "'" + showRune(r, '\'') + "'" }

func showRune(r, quote rune) string {
	switch {
	case r == quote || r == '\\':
		return `\` + string(r)
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r == '\r':
		return `\r`
	case r < ' ' || r > '~':
		return `\` + strconv.Itoa(int(r))
	}
	return string(r)
}
