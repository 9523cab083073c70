package sqltext

import "strings"

// Kind is the lexical kind of a token.
type Kind uint8

// The kinds of token.
const (
	// Word is an unquoted identifier or keyword.
	Word Kind = iota + 1
	// QuotedName is "…" or U&"…".
	QuotedName
	// String is a literal of any of Postgres's spellings, with its
	// continuations on the following lines.
	String
	// Number is a numeric literal without its sign.
	Number
	// Param is $1.
	Param
	// Operator is a run of operator characters.
	Operator
	// Punct is any other character.
	Punct
)

// Token is one lexical element.
type Token struct {
	Kind Kind
	// Text is the token as written.
	Text string
	// Pos is its offset in bytes.
	Pos int
	// escape is the escape character of U&"…", 0 when it could not be read.
	escape byte
}

// Is reports whether t is the keyword, given in lower case. A quoted name is
// not a keyword.
func (t Token) Is(keyword string) bool {
	return t.Kind == Word && len(t.Text) == len(keyword) && lower(t.Text) == keyword
}

// IsAny reports whether t is one of the keywords.
func (t Token) IsAny(keywords ...string) bool {
	for _, k := range keywords {
		if t.Is(k) {
			return true
		}
	}
	return false
}

// lower folds as Postgres does in UTF-8: ASCII letters only.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// Bounds on text for which the server's own lexer takes quadratic time, before
// any timeout applies: it reads a whole run of operator characters to take one
// operator, or the beginning of a comment, from its front.
const (
	maxOperatorRun = 256
	maxCommentsRun = 64
)

// lexer follows scan.l of Postgres with standard_conforming_strings on.
type lexer struct {
	src string
	pos int
	// marks says that byte order marks are white space, as they are before a
	// statement.
	marks bool
	// opened counts the comments that began in the run of operator characters
	// at pos.
	opened int
}

// byteOrderMark is what some editors write at the beginning of a file. In
// concatenated files it is also in the middle. Postgres reads it as a letter.
const byteOrderMark = "\ufeff"

