// Package refusal turns what Postgres says about statements that the product
// builds out of a request into the answer to that request.
//
// The general map (kernel/pg) makes most of it a 500, which is right for SQL
// that a client wrote and wrong where a client sent values: here what the
// caller asked for and Postgres cannot do is a 400, and what another
// transaction is in the way of is a 503.
package refusal

import (
	"errors"
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// Of translates err. It returns 503 DATABASE_INTERNAL_ERROR for a lock that
// was not to be had and for a statement that took too long, and 400 with
// Postgres's own words for what follows from the request alone. Faults,
// errors that the general map knows and errors that are nobody's fault but
// ours stay as they are.
func Of(err error) error {
	var known *fault.Error
	var e *pgconn.PgError
	if errors.As(err, &known) || !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Code == pgerrcode.LockNotAvailable, e.Code == pgerrcode.DeadlockDetected:
		return fault.New(http.StatusServiceUnavailable, fault.DatabaseInternalError,
			"Another transaction is using the table; nothing was changed").
			Next("Try again once long-running queries and transactions on the table have ended.").Because(err)
	case e.Code == pgerrcode.QueryCanceled:
		return fault.New(http.StatusServiceUnavailable, fault.DatabaseInternalError,
			"The operation took too long and was cancelled; nothing was changed").
			Next("Try again when the database is less busy, or change a large table in smaller steps.").Because(err)
	case pg.Fault(err).Status != http.StatusInternalServerError:
		return err
	case strings.HasPrefix(e.Code, "23"):
		return Because(fault.DatabaseConstraintViolation, e)
	case callersFault(e.Code):
		return Because(fault.DatabaseValidationError, e)
	}
	return err
}

// callersFault tells the SQLSTATEs that our own SQL meets only because of what
// a request asked for: bad values, unsupported features, unknown schemas,
// rules of DDL, limits, what a trigger raises. A syntax error is ours.
func callersFault(state string) bool {
	if state == pgerrcode.SyntaxError {
		return false
	}
	for _, class := range []string{"22", "0A", "3F", "42", "44", "54", pgerrcode.RaiseException} {
		if strings.HasPrefix(state, class) {
			return true
		}
	}
	return false
}

// Because is a 400 with Postgres's own words.
func Because(code fault.Code, e *pgconn.PgError) *fault.Error {
	return fault.New(http.StatusBadRequest, code, e.Message).Next(e.Hint).Because(e)
}
