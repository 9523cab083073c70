package transfer

import (
	"regexp"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

// Reasons to pass over a statement or line of a file.
const (
	isOwned       = "everything imported belongs to project_admin"
	isLimit       = "the server sets its own time limits"
	isInForce     = "the search path begins with public already"
	isPublic      = "schema public exists and belongs to the server"
	isServers     = "the extension exists and belongs to the server"
	isLanguage    = "the language exists and belongs to the server"
	isDatabase    = "the file is imported into the project's database"
	isTransaction = "the whole file is one transaction"
	isSession     = "the session ends with the import"
	isCare        = "the server does this by itself"
	isPsql        = "only psql needs it"
)

// judge decides which statements of a file run. It takes them in order and
// refuses those that the guards refuse, unless they have no meaning here:
// what dumps say about owners, settings and the database as a whole, and the
// lines around the statements of psql scripts.
type judge struct {
	// belongs reports whether an extension is the server's.
	belongs func(extension string) bool

	began     bool  // a statement ran, other than SET
	connected bool  // \connect was read
	open      error // BEGIN, refused unless COMMIT follows
	database  error // CREATE DATABASE, refused unless \connect follows
	reset     error // RESET ALL, refused unless it comes last
}

// pass returns why a step is passed over; "" means that it runs.
func (j *judge) pass(st step) (reason string, err error) {
	if st.psql != "" {
		return isPsql, j.command(st)
	}
	refused := sqltext.Guard([]sqltext.Statement{st.Statement})
	reason = j.meaningless(st.Statement, refused)
	switch {
	case reason != "":
		return reason, nil
	case refused != nil:
		return "", refused
	case j.reset != nil:
		return "", j.reset
	case st.Command() == "SET":
		return "", nil
	}
	j.began = true
	return "", j.database
}

// end returns what is wrong with a file that ends here.
func (j *judge) end() error {
	if j.open != nil {
		return j.open
	}
	return j.database
}

// command judges a line for psql. \connect is fine until a statement has run:
// after that, the file would be about two databases.
func (j *judge) command(st step) error {
	words := strings.Fields(st.Text)
	argument := ""
	if len(words) > 1 {
		argument = strings.ToLower(strings.Trim(words[1], `'"`))
	}
	if _, more, _ := strings.Cut(st.Text, `\\`); strings.TrimSpace(more) != "" {
		return notSQL(st, `psql goes on with SQL behind \\; write what follows on a line of its own`)
	}
	switch st.psql {
	case `\restrict`, `\unrestrict`, `\.`, `\echo`, `\qecho`, `\warn`, `\timing`, `\pset`:
		return nil
	case `\connect`, `\c`:
		if j.began {
			return notSQL(st, "the file goes on in another database ("+st.psql+"), but a project has one; import each database from its own file")
		}
		j.connected, j.database = true, nil
		return nil
	case `\encoding`:
		if slices.Contains([]string{"utf8", "utf-8", "unicode"}, argument) {
			return nil
		}
	case `\set`:
		if slices.Contains([]string{"on_error_stop", "on_error_rollback", "echo", "quiet", "verbosity"}, argument) {
			return nil
		}
	case `\copy`:
		return notSQL(st, `\copy reads a file on the machine that runs psql; send that file to the bulk upsert route, or write COPY … FROM stdin with the rows below it`)
	case `\i`, `\ir`, `\include`, `\include_relative`:
		return notSQL(st, st.psql+" reads a file on the machine that runs psql; put its text here instead")
	}
	return notSQL(st, st.psql+" is a command of psql, not SQL")
}

func notSQL(st step, reason string) error {
	return &sqltext.SyntaxError{Pos: st.Pos, Line: st.Line, Reason: reason}
}

// meaningless returns why a statement need not run, or "". refused is the
// verdict of the guards.
func (j *judge) meaningless(s sqltext.Statement, refused error) string {
	switch command := s.Command(); command {
	case "SELECT":
		return setConfig(startOf(s))
	case "SET":
		return settings(startOf(s))
	case "RESET":
		return j.resets(startOf(s), refused)
	case "BEGIN", "START", "COMMIT", "END":
		return j.transaction(startOf(s), refused)
	case "CREATE DATABASE", "DROP DATABASE", "ALTER DATABASE":
		return j.databases(s, refused)
	case "CREATE SCHEMA":
		return createsPublic(startOf(s))
	case "DROP SCHEMA":
		return dropsPublic(startOf(s))
	case "CREATE EXTENSION":
		c := startOf(s)
		c.pass("create", "extension")
		if !c.pass("if") && j.belongs(c.name()) { // with IF NOT EXISTS it runs, with no effect
			return isServers
		}
	case "DROP EXTENSION":
		return j.dropsExtension(startOf(s))
	case "CREATE LANGUAGE":
		if slices.ContainsFunc(startOf(s).tokens, func(t sqltext.Token) bool { return named(t) == "plpgsql" }) {
			return isLanguage
		}
	case "COMMENT":
		return j.comments(startOf(s))
	case "GRANT", "REVOKE":
		if c := startOf(s); c.skipTo("on") && c.pass("database") && !c.end() && !c.tokens[0].IsAny("to", "from") && c.name() != "" {
			return isDatabase
		}
	case "VACUUM":
		return isCare
	case "ALTER DEFAULT PRIVILEGES":
		return defaultsOfOthers(startOf(s))
	default:
		if strings.HasPrefix(command, "ALTER ") && setsOwner(s) {
			return isOwned
		}
	}
	return ""
}

// databases judges statements about whole databases, with which dumps begin.
func (j *judge) databases(s sqltext.Statement, refused error) string {
	switch {
	case setsOwner(s):
		return isOwned
	case j.began:
		return ""
	case !j.connected:
		j.database = refused
	}
	return isDatabase
}

// createsPublic recognises CREATE SCHEMA public.
func createsPublic(c *cursor) string {
	c.pass("create", "schema")
	c.pass("if", "not", "exists")
	if c.name() == string(naming.Public) && (c.end() || c.pass("authorization") && c.name() != "" && c.end()) {
		return isPublic
	}
	return ""
}

// dropsPublic recognises DROP SCHEMA public that would not drop its contents.
func dropsPublic(c *cursor) string {
	c.pass("drop", "schema")
	c.pass("if", "exists")
	if c.name() == string(naming.Public) && (c.end() || c.pass("restrict") && c.end()) {
		return isPublic
	}
	return ""
}

// setConfig recognises SELECT set_config(setting, value, false).
func setConfig(c *cursor) string {
	c.pass("select")
	if c.pass("pg_catalog") && !c.punct(".") || !c.pass("set_config") || !c.punct("(") {
		return ""
	}
	setting := c.constant()
	if !c.punct(",") {
		return ""
	}
	value := c.constant()
	if setting == nil || value == nil || !c.punct(",") || !c.pass("false") || !c.punct(")") || !c.end() {
		return ""
	}
	return harmless(strings.ToLower(*setting), strings.Split(*value, ","))
}

// settings recognises SET of a setting that is the server's. SET SESSION
// AUTHORIZATION is how some dumps say who owns what follows.
func settings(c *cursor) string {
	c.pass("set")
	if c.pass("session", "authorization") {
		return isOwned
	}
	if !c.pass("local") {
		c.pass("session")
	}
	setting := strings.ToLower(c.name())
	if !c.pass("to") && !c.punct("=") {
		return ""
	}
	var values []string
	for {
		value := c.value()
		if value == "" {
			return ""
		}
		values = append(values, value)
		if c.end() {
			break
		}
		if !c.punct(",") {
			return ""
		}
	}
	if setting == "search_path" && len(values) == 1 && values[0] == "''" {
		return ""
	}
	return harmless(setting, values)
}

// limits are time limits, which dumps turn off.
var limits = []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout", "idle_session_timeout"}

// isZero matches zero, with or without a unit.
var isZero = regexp.MustCompile(`^0+(\.0*)? *(us|ms|s|min|h|d)?$`)

// harmless judges a setting and the values that it is given.
func harmless(setting string, values []string) string {
	switch {
	case slices.Contains(limits, setting):
		value := strings.ToLower(strings.Trim(values[0], "' "))
		if len(values) == 1 && (value == "default" || isZero.MatchString(value)) {
			return isLimit
		}
	case setting == "search_path":
		for i, value := range values {
			values[i] = strings.Trim(value, `"' `)
		}
		values = slices.DeleteFunc(values, func(s string) bool { return s == "$user" })
		// When it is empty, all names that follow are qualified.
		if len(values) > 0 && (values[0] == string(naming.Public) || len(values) == 1 && values[0] == "") {
			return isInForce
		}
	}
	return ""
}

// resets recognises RESET of settings that are the server's, and of all.
func (j *judge) resets(c *cursor, refused error) string {
	c.pass("reset")
	if c.pass("session", "authorization") && c.end() {
		return isOwned
	}
	switch setting := strings.ToLower(c.name()); {
	case !c.end():
	case setting == "all":
		j.reset = refused
		return isSession
	case setting == "search_path":
		return isInForce
	case slices.Contains(limits, setting):
		return isLimit
	}
	return ""
}

// transaction recognises a plain BEGIN, and the COMMIT that belongs to it.
func (j *judge) transaction(c *cursor, refused error) string {
	begins := c.pass("start", "transaction") || c.pass("begin")
	if !begins && !c.pass("commit") {
		c.pass("end")
	}
	if !c.pass("work") {
		c.pass("transaction")
	}
	if !c.end() || begins != (j.open == nil) {
		return ""
	}
	j.open = nil
	if begins {
		j.open = refused
	}
	return isTransaction
}

// dropsExtension recognises DROP EXTENSION where all are the server's.
func (j *judge) dropsExtension(c *cursor) string {
	c.pass("drop", "extension")
	c.pass("if", "exists")
	for {
		if name := c.name(); name == "" || !j.belongs(name) {
			return ""
		}
		switch {
		case c.punct(","):
		case c.end() || c.pass("restrict") && c.end():
			return isServers
		default:
			return ""
		}
	}
}

// comments recognises COMMENT on what is the server's.
func (j *judge) comments(c *cursor) string {
	c.pass("comment", "on")
	switch {
	case c.pass("schema"):
		if c.name() == string(naming.Public) {
			return isPublic
		}
	case c.pass("extension"):
		if j.belongs(c.name()) {
			return isServers
		}
	case c.pass("database"):
		return isDatabase
	case c.pass("language"), c.pass("procedural", "language"):
		if c.name() == "plpgsql" {
			return isLanguage
		}
	}
	return ""
}

// defaultsOfOthers recognises default privileges on objects of other roles:
// everything imported belongs to project_admin.
func defaultsOfOthers(c *cursor) string {
	c.pass("alter", "default", "privileges")
	if c.pass("in", "schema") {
		for c.name(); c.punct(","); c.name() {
		}
	}
	if !c.pass("for", "role") && !c.pass("for", "user") {
		return ""
	}
	for {
		if name := c.name(); name == "" || name == string(identity.RoleProjectAdmin) || name == "current_user" || name == "current_role" {
			return ""
		}
		if !c.punct(",") {
			return isOwned
		}
	}
}

// setsOwner reports whether a statement is ALTER … OWNER TO role, with nothing
// else in it: neither another action, nor something else that is named owner.
func setsOwner(s sqltext.Statement) bool {
	var last [4]sqltext.Token
	depth := 0
	for t := range s.Tokens() {
		switch {
		case t.Text == "(":
			depth++
		case t.Text == ")":
			depth--
		case t.Text == "," && depth == 0:
			return false
		}
		last = [4]sqltext.Token{last[1], last[2], last[3], t}
	}
	before := last[0]
	return !before.IsAny("rename", "column", "constraint", "attribute", "on") && before.Text != "." &&
		last[1].Is("owner") && last[2].Is("to") && named(last[3]) != ""
}
