// Package refusal turns what Postgres says into the answer to a request:
// about statements that the product builds from the request (Of), and about
// SQL that the caller wrote (OfSQL).
//
// The general map (kernel/pg) is only for the product's own statements: an
// error that it does not know is our fault, a 500. Here, what the caller asked
// for and Postgres cannot do is a 400, and what another transaction prevents is
// a 503.
package refusal

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// Of translates err. It returns 503 DATABASE_INTERNAL_ERROR for a lock that
// could not be taken and for a statement that took too long, and 400 with
// Postgres's message for what the request alone causes. Faults, errors that the
// general map knows and our own errors are returned unchanged.
func Of(err error) error {
	var known *fault.Error
	var e *pgconn.PgError
	if errors.As(err, &known) || !errors.As(err, &e) {
		return err
	}
	switch {
	case inTheWay(e.Code):
		return busy(err)
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

// OfSQL translates what Postgres says about SQL that the caller wrote. It keeps
// Postgres's message; its hint, its detail and the SQLSTATE are what to do next.
//
// It returns what the general map says of the SQLSTATEs that it knows; 503
// DATABASE_INTERNAL_ERROR where another transaction is in the way; 500
// INTERNAL_ERROR for a failure of the server itself; and for everything else
// 400: it follows from the SQL, or from code that the SQL runs. That includes
// time limits. The code is DATABASE_CONSTRAINT_VIOLATION for integrity
// constraints, otherwise DATABASE_VALIDATION_ERROR.
func OfSQL(e *pgconn.PgError) *fault.Error {
	if inTheWay(e.Code) {
		return busy(e)
	}
	if e.Code == pgerrcode.ProtocolViolation { // the protocol is ours, the number of values is not
		return fault.New(http.StatusBadRequest, fault.DatabaseValidationError,
			"The number of values sent is not the number of parameters in the SQL").
			Next("Send one value for each of $1, $2, …").Because(e)
	}
	f := pg.Fault(e)
	switch {
	case f.Status != http.StatusInternalServerError || ServersFault(e.Code):
	case strings.HasPrefix(e.Code, "23"):
		f = Because(fault.DatabaseConstraintViolation, e)
	default:
		f = Because(fault.DatabaseValidationError, e)
	}
	return f.Next(advice(e))
}

// advice joins what Postgres says beside its message.
func advice(e *pgconn.PgError) string {
	var all []string
	for _, text := range []string{e.Hint, e.Detail, "SQLSTATE " + e.Code} {
		if text = strings.TrimSpace(text); text != "" {
			all = append(all, strings.TrimSuffix(text, ".")+".")
		}
	}
	return strings.Join(all, " ")
}

// inTheWay reports whether a statement with this SQLSTATE would have succeeded
// without other transactions.
func inTheWay(state string) bool {
	switch state {
	case pgerrcode.LockNotAvailable, pgerrcode.DeadlockDetected, pgerrcode.SerializationFailure:
		return true
	}
	return false
}

func busy(cause error) *fault.Error {
	return fault.New(http.StatusServiceUnavailable, fault.DatabaseInternalError,
		"Another transaction is using the table; nothing was changed").
		Next("Try again once long-running queries and transactions on the table have ended.").Because(cause)
}

// ServersFault reports whether no SQL is to blame for a SQLSTATE: connections,
// resources, an operator's intervention, the system, configuration files,
// internal errors. Limits for statements, on time and on temporary files, are not
// among them.
func ServersFault(state string) bool {
	switch state {
	case pgerrcode.QueryCanceled, pgerrcode.ConfigurationLimitExceeded:
		return false
	}
	return slices.ContainsFunc([]string{"08", "53", "57", "58", "F0", "XX"}, func(class string) bool {
		return strings.HasPrefix(state, class)
	})
}

// callersFault reports whether our own SQL fails with a SQLSTATE only because of
// what a request asked for: bad values, unsupported features, unknown schemas,
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

// Because is a 400 with Postgres's own message.
func Because(code fault.Code, e *pgconn.PgError) *fault.Error {
	return fault.New(http.StatusBadRequest, code, e.Message).Next(e.Hint).Because(e)
}
