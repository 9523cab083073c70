package advisor

import (
	"slices"
	"strings"
)

// The expressions of policies are read as Postgres prints them: every
// operation in parentheses, names quoted where needed, types of literals
// spelled out, columns with their table inside sub-selects.

type tokenKind uint8

const (
	word tokenKind = iota
	quotedName
	literal
	symbol // a parenthesis, bracket, comma, dot, or an operator
)

// token is a piece of an expression; text is as written there. An opening
// parenthesis knows how many tokens later it is closed.
type token struct {
	kind  tokenKind
	text  string
	start int
	span  int
}

func (t token) end() int { return t.start + len(t.text) }

// is reports whether the token is this keyword or symbol. Postgres prints
// keywords in upper case and unquoted names in lower case.
func (t token) is(text string) bool {
	return (t.kind == word || t.kind == symbol) && t.text == text
}

// isName reports whether the token may be, or be part of, a name.
func (t token) isName() bool {
	return t.kind == quotedName || t.kind == word && t.text == strings.ToLower(t.text)
}

// name is the identifier that a token stands for.
func (t token) name() string {
	if t.kind == quotedName {
		inside := strings.TrimSuffix(strings.TrimPrefix(t.text, `"`), `"`)
		return strings.ReplaceAll(inside, `""`, `"`)
	}
	return t.text
}

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

const operatorBytes = "+-*/<>=~!@#%^&|`?:"

// maxExpression bounds the bytes that are examined; no one writes more by hand.
const maxExpression = 64 << 10

// tokenize splits an expression; what it does not know becomes a symbol. It
// returns nothing for an enormous one, or one with unbalanced parentheses.
func tokenize(s string) []token {
	if len(s) > maxExpression {
		return nil
	}
	var all []token
	var open []int
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] == '\n' || s[i] == '\t' {
			i++
			continue
		}
		kind, end := next(s, i)
		all = append(all, token{kind: kind, text: s[i:end], start: i})
		i = end
		switch last := len(all) - 1; {
		case all[last].is("("):
			open = append(open, last)
		case all[last].is(")"):
			if len(open) == 0 {
				return nil
			}
			opened := open[len(open)-1]
			all[opened].span = last - opened
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return nil
	}
	return all
}

// next returns the kind and end of the token at i.
func next(s string, i int) (tokenKind, int) {
	span := func(in func(byte) bool) int {
		end := i
		for end < len(s) && in(s[end]) {
			end++
		}
		return end
	}
	switch c := s[i]; {
	case c == '\'':
		return literal, quotedEnd(s, i, false)
	case (c == 'E' || c == 'B' || c == 'X') && i+1 < len(s) && s[i+1] == '\'':
		return literal, quotedEnd(s, i+1, c == 'E')
	case c == '"':
		return quotedName, quotedEnd(s, i, false)
	case '0' <= c && c <= '9':
		return literal, span(func(c byte) bool { return c == '.' || isWordByte(c) })
	case isWordByte(c):
		return word, span(isWordByte)
	case strings.IndexByte(operatorBytes, c) >= 0:
		return symbol, span(func(c byte) bool { return strings.IndexByte(operatorBytes, c) >= 0 })
	}
	return symbol, i + 1
}