func isSpace(c byte) bool {
	// Postgres 16 added the vertical tab; before, it is a syntax error.
	return c == ' ' || '\t' <= c && c <= '\r'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func startsName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

func continuesName(c byte) bool { return startsName(c) || isDigit(c) || c == '$' }

func isOperator(c byte) bool { return strings.IndexByte("~!@#^&|`?+-*/%<>=", c) >= 0 }

// next returns the next token; ok is false at the end of the text. It skips
// white space and comments.
func (l *lexer) next() (t Token, ok bool, err *SyntaxError) {
	if err := l.skip(); err != nil {
		return t, false, err
	}
	if l.pos == len(l.src) {
		return t, false, nil
	}
	l.opened = 0
	start := l.pos
	t = Token{Pos: start}
	if t.Kind, err = l.token(); err != nil {
		return t, false, err
	}
	t.Text = l.src[start:l.pos]
	if t.Kind == QuotedName && t.Text[0] != '"' {
		t.escape = l.escape()
	}
	return t, true, nil
}

// skip passes white space and comments; /* */ nests.
func (l *lexer) skip() *SyntaxError {
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		switch {
		case isSpace(rest[0]):
			l.opened = 0
			l.pos++
		case l.marks && strings.HasPrefix(rest, byteOrderMark):
			l.opened = 0
			l.pos += len(byteOrderMark)
		case strings.HasPrefix(rest, "--"):
			l.pos += lineEnd(rest)
		case strings.HasPrefix(rest, "/*"):
			if err := l.comment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

// lineEnd is the length of s up to its first line end.
func lineEnd(s string) int {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		return i
	}
	return len(s)
}

func (l *lexer) comment() *SyntaxError {
	start, depth := l.pos, 0
	for i := start; i+1 < len(l.src); {
		switch l.src[i : i+2] {
		case "/*":
			depth++
			i += 2
			if l.opened++; l.opened > maxCommentsRun {
				return &SyntaxError{Pos: start, Reason: "too many comments without a space between them"}
			}
		case "*/":
			depth--
			i += 2
		default:
			if !isOperator(l.src[i]) {
				l.opened = 0
			}
			i++
		}
		if depth == 0 {
			l.pos = i
			return nil
		}
	}
	return unterminated(start, "comment")
}

// token consumes one token at pos.
func (l *lexer) token() (Kind, *SyntaxError) {
	rest := l.src[l.pos:]
	c := rest[0]
	switch {
	case c == '\'':
		return String, l.quoted(0, false)
	case c == '"':
		return QuotedName, l.name(0)
	case strings.IndexByte("eE", c) >= 0 && strings.HasPrefix(rest[1:], "'"):
		return String, l.quoted(1, true)
	case strings.IndexByte("bBxXnN", c) >= 0 && strings.HasPrefix(rest[1:], "'"):
		return String, l.quoted(1, false)
	case strings.IndexByte("uU", c) >= 0 && strings.HasPrefix(rest[1:], "&'"):
		return String, l.quoted(2, false)
	case strings.IndexByte("uU", c) >= 0 && strings.HasPrefix(rest[1:], `&"`):
		return QuotedName, l.name(2)
	case startsName(c):
		l.pos += span(rest, continuesName)
		return Word, nil
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		l.pos += number(rest)
		return Number, nil
	case c == '$':
		return l.dollar(rest)
	case isOperator(c):
		n := span(rest, isOperator)
		if n > maxOperatorRun {
			return 0, &SyntaxError{Pos: l.pos, Reason: "too many operator characters without a space between them"}
		}
		l.pos += operator(rest[:n])
		return Operator, nil
	case c == '\\':
		return 0, &SyntaxError{Pos: l.pos, Reason: `a backslash command of psql is not SQL`}
	case c == 0:
		return 0, &SyntaxError{Pos: l.pos, Reason: "the text holds a NUL character"}
	}
	l.pos++
	return Punct, nil
}

// span is how many leading bytes of s are in a class.
func span(s string, class func(byte) bool) int {
	for i := range len(s) {
		if !class(s[i]) {
			return i
		}
	}
	return len(s)
}

// number is the length of the numeric literal that s begins with.
func number(s string) int {
	n := span(s, isDigit)
	// 1..10 is an integer and a range.
	if strings.HasPrefix(s[n:], ".") && !strings.HasPrefix(s[n:], "..") {
		n++
		n += span(s[n:], isDigit)
	}
	if n == len(s) || s[n] != 'e' && s[n] != 'E' {
		return n
	}
	e := n + 1
	if e < len(s) && (s[e] == '+' || s[e] == '-') {
		e++
	}
	if digits := span(s[e:], isDigit); digits > 0 {
		return e + digits
	}
	return n
}

// operator is the length of the operator that a run of operator characters
// begins with: it ends where a comment starts.
func operator(run string) int {
	for i := 1; i < len(run); i++ {
		if strings.HasPrefix(run[i:], "--") || strings.HasPrefix(run[i:], "/*") {
			return i
		}
	}
	return len(run)
}

// dollar consumes what begins with a dollar sign: a parameter or a
// dollar-quoted string.
func (l *lexer) dollar(rest string) (Kind, *SyntaxError) {
	if len(rest) > 1 && isDigit(rest[1]) {
		l.pos += 1 + span(rest[1:], isDigit)
		return Param, nil
	}
	tag := 1 + span(rest[1:], func(c byte) bool { return continuesName(c) && c != '$' })
	if tag == len(rest) || rest[tag] != '$' {
		l.pos++
		return Punct, nil
	}
	tag++
	end := strings.Index(rest[tag:], rest[:tag])
	if end < 0 {
		return 0, unterminated(l.pos, "dollar-quoted string")
	}
	l.pos += tag + end + tag
	return String, nil
}

// quoted consumes a string literal whose opening quote is prefix bytes ahead.
// A literal continues after white space that contains a line end, with the same
// escape rules.
func (l *lexer) quoted(prefix int, escapes bool) *SyntaxError {
	start := l.pos
	for i := start + prefix + 1; i < len(l.src); i++ {
		switch {
		case escapes && l.src[i] == '\\':
			i++
		case l.src[i] != '\'':
		case strings.HasPrefix(l.src[i+1:], "'"):
			i++
		default:
			l.pos = i + 1
			next, ok := l.continuation()
			if !ok {
				return nil
			}
			i = next
		}
	}
	return unterminated(start, "string")
}

// continuation returns the offset of the quote with which a string continues.
func (l *lexer) continuation() (quote int, ok bool) {
	line := false
	for i := l.pos; i < len(l.src); {
		c := l.src[i]
		switch {
		case c == '\n' || c == '\r':
			line = true
			i++
		case isSpace(c):
			i++
		case strings.HasPrefix(l.src[i:], "--"):
			i += lineEnd(l.src[i:])
		default:
			return i, line && c == '\''
		}
	}
	return 0, false
}

// name consumes a quoted name whose opening quote is prefix bytes ahead.
func (l *lexer) name(prefix int) *SyntaxError {
	for i := l.pos + prefix + 1; i < len(l.src); i++ {
		if l.src[i] != '"' {
			continue
		}
		if strings.HasPrefix(l.src[i+1:], `"`) {
			i++
			continue
		}
		l.pos = i + 1
		return nil
	}
	return unterminated(l.pos, "quoted name")
}

// escape returns the escape character of the U&"…" that was just read, which
// UESCAPE may change; 0 when UESCAPE is not followed by a plain literal.
func (l *lexer) escape() byte {
	ahead := lexer{src: l.src, pos: l.pos}
	if ahead.skip() != nil {
		return 0
	}
	rest := ahead.src[ahead.pos:]
	word := rest[:span(rest, continuesName)]
	if lower(word) != "uescape" {
		return '\\'
	}
	ahead.pos += len(word)
	if ahead.skip() != nil {
		return 0
	}
	rest = ahead.src[ahead.pos:]
	if len(rest) < 3 || rest[0] != '\'' || rest[2] != '\'' {
		return 0
	}
	return rest[1]
}
