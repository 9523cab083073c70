// Package naming reads the names of schemas, tables and columns out of
// requests, by the one set of rules that all routes of the database share, and
// finds the tables that they name.
//
// Names keep their case; those that Postgres would cut short are refused,
// since the shortened name could be that of another object.
package naming

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/jackc/pgx/v5"
)

// MaxBytes is how much of a name Postgres keeps (NAMEDATALEN - 1).
const MaxBytes = 63

// Public is the schema that is meant where none is named.
const Public Name = "public"

// Name is the name of a schema, table, column or constraint, exactly as
// Postgres stores it.
type Name string

// SQL returns the name quoted.
func (n Name) SQL() string { return quote.Identifier(string(n)) }

// Table is a schema-qualified table name.
type Table struct{ Schema, Name Name }

// SQL returns the name quoted.
func (t Table) SQL() string { return t.Schema.SQL() + "." + t.Name.SQL() }

// Parse checks a name from a request; field is where it was found, for the
// message.
//
// It returns 400 DATABASE_VALIDATION_ERROR for an empty name, one with a
// double quote or a control character, and one that Postgres would cut short.
func Parse(field, s string) (Name, error) {
	switch {
	case s == "":
		return "", malformed(field + " must not be empty")
	case strings.ContainsRune(s, '"') || strings.ContainsFunc(s, unicode.IsControl) || !utf8.ValidString(s):
		return "", malformed(field + " must be UTF-8 without double quotes and control characters")
	case len(s) > MaxBytes:
		return "", malformed(fmt.Sprintf("%s is %d bytes long; PostgreSQL keeps %d bytes of a name", field, len(s), MaxBytes)).
			Next("Choose a shorter name. Letters outside ASCII take two to four bytes each.")
	}
	return Name(s), nil
}

func malformed(message string) *fault.Error {
	return fault.New(http.StatusBadRequest, fault.DatabaseValidationError, message)
}

// SchemaOf reads the query parameter schema, "public" when it is absent or
// blank.
//
// It returns 400 INVALID_INPUT for a repeated parameter or a schema of
// Postgres itself, and 400 DATABASE_VALIDATION_ERROR for a malformed name.
func SchemaOf(c rest.Context) (Name, error) {
	values := c.QueryParams()["schema"]
	if len(values) > 1 {
		return "", fault.Invalid("Query parameter schema must be given once.")
	}
	if len(values) == 0 || strings.TrimSpace(values[0]) == "" {
		return Public, nil
	}
	schema, err := Parse("schema", values[0])
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(values[0], "pg_") || schema == "information_schema" {
		return "", fault.Invalid("Schema " + values[0] + " belongs to PostgreSQL and is not available.")
	}
	return schema, nil
}

// TableOf reads the path parameter tableName and the schema, with the errors
// of SchemaOf and Parse.
func TableOf(c rest.Context) (Table, error) {
	schema, err := SchemaOf(c)
	if err != nil {
		return Table{}, err
	}
	name, err := Parse("tableName", rest.Param(c, "tableName"))
	return Table{Schema: schema, Name: name}, err
}

// Find returns the oid of a base table, or the 404 of NoTable.
func Find(ctx context.Context, tx pg.Tx, t Table) (oid uint32, err error) {
	err = tx.QueryRow(ctx, `
		SELECT c.oid
		  FROM pg_class c
		  JOIN pg_namespace n ON n.oid = c.relnamespace
		 WHERE n.nspname = $1
		   AND c.relname = $2
		   AND c.relkind IN ('r', 'p')`, string(t.Schema), string(t.Name)).Scan(&oid)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, NoTable(t)
	}
	return oid, err
}

// NoTable is the answer when t does not exist: 404 DATABASE_NOT_FOUND.
func NoTable(t Table) *fault.Error {
	return fault.New(http.StatusNotFound, fault.DatabaseNotFound,
		fmt.Sprintf("Table %q does not exist in schema %q", string(t.Name), string(t.Schema))).
		Next("GET /api/database/tables lists the tables of a schema. Names are case-sensitive.")
}

// Fit shortens a generated name that Postgres would cut short: the beginning,
// and a digest of the whole to keep two long names apart.
func Fit(s string) Name {
	if len(s) <= MaxBytes {
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
