package sqltext

import (
	"fmt"
	"slices"
	"strings"
)

// Guard refuses statements that the product never runs, by the contract's list:
// the word set_config anywhere; CREATE, ALTER and DROP DATABASE; SET and RESET
// of role, session_authorization, search_path and statement_timeout; RESET ALL
// and DISCARD; CREATE, ALTER and DROP ROLE and membership of roles; all
// statements that begin or end transactions.
//
// It also refuses settings that change how the following text is read
// (client_encoding, standard_conforming_strings, backslash_quote), except to
// the value that the product relies on, and the properties of the running
// transaction.
//
// It returns a *Violation for the first offender.
func Guard(statements []Statement) error {
	for _, s := range statements {
		if v := s.violation(); v != nil {
			v.Statement = s
			return v
		}
	}
	return nil
}

func refuse(next, format string, args ...any) *Violation {
	return &Violation{Reason: fmt.Sprintf(format, args...), next: next}
}

func (s Statement) violation() *Violation {
	if s.setConfig {
		return refuse("Use SET LOCAL for other settings; role, search_path and statement_timeout belong to the server.",
			"The SQL must not contain the word set_config, nor an escaped name that could be it")
	}
	switch command := s.Command(); command {
	case "":
		return refuse("Send SQL.", "The SQL does not begin with a command")
	case "CREATE DATABASE", "ALTER DATABASE", "DROP DATABASE":
		return refuse("A project has one database; use schemas to divide it.", "%s is not allowed", command)
	case "CREATE ROLE", "ALTER ROLE", "DROP ROLE":
		return refuse("The roles are anon, authenticated and project_admin; tell users apart with row-level security.",
			"%s is not allowed", command)
	case "GRANT", "REVOKE":
		return s.grant(command)
	case "SET":
		return s.set()
	case "RESET", "DISCARD":
		return s.reset(command)
	case "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE":
		return transaction(command)
	case "PREPARE":
		if s.starts("prepare", "transaction") {
			return transaction("PREPARE TRANSACTION")
		}
	}
	return nil
}

func transaction(command string) *Violation {
	return refuse("Leave it out: the statements of one request are one transaction.",
		"Transaction control (%s) is not allowed", command)
}

// grant refuses membership of roles, which has no ON, unlike privileges.
func (s Statement) grant(command string) *Violation {
	depth := 0
	for t := range s.Tokens() {
		switch {
		case t.Kind == Punct && t.Text == "(":
			depth++
		case t.Kind == Punct && t.Text == ")":
			depth--
		case depth == 0 && t.Is("on"):
			return nil
		}
	}
	return refuse("Grant privileges ON objects to anon, authenticated or project_admin.",
		"%s of a role is not allowed", command)
}

// reserved are the settings that belong to the server.
var reserved = []string{"role", "session_authorization", "search_path", "statement_timeout"}

// reading are the settings that affect how SQL is read, with the values that
// this package assumes.
var reading = map[string][]string{
	"client_encoding":             {"utf8", "utf-8", "unicode"},
	"names":                       {"utf8", "utf-8", "unicode"},
	"standard_conforming_strings": {"on", "true"},
	"backslash_quote":             {"safe_encoding"},
}

const reservedNext = "Leave it out; the server sets it. Qualify names with their schema instead of changing search_path."

// set judges SET [LOCAL | SESSION] setting ….
func (s Statement) set() *Violation {
	rest := s.head[1:]
	if len(rest) > 1 && rest[0].IsAny("local", "session") {
		rest = rest[1:]
	}
	name, ok := settingName(rest)
	values, delicate := reading[name]
	switch {
	case !ok:
		return refuse(reservedNext, "SET of a setting whose name cannot be determined is not allowed")
	case name == "authorization", name == "session" && len(rest) > 1 && rest[1].Is("authorization"):
		return refuse(reservedNext, "SET SESSION AUTHORIZATION is not allowed")
	case name == "schema" && rest[0].Kind == Word:
		return refuse(reservedNext, "SET SCHEMA is not allowed")
	case slices.Contains(reserved, name):
		return refuse(reservedNext, "SET %s is not allowed", name)
	case name == "transaction" || strings.HasPrefix(name, "transaction_"):
		return transaction("SET TRANSACTION")
	case delicate && !slices.Contains(values, settingValue(rest)):
		return refuse("Leave it out; the SQL is read as UTF-8 with standard strings.", "SET %s is not allowed", name)
	}
	return nil
}

// reset judges RESET setting and DISCARD.
func (s Statement) reset(command string) *Violation {
	if command == "DISCARD" {
		return refuse("Leave it out: every request has its own session.", "DISCARD is not allowed")
	}
	name, ok := settingName(s.head[1:])
	switch {
	case !ok:
		return refuse(reservedNext, "RESET of a setting whose name cannot be determined is not allowed")
	case name == "all", name == "session":
		return refuse(reservedNext, "RESET %s is not allowed", strings.ToUpper(name))
	case slices.Contains(reserved, name):
		return refuse(reservedNext, "RESET %s is not allowed", name)
	case name == "transaction" || strings.HasPrefix(name, "transaction_"):
		return transaction("RESET TRANSACTION")
	case reading[name] != nil:
		return refuse("Leave it out; the SQL is read as UTF-8 with standard strings.", "RESET %s is not allowed", name)
	}
	return nil
}

// settingName is the name of a setting in lower case: case does not matter,
// even in quotes. A dotted name is returned whole.
func settingName(tokens []Token) (string, bool) {
	if len(tokens) == 0 {
		return "", false
	}
	name, ok := tokens[0].Name()
	if !ok {
		return "", false
	}
	if len(tokens) > 2 && tokens[1].Text == "." {
		last, ok := tokens[2].Name()
		return lower(name + "." + last), ok
	}
	return lower(name), true
}

// settingValue is the single value given to a setting, in lower case, or "".
func settingValue(tokens []Token) string {
	rest := skip(tokens[1:], "to")
	if len(rest) > 0 && rest[0].Text == "=" {
		rest = rest[1:]
	}
	if len(rest) != 1 {
		return ""
	}
	return lower(strings.Trim(rest[0].Text, "'"))
}

// escapesSetConfig reports whether a name in U&"…" is the forbidden word, or
// cannot be read.
func escapesSetConfig(s Statement) bool {
	if !strings.Contains(s.Text, `&"`) {
		return false
	}
	for t := range s.Tokens() {
		if t.Kind != QuotedName {
			continue
		}
		name, ok := t.Name()
		if !ok || lower(name) == forbiddenWord {
			return true
		}
	}
	return false
}
