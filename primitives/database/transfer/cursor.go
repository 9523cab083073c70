package transfer

import (
	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
)

// How many tokens of a statement are read: enough for long lists of roles, and
// for the beginning of INSERT and COPY.
const (
	maxTokens  = 2000
	headTokens = 12
)

// cursor reads the tokens of a statement from its beginning.
type cursor struct{ tokens []sqltext.Token }

func startOf(s sqltext.Statement) *cursor { return firstOf(s, maxTokens) }

func firstOf(s sqltext.Statement, most int) *cursor {
	c := &cursor{}
	for t := range s.Tokens() {
		if c.tokens = append(c.tokens, t); len(c.tokens) == most {
			break
		}
	}
	return c
}

func (c *cursor) end() bool { return len(c.tokens) == 0 }

// pass skips these keywords if they are next.
func (c *cursor) pass(keywords ...string) bool {
	for i, k := range keywords {
		if i >= len(c.tokens) || !c.tokens[i].Is(k) {
			return false
		}
	}
	c.tokens = c.tokens[len(keywords):]
	return true
}

// punct skips a character or operator if it is next.
func (c *cursor) punct(text string) bool {
	if c.end() || c.tokens[0].Text != text {
		return false
	}
	c.tokens = c.tokens[1:]
	return true
}

// name skips a name and returns it; "" when the next token is not a name.
func (c *cursor) name() string {
	if c.end() {
		return ""
	}
	name := named(c.tokens[0])
	if name != "" {
		c.tokens = c.tokens[1:]
	}
	return name
}

// named returns the name that a token is, or "".
func named(t sqltext.Token) string {
	name, _ := t.Name()
	return name
}

// table skips the name of a table and returns it; ok is false when there is none.
func (c *cursor) table() (t naming.Table, ok bool) {
	name := c.name()
	if name == "" {
		return t, false
	}
	if !c.punct(".") {
		return naming.Table{Schema: naming.Public, Name: naming.Name(name)}, true
	}
	schema, name := name, c.name()
	return naming.Table{Schema: naming.Name(schema), Name: naming.Name(name)}, name != ""
}

// constant skips a plain string constant and returns it; nil when there is none.
func (c *cursor) constant() *string {
	if c.end() {
		return nil
	}
	text, ok := c.tokens[0].Constant()
	if !ok {
		return nil
	}
	c.tokens = c.tokens[1:]
	return &text
}

// value skips the value of a setting and returns it, a constant in quotes; ""
// when there is none.
func (c *cursor) value() string {
	if text := c.constant(); text != nil {
		return "'" + *text + "'"
	}
	if name := c.name(); name != "" || c.end() {
		return name
	}
	text := c.tokens[0].Text
	if c.tokens[0].Kind != sqltext.Number {
		return ""
	}
	c.tokens = c.tokens[1:]
	return text
}

// skipTo skips everything up to and including a keyword outside parentheses.
func (c *cursor) skipTo(keyword string) bool {
	for depth := 0; !c.end(); {
		t := c.tokens[0]
		c.tokens = c.tokens[1:]
		switch {
		case t.Text == "(":
			depth++
		case t.Text == ")":
			depth--
		case depth == 0 && t.Is(keyword):
			return true
		}
	}
	return false
}
