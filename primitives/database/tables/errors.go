package tables

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/refusal"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

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
// here.
func translate(err error) error {
	var known *fault.Error
	var e *pgconn.PgError
	if errors.As(err, &known) || !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Code == pgerrcode.DuplicateTable, e.Code == pgerrcode.DuplicateObject:
		return refusal.Because(fault.DatabaseDuplicate, e)
	case e.Code == pgerrcode.UniqueViolation && e.SchemaName == "pg_catalog":
		// Two transactions made the same object at once; the catalog's own
		// index noticed.
		return fault.New(http.StatusBadRequest, fault.DatabaseDuplicate, "Another request created an object of that name at the same time").
			Next("Check what exists before you try again.").Because(err)
	case e.Code == pgerrcode.DependentObjectsStillExist:
		return dependents(e)
	}
	return refusal.Of(err)
}

// dependents lists what depends on the column, since Postgres's hint (DROP …
// CASCADE) does not help here.
func dependents(e *pgconn.PgError) *fault.Error {
	message := e.Message
	if e.Detail != "" {
		message += ": " + strings.ReplaceAll(e.Detail, "\n", "; ")
	}
	return fault.New(http.StatusBadRequest, fault.DatabaseConstraintViolation, message).
		Next("Drop the dependent objects first, then try again.").Because(e)
}
