package sqltext

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxStatements is how many statements Split returns at most. A Scanner has
// no such bound.
const MaxStatements = 10_000

// Statement is one statement of a text.
type Statement struct {
	// Text is the statement as it was written, from its first token to its
	// last: without the semicolon, comments and byte order marks around it.
	Text string
	// Pos is the offset of Text in bytes, Line its line from 1.
	Pos, Line int

	// head are the first tokens, enough to identify the statement.
	head []Token
	// setConfig says that the forbidden word is in Text or in a comment
	// before it.
	setConfig bool
}

// Place says for people where a position in the statement is: in which line of
// the whole text. Postgres counts positions in characters, from 1. Where the
// position is not in the statement, it is the line where the statement begins.
func (s Statement) Place(position int) string {
	if position < 1 {
		return fmt.Sprintf("line %d of the SQL", s.Line)
	}
	left := position - 1
	for i, line := range strings.Split(s.Text, "\n") {
		if left -= utf8.RuneCountInString(line) + 1; left < 0 {
			return fmt.Sprintf("line %d of the SQL (character %d of the statement)", s.Line+i, position)
		}
	}
	return fmt.Sprintf("line %d of the SQL", s.Line)
}

// Split splits a text into its statements. Empty statements are left out, so
// the answer is empty when there is nothing to run.
//
// It returns a *SyntaxError for a text that is not UTF-8 or has NUL
// characters, for unterminated literals and comments, for commands of psql,
// for COPY from or to the client, and for more than MaxStatements statements.
func Split(text string) ([]Statement, error) {
	if !utf8.ValidString(text) {
		return nil, &SyntaxError{Line: 1, Reason: "the text is not UTF-8"}
	}
	var statements []Statement
	line, counted := 1, 0
	for pos := 0; ; {
		s, end, err := cut(text, pos, true)
		if err != nil {
			err.Line = line + strings.Count(text[counted:err.Pos], "\n")
			return nil, err
		}
		if s.Text == "" {
			if end == len(text) {
				break
			}
			pos = end
			continue
		}
		line += strings.Count(text[counted:s.Pos], "\n")
		counted, s.Line = s.Pos, line
		if len(statements) == MaxStatements {
			return nil, &SyntaxError{Pos: s.Pos, Line: line, Reason: fmt.Sprintf("more than %d statements in one text; send them in several parts", MaxStatements)}
		}
		statements = append(statements, s)
		pos = end
	}
	// A comment between or after statements counts as well.
	if n := len(statements); n > 0 && mentionsSetConfig(text) {
		statements[n-1].setConfig = true
	}
	return statements, nil
}

// headTokens is how many tokens of a statement are kept: enough to identify any
// kind of statement.
const headTokens = 16

// cut reads the statement that begins at pos and returns it with the offset
// after its semicolon. Text is empty when there is no statement. whole says
// that src reaches the end of the text; otherwise a statement without
// semicolon is incomplete.
func cut(src string, pos int, whole bool) (s Statement, end int, syntax *SyntaxError) {
	l := lexer{src: src, pos: pos, marks: true}
	b := boundary{}
	last := pos
	for {
		t, ok, err := l.next()
		if err != nil {
			return s, 0, err
		}
		if !ok && !whole {
			return s, 0, &SyntaxError{Pos: pos, Reason: "unterminated statement", incomplete: true}
		}
		if !ok || b.ends(t) {
			break
		}
		if len(s.head) == 0 {
			s.Pos, l.marks = t.Pos, false
		}
		if len(s.head) < headTokens {
			s.head = append(s.head, t)
		}
		last = l.pos
		if t.IsAny("stdin", "stdout") && b.copies {
			return s, 0, &SyntaxError{Pos: t.Pos, Reason: "COPY from STDIN or to STDOUT needs a client that sends or takes the rows; " +
				"use INSERT, or the bulk upsert and export routes"}
		}
	}
	if len(s.head) > 0 {
		s.Text = src[s.Pos:last]
		s.setConfig = mentionsSetConfig(src[pos:l.pos]) || escapesSetConfig(s)
	}
	return s, l.pos, nil
}

// boundary finds the semicolon that ends a statement: one outside parentheses
// (CREATE RULE has lists of statements there) and outside the body of a
// function in standard SQL, BEGIN ATOMIC … END.
type boundary struct {
	index   int // of the token in its statement
	parens  int
	body    int // open BEGIN ATOMIC and CASE
	routine bool
	copies  bool // COPY, where a file name or STDIN is next
	copying bool
	prev    Token
	before  Token
}

// ends takes the next token and reports whether it ends the statement.
func (b *boundary) ends(t Token) bool {
	if t.Text == ";" && t.Kind == Punct && b.parens == 0 && b.body == 0 {
		return true
	}
	switch {
	case t.Kind == Punct && t.Text == "(":
		b.parens++
	case t.Kind == Punct && t.Text == ")":
		b.parens = max(b.parens-1, 0)
	case t.Kind == Word:
		b.word(t)
	}
	b.copies = b.copying && b.parens == 0 && b.prev.IsAny("from", "to")
	b.before, b.prev = b.prev, t
	b.index++
	return false
}

func (b *boundary) word(t Token) {
	switch {
	case b.index == 0:
		b.copying = t.Is("copy")
	case t.IsAny("function", "procedure") && b.opensRoutine():
		b.routine = true
	case !b.routine || b.parens > 0 && b.body == 0:
	case t.Is("atomic") && b.prev.Is("begin"):
		b.body++
	case b.body == 0 || b.prev.Is("as") || b.prev.Text == ".":
		// A name after AS or a dot may be any word.
	case t.Is("case"):
		b.body++
	case t.Is("end"):
		b.body--
	}
}

// opensRoutine reports whether the tokens so far are CREATE [OR REPLACE].
func (b *boundary) opensRoutine() bool {
	return b.index == 1 && b.prev.Is("create") ||
		b.index == 3 && b.prev.Is("replace") && b.before.Is("or")
}
