package sqlgen_test

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type tokenKind byte

const (
	word       tokenKind = iota // a keyword or an identifier without quotes
	identifier                  // a quoted identifier, without its quotes
	text                        // a string constant, without its quotes
	parameter                   // $1
	number
	symbol // an operator or punctuation
)

type sqlToken struct {
	kind tokenKind
	text string
}

func (t sqlToken) String() string {
	return fmt.Sprintf("%s %q", [...]string{"word", "identifier", "constant", "parameter", "number", "symbol"}[t.kind], t.text)
}

const operatorCharacters = "+-*/<>=~!@#%^&|`?"

// tokens splits SQL as Postgres's scanner does, as far as the statements of
// this package may go: comments, dollar quotes, semicolons, other prefixes of
// strings and stray bytes are errors.
func tokens(sql string) ([]sqlToken, error) {
	var out []sqlToken
	for i := 0; i < len(sql); {
		c, rest := sql[i], sql[i:]
		length, t, err := 1, sqlToken{symbol, rest[:1]}, error(nil)
		switch {
		case c == ' ':
			i++
			continue
		case c == '"':
			length, t, err = quotedToken(rest, identifier, false)
		case c == '\'':
			length, t, err = quotedToken(rest, text, false)
		case strings.HasPrefix(rest, "E'"):
			length, t, err = quotedToken(rest[1:], text, true)
			length++
		case c == '$':
			length = 1 + span(rest[1:], isDigitByte)
			t = sqlToken{parameter, rest[:length]}
			if length == 1 {
				err = fmt.Errorf("a dollar without a number")
			}
		case isDigitByte(c):
			length = span(rest, isDigitByte)
			t = sqlToken{number, rest[:length]}
		case isWordByte(c):
			length = span(rest, func(b byte) bool { return isWordByte(b) || isDigitByte(b) || b == '$' })
			t = sqlToken{word, rest[:length]}
			if length < len(rest) && (rest[length] == '\'' || rest[length] == '"') {
				err = fmt.Errorf("a quote touches %q", t.text)
			}
		case strings.IndexByte(operatorCharacters, c) >= 0:
			length = span(rest, func(b byte) bool { return strings.IndexByte(operatorCharacters, b) >= 0 })
			t = sqlToken{symbol, rest[:length]}
			if strings.Contains(t.text, "--") || strings.Contains(t.text, "/*") {
				err = fmt.Errorf("a comment")
			}
		case strings.HasPrefix(rest, "::"), strings.HasPrefix(rest, ":="):
			length = 2
			t = sqlToken{symbol, rest[:2]}
		case strings.IndexByte("(),.[]", c) < 0:
			err = fmt.Errorf("the byte %q", c)
		}
		if err != nil {
			return nil, fmt.Errorf("%w at %d", err, i)
		}
		out = append(out, t)
		i += length
	}
	return out, nil
}

func isDigitByte(b byte) bool { return b >= '0' && b <= '9' }

func isWordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b >= utf8.RuneSelf
}

func span(s string, f func(byte) bool) int {
	for i := range len(s) {
		if !f(s[i]) {
			return i
		}
	}
	return len(s)
}

// quotedToken reads what is between two quotes; a doubled quote is one, and
// with escapes a backslash protects the byte after it.
func quotedToken(s string, kind tokenKind, escapes bool) (int, sqlToken, error) {
	var b strings.Builder
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == 0:
			return 0, sqlToken{}, fmt.Errorf("a zero byte in quotes")
		case escapes && s[i] == '\\' && i+1 < len(s):
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote && b.Len() == 0 && kind == identifier:
			return 0, sqlToken{}, fmt.Errorf("an empty identifier")
		case s[i] == quote:
			return i + 1, sqlToken{kind, b.String()}, nil
		}
		b.WriteByte(s[i])
	}
	return 0, sqlToken{}, fmt.Errorf("an open quote")
}
