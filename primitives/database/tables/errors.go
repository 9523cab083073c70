package tables

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5/pgconn"
)

func noTable(t Table) *fault.Error {
	return fault.New(http.StatusNotFound, fault.DatabaseNotFound,
		fmt.Sprintf("Table %q does not exist in schema %q", string(t.Name), string(t.Schema))).
		Next("GET /api/database/tables lists the tables of a schema. Names are case-sensitive.")
}

func noForeignKey(t Table, name Name) *fault.Error {
	return fault.New(http.StatusNotFound, fault.DatabaseNotFound,
		fmt.Sprintf("Table %q has no foreign key %q", string(t.Name), string(name))).
		Next("GET /api/database/tables/:tableName/schema lists the foreign keys of a table.")
}

// automatic is the refusal of a change to a column that the product keeps.
func automatic(status int, name Name) *fault.Error {
	return fault.New(status, fault.DatabaseForbidden,
		fmt.Sprintf("Column %q is maintained by the server and cannot be used here", string(name))).
		Next("Leave out id, created_at and updated_at.")
}

func noUserColumn() *fault.Error {
	return fault.New(http.StatusBadRequest, fault.DatabaseValidationError,
		"A table needs at least one column besides id, created_at and updated_at").
		Next("Add a column, or drop the whole table.")
}

// translate turns what Postgres says about DDL into the answer of the routes
// here. What the caller asked for and Postgres cannot do is a 400; what
// another transaction is in the way of is a 503. Anything else stays as it
// is, for the general rules.
func translate(err error) error {
	var known *fault.Error
	var e *pgconn.PgError
	if errors.As(err, &known) || !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Code == "42P07", e.Code == "42710":
		return refusal(fault.DatabaseDuplicate, e)
	case e.Code == "23505" && e.SchemaName == "pg_catalog":
		// Two transactions made the same object at once; the catalog's own
		// index noticed.
		return fault.New(http.StatusBadRequest, fault.DatabaseDuplicate, "An object of that name was made at the same time").
			Next("Look at what is there before you try again.").Because(err)
	case e.Code == "2BP01":
		return dependents(e)
	case e.Code == "55P03", e.Code == "40P01":
		return fault.New(http.StatusServiceUnavailable, fault.DatabaseInternalError,
			"Another transaction is using the table; nothing was changed").
			Next("Try again once long-running queries and transactions on the table have ended.").Because(err)
	case e.Code == "57014":
		return fault.New(http.StatusServiceUnavailable, fault.DatabaseInternalError,
			"The operation took too long and was cancelled; nothing was changed").
			Next("Try again when the database is less busy, or change a large table in smaller steps.").Because(err)
	case callersFault(e.Code) && pg.Fault(err).Status == http.StatusInternalServerError:
		return refusal(fault.DatabaseValidationError, e)
	}
	return err
}

// callersFault tells the SQLSTATE classes that our own SQL meets only because
// of what a request asked for: bad values, unsupported features, unknown
// schemas, rules of DDL, limits. A syntax error is ours.
func callersFault(state string) bool {
	switch {
	case state == "42601":
		return false
	case strings.HasPrefix(state, "22"), strings.HasPrefix(state, "0A"), strings.HasPrefix(state, "3F"),
		strings.HasPrefix(state, "42"), strings.HasPrefix(state, "54"):
		return true
	}
	return false
}

// refusal is a 400 with Postgres's own words.
func refusal(code fault.Code, e *pgconn.PgError) *fault.Error {
	return fault.New(http.StatusBadRequest, code, e.Message).Next(e.Hint).Because(e)
}

// dependents lists what hangs on the column, since the hint of Postgres (DROP
// … CASCADE) is of no use here.
func dependents(e *pgconn.PgError) *fault.Error {
	message := e.Message
	if e.Detail != "" {
		message += ": " + strings.ReplaceAll(e.Detail, "\n", "; ")
	}
	return fault.New(http.StatusBadRequest, fault.DatabaseConstraintViolation, message).
		Next("Drop the dependent objects first, then try again.").Because(e)
}