// quotedEnd returns the end of what is quoted by the byte at i; the quote
// itself is doubled inside.
func quotedEnd(s string, i int, backslashes bool) int {
	quote := s[i]
	for i++; i < len(s); i++ {
		switch {
		case backslashes && s[i] == '\\':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// closing returns the index of the parenthesis that closes the one at i.
func closing(t []token, i int) int { return i + t[i].span }

// stripped removes parentheses around the whole.
func stripped(t []token) []token {
	for len(t) >= 2 && t[0].is("(") && closing(t, 0) == len(t)-1 {
		t = t[1 : len(t)-1]
	}
	return t
}

// split cuts at a word or symbol outside parentheses.
func split(t []token, at string) [][]token {
	var parts [][]token
	start := 0
	for i := 0; i < len(t); i++ {
		switch {
		case t[i].is("("):
			i = closing(t, i)
		case t[i].is(at):
			parts = append(parts, t[start:i])
			start = i + 1
		}
	}
	return append(parts, t[start:])
}

// alwaysTrue reports whether an expression is true for every row: TRUE,
// something that equals itself, or a disjunction or conjunction of such. It
// returns false for what it does not understand.
func alwaysTrue(expression string) bool { return holds(tokenize(expression)) }

func holds(t []token) bool {
	t = stripped(t)
	if len(t) == 0 {
		return false
	}
	if parts := split(t, "OR"); len(parts) > 1 {
		return slices.ContainsFunc(parts, holds)
	}
	if parts := split(t, "AND"); len(parts) > 1 {
		return !slices.ContainsFunc(parts, func(p []token) bool { return !holds(p) })
	}
	if t[0].is("NOT") {
		rest := stripped(t[1:])
		return len(rest) == 1 && rest[0].is("false")
	}
	if len(t) == 1 {
		return t[0].is("true")
	}
	sides := split(t, "=")
	return len(sides) == 2 && len(sides[0]) > 0 && sameText(sides[0], sides[1]) &&
		!slices.ContainsFunc(t, func(k token) bool { return k.is("(") }) // a call may differ each time
}

func sameText(a, b []token) bool {
	return slices.EqualFunc(a, b, func(x, y token) bool { return x.text == y.text })
}

// call is a range of tokens, from included to to excluded.
type call struct{ from, to int }

// callerFunctions are those of schema auth that return who is calling.
var callerFunctions = []string{"uid", "jwt", "role", "email"}

// callerCalls finds the calls that ask who is calling: those of schema auth
// and of current_setting.
func callerCalls(t []token) (calls []call) {
	for i := range t {
		switch {
		case i+4 < len(t) && t[i].is("auth") && t[i+1].is(".") && slices.Contains(callerFunctions, t[i+2].text) && t[i+3].is("(") && t[i+4].is(")"):
			calls = append(calls, call{i, i + 5})
		case i+1 < len(t) && t[i].is("current_setting") && t[i+1].is("(") && (i == 0 || !t[i-1].is(".")):
			calls = append(calls, call{i, closing(t, i+1) + 1})
		}
	}
	return calls
}

// wrapCalls puts each call that asks who is calling into a sub-select, so that
// it is made once instead of for every row. changed is false when all of them
// already were.
func wrapCalls(expression string) (wrapped string, changed bool) {
	t := tokenize(expression)
	var b strings.Builder
	done := 0
	for _, c := range callerCalls(t) {
		if madeOnce(t, c) {
			continue
		}
		from, to := t[c.from].start, t[c.to-1].end()
		b.WriteString(expression[done:from] + "(SELECT " + expression[from:to] + ")")
		done, changed = to, true
	}
	b.WriteString(expression[done:])
	return b.String(), changed
}

// madeOnce reports whether the innermost SELECT around a call is one without
// FROM and without a column of the queries around it: Postgres then evaluates
// it before it looks at any row.
func madeOnce(t []token, c call) bool {
	for open := c.from - 1; open >= 0; open-- {
		if !t[open].is("(") || closing(t, open) < c.to {
			continue
		}
		if inside := t[open+1 : closing(t, open)]; len(inside) > 0 && inside[0].is("SELECT") {
			return !readsRows(inside)
		}
	}
	return false
}

// readsRows reports whether a SELECT has a FROM or names a column.
func readsRows(t []token) bool {
	for i, k := range t {
		switch {
		case k.is("FROM") && !t[i-1].is("DISTINCT"):
			return true
		case !k.isName() || i == 0:
		case t[i-1].is("AS"), t[i-1].is("::"), k.is("true"), k.is("false"):
		case t[i-1].is("."):
			if call := i+1 < len(t) && t[i+1].is("("); !call && !isType(t, i) {
				return true
			}
		}
	}
	return false
}

// isType reports whether the qualified name that ends at i follows a cast.
func isType(t []token, i int) bool { return i >= 3 && t[i-3].is("::") }

// column is a column as an expression names it. cast reports whether the column
// is cast to text.
type column struct {
	qualifier, name string
	cast            bool
}

// ownerColumns finds the columns that an expression compares, by equality,
// with something about the caller.
func ownerColumns(expression string) (columns []column) {
	t := tokenize(expression)
	add := func(part []token) {
		sides := split(stripped(part), "=")
		if len(sides) != 2 {
			return
		}
		for i, side := range sides {
			if c, ok := asColumn(side); ok && len(callerCalls(sides[1-i])) > 0 && !slices.Contains(columns, c) {
				columns = append(columns, c)
			}
		}
	}
	add(t)
	for i := range t {
		if t[i].is("(") {
			add(t[i+1 : closing(t, i)])
		}
	}
	return columns
}

// asColumn reads column, table.column, or (column)::text.
func asColumn(t []token) (c column, ok bool) {
	if n := len(t); n > 4 && t[n-2].is("::") && t[n-1].is("text") {
		t, c.cast = t[:n-2], true
	}
	switch t = stripped(t); {
	case len(t) == 1 && t[0].isName():
		c.name = t[0].name()
		return c, true
	case len(t) == 3 && t[0].isName() && t[1].is(".") && t[2].isName():
		c.qualifier, c.name = t[0].name(), t[2].name()
		return c, true
	}
	return column{}, false
}
