package changes

import (
	"regexp"
	"slices"

	"github.com/insforge/insforge-go/primitives/database/sqltext"
)

// risks looks at the text of statements: data that is lost, and changes that
// break what reads the schema. It needs no database and may miss what code
// inside functions does.
func risks(statements []sqltext.Statement) (found []RiskFactor) {
	for _, s := range statements {
		if description := losesData(s); description != "" {
			found = append(found, RiskFactor{Code: dataLoss, Description: description, Level: Danger, Statement: s.Text})
		}
		for _, description := range breaks(s) {
			found = append(found, RiskFactor{Code: breakingChange, Description: description, Level: Warning, Statement: s.Text})
		}
	}
	return found
}

// destructive is DDL in the body of a DO block, which is a string.
var destructive = regexp.MustCompile(`(?i)\b(drop\s+(table|schema|owned)|truncate)\b`)

// losesData returns how a statement destroys rows, or "".
func losesData(s sqltext.Statement) string {
	switch s.Command() {
	case "DROP TABLE":
		return "Dropping a table deletes its rows."
	case "DROP SCHEMA":
		return "Dropping a schema deletes the tables in it."
	case "DROP DATABASE":
		return "Dropping a database deletes all of it."
	case "DROP OWNED":
		return "DROP OWNED deletes all objects of a role."
	case "TRUNCATE":
		return "TRUNCATE deletes all rows of a table."
	case "DELETE":
		if !mentions(s, "where") {
			return "DELETE without WHERE deletes all rows of a table."
		}
	case "DO":
		if destructive.MatchString(s.Text) {
			return "The block may drop or truncate tables."
		}
	}
	return ""
}

func mentions(s sqltext.Statement, keyword string) bool {
	for t := range s.Tokens() {
		if t.Is(keyword) {
			return true
		}
	}
	return false
}

// breaks lists the changes in an ALTER that may break clients of the object.
func breaks(s sqltext.Statement) (found []string) {
	kind := s.Command()
	if !slices.Contains([]string{"ALTER TABLE", "ALTER FOREIGN TABLE", "ALTER TYPE", "ALTER DOMAIN"}, kind) {
		return nil
	}
	for _, action := range actions(s) {
		switch {
		case len(action) < 2:
		case action[0].Is("drop") && action[1].Is("constraint"):
			found = append(found, "Dropping a constraint lets in rows that it kept out.")
		case action[0].Is("drop") && kind != "ALTER DOMAIN":
			found = append(found, "Dropping a column deletes its values and breaks anything that reads it.")
		case action[0].Is("alter") && changesType(action[1:]):
			found = append(found, "Changing the type of a column rewrites its values and may break anything that reads them.")
		}
	}
	return found
}

// actions splits an ALTER into its actions: what follows the object's name, by
// the commas outside parentheses.
func actions(s sqltext.Statement) (all [][]sqltext.Token) {
	var tokens []sqltext.Token
	for t := range s.Tokens() {
		tokens = append(tokens, t)
	}
	tokens = tokens[1:] // ALTER
	if tokens[0].Is("foreign") {
		tokens = tokens[1:]
	}
	tokens = tokens[1:] // the kind of object
	for len(tokens) > 0 && tokens[0].IsAny("if", "exists", "only") {
		tokens = tokens[1:]
	}
	var action []sqltext.Token
	depth := 0
	for _, t := range afterName(tokens) {
		switch {
		case t.Text == "(" && t.Kind == sqltext.Punct:
			depth++
		case t.Text == ")" && t.Kind == sqltext.Punct:
			depth--
		case t.Text == "," && depth == 0:
			all, action = append(all, action), nil
			continue
		}
		action = append(action, t)
	}
	return append(all, action)
}

// afterName skips a name with its qualifiers, and the * behind a table's.
func afterName(tokens []sqltext.Token) []sqltext.Token {
	for len(tokens) > 1 {
		tokens = tokens[1:]
		if tokens[0].Is("uescape") {
			tokens = tokens[min(2, len(tokens)):]
		}
		if len(tokens) == 0 || tokens[0].Text != "." {
			break
		}
		tokens = tokens[1:]
	}
	if len(tokens) > 0 && tokens[0].Text == "*" {
		return tokens[1:]
	}
	return tokens
}

// changesType reads what follows ALTER: [COLUMN] name [SET DATA] TYPE ….
func changesType(tokens []sqltext.Token) bool {
	if tokens[0].IsAny("column", "attribute") && len(tokens) > 1 {
		tokens = tokens[1:]
	}
	tokens = afterName(tokens)
	if len(tokens) > 2 && tokens[0].Is("set") && tokens[1].Is("data") {
		tokens = tokens[2:]
	}
	return len(tokens) > 0 && tokens[0].Is("type")
}
