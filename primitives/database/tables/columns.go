package tables

import (
	"regexp"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/quote"
)

// Type is a column type as the API spells it.
type Type string

// typeNames lists the types a column can be made with.
func typeNames() []string {
	return []string{"string", "date", "datetime", "integer", "float", "boolean", "uuid", "json"}
}

// SQL returns the type's name in SQL, and the default of a column that must
// not be null but was given none ("" for none).
func (t Type) SQL() (name, fallback string) {
	switch t {
	case "date":
		return "DATE", "now()"
	case "datetime":
		return "TIMESTAMPTZ", "now()"
	case "integer":
		return "INTEGER", ""
	case "float":
		return "DOUBLE PRECISION", ""
	case "boolean":
		return "BOOLEAN", "false"
	case "uuid":
		return "UUID", "gen_random_uuid()"
	case "json":
		return "JSONB", ""
	}
	return "TEXT", ""
}

// typeOf returns the API's name for a type of Postgres, given as format_type()
// prints it; isArray for arrays. A type the API cannot make is named by the
// first 8 letters of its name.
func typeOf(sql string, isArray bool) Type {
	if isArray {
		return "json"
	}
	switch sql {
	case "uuid", "date", "boolean":
		return Type(sql)
	case "timestamp with time zone":
		return "datetime"
	case "smallint", "integer", "bigint":
		return "integer"
	case "real", "double precision", "numeric":
		return "float"
	case "json", "jsonb":
		return "json"
	case "text", "character varying", "character":
		return "string"
	}
	letters := []rune(sql)
	return Type(letters[:min(8, len(letters))])
}

// Column describes a column to create.
type Column struct {
	Name     Name `json:"columnName"`
	Type     Type `json:"type"`
	Nullable bool `json:"isNullable"`
	Unique   bool `json:"isUnique"`
	// Default is nil or blank for none; see defaultSQL.
	Default *string `json:"defaultValue,omitempty"`
}

// definition returns the column as CREATE TABLE and ADD COLUMN expect it.
func (c Column) definition() string {
	name, value := c.Type.SQL()
	sql := c.Name.SQL() + " " + name
	if c.Nullable {
		value = ""
	} else {
		sql += " NOT NULL"
	}
	if c.Default != nil && !blank(*c.Default) {
		value = defaultSQL(*c.Default)
	}
	if value != "" {
		sql += " DEFAULT " + value
	}
	if c.Unique {
		sql += " UNIQUE"
	}
	return sql
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// defaultSQL returns a default value in SQL: one of two functions by name, or
// else a literal, regardless of its content.
func defaultSQL(value string) string {
	switch f := strings.ToLower(value); f {
	case "now()", "gen_random_uuid()":
		return f
	}
	return quote.Literal(value)
}

// castLiteral is a literal with nothing but a cast after it, as pg_get_expr()
// prints a constant default: '…'::character varying(10).
var castLiteral = regexp.MustCompile(`^'((?:[^']|'')*)'(?:::[^'():]+(?:\([0-9, -]+\))?(?: with(?:out)? time zone)?(?:\[\])*)?$`)

// readDefault turns what pg_get_expr() prints back into what a client would
// send: constants lose quotes and cast. It returns nil for no default.
func readDefault(expr *string) *string {
	if expr == nil || strings.HasPrefix(*expr, "NULL::") {
		return nil
	}
	if m := castLiteral.FindStringSubmatch(*expr); m != nil {
		value := strings.ReplaceAll(m[1], "''", "'")
		return &value
	}
	return expr
}

// isAutomatic reports whether the product makes the column itself, and of
// which type.
func isAutomatic(name Name) (Type, bool) {
	switch name {
	case "id":
		return "uuid", true
	case "created_at", "updated_at":
		return "datetime", true
	}
	return "", false
}

// automaticNames lists the columns that the product makes itself.
func automaticNames() []Name { return []Name{"id", "created_at", "updated_at"} }
