package tables

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/jackc/pgx/v5"
)

// maxNameBytes is how much of a name Postgres keeps (NAMEDATALEN - 1).
const maxNameBytes = 63

// defaultSchema is meant where no schema is named.
const defaultSchema Name = "public"

// Name is the name of a schema, table, column or constraint, exactly as
// Postgres stores it.
type Name string

// SQL returns the name quoted.
func (n Name) SQL() string { return pgx.Identifier{string(n)}.Sanitize() }

// Table is a schema-qualified table name.
type Table struct{ Schema, Name Name }

// SQL returns the name quoted.
func (t Table) SQL() string { return t.Schema.SQL() + "." + t.Name.SQL() }

// parseName checks a name from a request; field says where it stood.
//
// It returns 400 DATABASE_VALIDATION_ERROR for a name with a double quote or
// a control character, and for one that Postgres would cut short.
func parseName(field, s string) (Name, error) {
	switch {
	case s == "":
		return "", badName(field + " must not be empty")
	case strings.ContainsRune(s, '"') || strings.ContainsFunc(s, unicode.IsControl) || !utf8.ValidString(s):
		return "", badName(field + " must be UTF-8 without double quotes and control characters")
	case len(s) > maxNameBytes:
		return "", badName(fmt.Sprintf("%s is %d bytes long; PostgreSQL keeps %d bytes of a name", field, len(s), maxNameBytes)).
			Next("Choose a shorter name. Letters outside ASCII take two to four bytes each.")
	}
	return Name(s), nil
}

func badName(message string) *fault.Error {
	return fault.New(http.StatusBadRequest, fault.DatabaseValidationError, message)
}

// schemaOf reads the query parameter schema.
//
// It returns 400 INVALID_INPUT for a repeated parameter or a schema of
// Postgres itself, and 400 DATABASE_VALIDATION_ERROR for a malformed name.
func schemaOf(c rest.Context) (Name, error) {
	values := c.QueryParams()["schema"]
	if len(values) > 1 {
		return "", fault.Invalid("Query parameter schema must be given once.")
	}
	if len(values) == 0 || strings.TrimSpace(values[0]) == "" {
		return defaultSchema, nil
	}
	schema, err := parseName("schema", values[0])
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(values[0], "pg_") || schema == "information_schema" {
		return "", fault.Invalid("Schema " + values[0] + " belongs to PostgreSQL and is not available.")
	}
	return schema, nil
}

// tableOf reads the path parameter tableName and the schema.
func tableOf(c rest.Context) (Table, error) {
	schema, err := schemaOf(c)
	if err != nil {
		return Table{}, err
	}
	name, err := parseName("tableName", rest.Param(c, "tableName"))
	return Table{Schema: schema, Name: name}, err
}

// parseReference reads the table a foreign key points to: "schema.table", or
// "table" for one in public. A table whose name holds a dot needs its schema.
func parseReference(s string) (Table, error) {
	schema, name, qualified := strings.Cut(s, ".")
	if !qualified {
		schema, name = string(defaultSchema), s
	}
	var t Table
	var err error
	if t.Schema, err = parseName("referenceTable", schema); err != nil {
		return Table{}, err
	}
	t.Name, err = parseName("referenceTable", name)
	return t, err
}

// fit shortens a generated name that Postgres would cut short: the beginning,
// and a digest of the whole to keep two long names apart.
func fit(s string) Name {
	if len(s) <= maxNameBytes {
		return Name(s)
	}
	const kept = 54
	head := s[:kept]
	for !utf8.ValidString(head) { // the cut went through a letter
		head = head[:len(head)-1]
	}
	sum := sha256.Sum256([]byte(s))
	return Name(head + "_" + hex.EncodeToString(sum[:4]))
}
