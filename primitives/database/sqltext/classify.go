package sqltext

import (
	"iter"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/events"
)

// Tokens returns the statement's tokens; positions count from its beginning.
func (s Statement) Tokens() iter.Seq[Token] {
	return func(yield func(Token) bool) {
		l := lexer{src: s.Text}
		for {
			t, ok, err := l.next()
			if err != nil || !ok || !yield(t) { // it was read before, so it reads again
				return
			}
		}
	}
}

// SameTokens reports whether s and other differ only in comments and spacing.
func (s Statement) SameTokens(other Statement) bool {
	next, stop := iter.Pull(other.Tokens())
	defer stop()
	for t := range s.Tokens() {
		if o, ok := next(); !ok || t.Kind != o.Kind || t.Text != o.Text {
			return false
		}
	}
	_, more := next()
	return !more
}

// starts reports whether the statement begins with these keywords.
func (s Statement) starts(keywords ...string) bool {
	if len(s.head) < len(keywords) {
		return false
	}
	for i, k := range keywords {
		if !s.head[i].Is(k) {
			return false
		}
	}
	return true
}

// modifiers may come between CREATE and the kind of object.
var modifiers = []string{
	"or", "replace", "temp", "temporary", "global", "local", "unlogged", "unique", "constraint", "recursive",
	"trusted", "procedural",
}

// compound are the kinds of object that two words name.
var compound = []string{
	"materialized view", "foreign table", "foreign data", "event trigger", "access method", "text search",
	"default privileges", "large object",
}

// Command names the statement in upper case: its verb, and the kind of object
// for CREATE, ALTER and DROP, as in "CREATE TABLE", "ALTER MATERIALIZED VIEW",
// "DROP ROLE" (also for USER and GROUP), "INSERT". After WITH it is the verb of
// the statement itself. SELECT, VALUES, TABLE and statements in parentheses are
// "SELECT".
func (s Statement) Command() string {
	verb := s.verb()
	switch verb {
	case "CREATE", "ALTER", "DROP":
		if kind := s.object(); kind != "" {
			return verb + " " + strings.ToUpper(kind)
		}
	case "VALUES", "TABLE", "(":
		return "SELECT"
	}
	return verb
}

func (s Statement) verb() string {
	if len(s.head) == 0 {
		return ""
	}
	if s.head[0].Is("with") {
		return strings.ToUpper(s.mainVerb())
	}
	if s.head[0].Kind == Word || s.head[0].Text == "(" {
		return strings.ToUpper(lower(s.head[0].Text))
	}
	return ""
}

// mainVerb is the verb that follows the list of common table expressions: the
// first one outside parentheses that follows a closing one.
func (s Statement) mainVerb() string {
	depth := 0
	var prev Token
	for t := range s.Tokens() {
		switch {
		case t.Kind == Punct && t.Text == "(":
			if depth == 0 && prev.Text == ")" { // WITH … (SELECT …)
				return "select"
			}
			depth++
		case t.Kind == Punct && t.Text == ")":
			depth--
		case depth == 0 && t.IsAny("select", "insert", "update", "delete", "merge", "values", "table"):
			if prev.Text == ")" || !prev.IsAny("with", "recursive") && prev.Text != "," {
				return lower(t.Text)
			}
		}
		prev = t
	}
	return "with"
}

// object is the kind of object of a CREATE, ALTER or DROP, in lower case.
func (s Statement) object() string {
	rest := skip(s.head[1:], modifiers...)
	if len(rest) == 0 || rest[0].Kind != Word {
		return ""
	}
	kind := lower(rest[0].Text)
	if len(rest) > 1 && rest[1].Kind == Word {
		if two := kind + " " + lower(rest[1].Text); slices.Contains(compound, two) {
			return two
		}
	}
	switch {
	case kind == "user" && len(rest) > 2 && rest[1].Is("mapping") && rest[2].IsAny("for", "if"):
		return "user mapping"
	case kind == "user" || kind == "group":
		return "role"
	}
	return kind
}

// HasDDL reports whether the text may have changed the schema: whether it
// contains the words CREATE, ALTER or DROP, even in a string, since the body of
// a DO block is one.
func HasDDL(statements []Statement) bool {
	for _, s := range statements {
		if mentionsDDL(s.Text) {
			return true
		}
	}
	return false
}

