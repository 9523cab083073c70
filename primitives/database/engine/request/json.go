package request

import (
	"encoding/json"
	"errors"
	"slices"
	"unicode/utf8"
)

// maxJSONDepth bounds the nesting of a body.
const maxJSONDepth = 1000

var errJSON = errors.New("invalid JSON")

// shape is what the engine needs to know about a JSON body.
type shape struct {
	object  bool     // one object
	scalar  bool     // neither object nor array
	keys    []string // of the first object, decoded
	values  [][]byte // of the one object, as written
	uniform bool     // all elements are objects with the same keys
}

// scanJSON checks that body is one JSON value and returns its shape, without
// building it.
func scanJSON(body []byte) (shape, error) {
	s := jsonScanner{in: body}
	s.space()
	var out shape
	var err error
	switch s.peek() {
	case '{':
		out.object, out.uniform = true, true
		out.keys, err = s.object(func(value []byte) { out.values = append(out.values, value) })
	case '[':
		out, err = s.rows()
	default:
		out.scalar, out.uniform = true, true
		err = s.value()
	}
	s.space()
	if err == nil && s.pos != len(s.in) {
		err = errJSON
	}
	return out, err
}

type jsonScanner struct {
	in    []byte
	pos   int
	depth int
}

func (s *jsonScanner) peek() byte {
	if s.pos < len(s.in) {
		return s.in[s.pos]
	}
	return 0
}

func (s *jsonScanner) space() {
	for s.pos < len(s.in) {
		switch s.in[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *jsonScanner) expect(c byte) error {
	s.space()
	if s.peek() != c {
		return errJSON
	}
	s.pos++
	return nil
}

// rows scans a top-level array and compares the keys of its objects.
func (s *jsonScanner) rows() (shape, error) {
	out := shape{uniform: true}
	first := true
	err := s.elements(func() error {
		if s.peek() != '{' {
			out.uniform = false
			return s.value()
		}
		keys, err := s.object(func([]byte) {})
		if err != nil {
			return err
		}
		if first {
			out.keys, first = keys, false
			return nil
		}
		out.uniform = out.uniform && sameKeys(out.keys, keys)
		return nil
	})
	return out, err
}

func sameKeys(a, b []string) bool {
	if slices.Equal(a, b) {
		return true
	}
	return slices.Equal(sortedSet(a), sortedSet(b))
}

func (s *jsonScanner) enter() error {
	if s.depth++; s.depth > maxJSONDepth {
		return errJSON
	}
	s.pos++
	s.space()
	return nil
}

// elements scans the array at pos, calling each at the start of an element.
func (s *jsonScanner) elements(each func() error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer func() { s.depth-- }()
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		s.space()
		if err := each(); err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return errJSON
		}
	}
}

// object scans the object at pos. When its members are wanted, its keys are
// decoded and each is called with every value.
func (s *jsonScanner) object(each func(value []byte)) ([]string, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer func() { s.depth-- }()
	var keys []string
	if s.peek() == '}' {
		s.pos++
		return nil, nil
	}
	for {
		s.space()
		key, err := s.text()
		if err != nil {
			return nil, err
		}
		if each != nil {
			keys = append(keys, unquote(key))
		}
		if err := s.expect(':'); err != nil {
			return nil, err
		}
		s.space()
		start := s.pos
		if err := s.value(); err != nil {
			return nil, err
		}
		if each != nil {
			each(s.in[start:s.pos])
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return keys, nil
		default:
			return nil, errJSON
		}
	}
}

func (s *jsonScanner) value() error {
	switch c := s.peek(); {
	case c == '{':
		_, err := s.object(nil)
		return err
	case c == '[':
		return s.elements(s.value)
	case c == '"':
		_, err := s.text()
		return err
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if len(s.in)-s.pos >= len(word) && string(s.in[s.pos:s.pos+len(word)]) == word {
			s.pos += len(word)
			return nil
		}
	}
	return errJSON
}

// text scans the string at pos and returns it with its quotes.
func (s *jsonScanner) text() ([]byte, error) {
	start := s.pos
	if s.peek() != '"' {
		return nil, errJSON
	}
	for s.pos++; s.pos < len(s.in); s.pos++ {
		switch c := s.in[s.pos]; {
		case c == '"':
			s.pos++
			return s.in[start:s.pos], nil
		case c < ' ':
			return nil, errJSON
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		}
	}
	return nil, errJSON
}

// escape leaves pos on the last character of the escape sequence.
func (s *jsonScanner) escape() error {
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for range 4 {
			s.pos++
			if !isHex(s.peek()) {
				return errJSON
			}
		}
		return nil
	}
	return errJSON
}

func (s *jsonScanner) number() error {
	if s.peek() == '-' {
		s.pos++
	}
	switch c := s.peek(); {
	case c == '0':
		s.pos++
	case c >= '1' && c <= '9':
		s.digits()
	default:
		return errJSON
	}
	if s.peek() == '.' {
		s.pos++
		if s.digits() == 0 {
			return errJSON
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if s.digits() == 0 {
			return errJSON
		}
	}
	return nil
}

func (s *jsonScanner) digits() int {
	start := s.pos
	for isDigit(rune(s.peek())) {
		s.pos++
	}
	return s.pos - start
}

func unquote(text []byte) string {
	inner := text[1 : len(text)-1]
	if slices.Index(inner, '\\') < 0 {
		return string(inner)
	}
	var out string
	if json.Unmarshal(text, &out) != nil {
		return string(inner)
	}
	return out
}

// AppendString appends s as a JSON string, escaped as Postgres escapes it.
func AppendString[T string | []byte](b []byte, s T) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// StripEmptyStrings returns body without the members of its objects that are
// the empty string and whose name drop accepts. A body that is not an object or
// an array of objects is returned unchanged.
func StripEmptyStrings(body []byte, drop func(name string) bool) []byte {
	s := stripper{jsonScanner: jsonScanner{in: body}, drop: drop}
	if !utf8.Valid(body) || s.run() != nil {
		return body
	}
	return append(s.out, body[s.copied:]...)
}

type stripper struct {
	jsonScanner
	drop   func(string) bool
	out    []byte
	copied int
}

func (s *stripper) run() error {
	s.space()
	switch s.peek() {
	case '{':
		return s.members()
	case '[':
		return s.elements(func() error {
			if s.peek() != '{' {
				return s.value()
			}
			return s.members()
		})
	}
	return errJSON
}

// members copies the object at pos without what is to be dropped.
func (s *stripper) members() error {
	start := s.pos
	if _, err := s.object(nil); err != nil {
		return err
	}
	end := s.pos
	s.pos = start + 1
	var kept [][2]int
	dropped := false
	for s.space(); s.pos < end-1; s.space() {
		from := s.pos
		key, err := s.text()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		s.space()
		at := s.pos
		if err := s.value(); err != nil {
			return err
		}
		if string(s.in[at:s.pos]) == `""` && s.drop(unquote(key)) {
			dropped = true
		} else {
			kept = append(kept, [2]int{from, s.pos})
		}
		s.space()
		if s.peek() == ',' {
			s.pos++
		}
	}
	s.pos = end
	if !dropped {
		return nil
	}
	s.out = append(append(s.out, s.in[s.copied:start]...), '{')
	for i, k := range kept {
		if i > 0 {
			s.out = append(s.out, ',')
		}
		s.out = append(s.out, s.in[k[0]:k[1]]...)
	}
	s.out = append(s.out, '}')
	s.copied = end
	return nil
}