func mentionsDDL(text string) bool {
	for text != "" {
		n := span(text, isWordByte)
		switch lower(text[:n]) {
		case "create", "alter", "drop":
			return true
		}
		text = text[n:]
		text = text[span(text, func(c byte) bool { return !isWordByte(c) }):]
	}
	return false
}

// announced are the kinds of object whose changes are announced without a name.
var announced = []string{"index", "trigger", "policy", "function", "extension"}

// Changes returns what the statements change, as the dashboard's event stream
// spells it, each change once: "records" with the table's name for INSERT,
// UPDATE, DELETE, MERGE and TRUNCATE, also inside WITH; "tables" when tables
// are created or dropped; "table" with the name when one is altered; "index",
// "trigger", "policy", "function" and "extension" for DDL of these. Names
// come without their schema.
func Changes(statements []Statement) []events.Change {
	var changes []events.Change
	seen := map[events.Change]bool{}
	for _, s := range statements {
		for _, c := range s.changes() {
			if !seen[c] {
				seen[c] = true
				changes = append(changes, c)
			}
		}
	}
	return changes
}

func (s Statement) changes() []events.Change {
	switch verb := s.verb(); verb {
	case "CREATE", "ALTER", "DROP":
		return s.definitions(verb)
	case "TRUNCATE":
		return truncated(skip(s.head[1:], "table", "only"))
	case "INSERT", "UPDATE", "DELETE", "MERGE", "EXPLAIN", "SELECT", "VALUES", "TABLE", "(", "WITH":
		return s.writes()
	}
	return nil
}

func (s Statement) definitions(verb string) []events.Change {
	kind := s.object()
	switch {
	case kind == "table" && verb == "ALTER":
		rest := skip(s.head[2:], "if", "exists", "only")
		if name, _, ok := qualified(rest); ok {
			return []events.Change{{Type: "table", Name: name}}
		}
	case kind == "table":
		return []events.Change{{Type: "tables"}}
	case slices.Contains(announced, kind):
		return []events.Change{{Type: kind}}
	}
	return nil
}

func truncated(tokens []Token) (changes []events.Change) {
	for {
		name, rest, ok := qualified(skip(tokens, "only"))
		if !ok {
			return changes
		}
		changes = append(changes, events.Change{Type: "records", Name: name})
		if len(rest) > 0 && rest[0].Text == "*" {
			rest = rest[1:]
		}
		if len(rest) == 0 || rest[0].Text != "," {
			return changes
		}
		tokens = rest[1:]
	}
}

// writes finds the tables that a statement writes: those after a verb that
// begins the statement or follows a parenthesis, as in WITH a AS (INSERT …)
// DELETE …; and those that SELECT … INTO makes.
func (s Statement) writes() (changes []events.Change) {
	var window []Token // a verb and what follows it
	prev := Token{Text: "("}
	explained := s.head[0].Is("explain")
	depth := 0
	flush := func() {
		if name, ok := target(window); ok {
			changes = append(changes, events.Change{Type: "records", Name: name})
		}
		window = nil
	}
	for t := range s.Tokens() {
		begins := prev.Text == "(" || prev.Text == ")" || explained && prev.IsAny("explain", "analyze", "verbose")
		switch {
		case begins && t.IsAny("insert", "update", "delete", "merge"):
			flush()
			window = []Token{t}
		case window != nil && len(window) < headTokens:
			window = append(window, t)
		}
		if depth == 0 && t.Is("into") && s.head[0].IsAny("select", "with") && !prev.IsAny("insert", "merge") {
			changes = append(changes, events.Change{Type: "tables"})
		}
		if t.Kind == Punct && t.Text == "(" {
			depth++
		} else if t.Kind == Punct && t.Text == ")" {
			depth--
		}
		prev = t
	}
	flush()
	return changes
}

// target is the table that INSERT INTO, UPDATE, DELETE FROM or MERGE INTO
// names.
func target(tokens []Token) (name string, ok bool) {
	if len(tokens) < 2 {
		return "", false
	}
	wants := map[string]string{"insert": "into", "delete": "from", "merge": "into"}[lower(tokens[0].Text)]
	rest := tokens[1:]
	if wants != "" {
		if !rest[0].Is(wants) {
			return "", false
		}
		rest = rest[1:]
	}
	rest = skip(rest, "only")
	if len(rest) > 0 && rest[0].Text == "(" { // ONLY (t)
		rest = rest[1:]
	}
	name, _, ok = qualified(rest)
	return name, ok
}
