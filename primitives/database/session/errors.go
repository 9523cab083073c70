package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// Deferred is an error of Postgres that no single statement caused: something
// deferred to the end of the transaction failed.
type Deferred struct{ err error }

func (d *Deferred) Error() string { return d.err.Error() }
func (d *Deferred) Unwrap() error { return d.err }

func deferred(err error) error {
	if pg.State(err) == "" {
		return err
	}
	return &Deferred{err}
}

// explain turns lost connections, and time limits that the SQL set itself,
// into the answer. begun is when the work began.
func (s *Session) explain(ctx context.Context, begun time.Time, err error) error {
	var known *fault.Error
	switch {
	case err == nil:
		return nil
	case s.limitedItself(begun, err):
		return ownLimit(err)
	case errors.As(err, &known):
		return err
	case pg.State(err) == pgerrcode.ReadOnlySQLTransaction:
		return readOnly(err)
	case ctx.Err() == nil && (pg.State(err) == "" && s.IsClosed() || pg.Gone(err)):
		return connectionLost(err)
	}
	return err
}

// transactionTimeout is how Postgres 17 and later ends a transaction that is
// open for too long.
const transactionTimeout = "25P04"

// limitedItself reports whether a time limit ended the SQL before ours was
// reached, so the SQL set it.
func (s *Session) limitedItself(begun time.Time, err error) bool {
	switch pg.State(err) {
	case pgerrcode.QueryCanceled, pgerrcode.IdleInTransactionSessionTimeout, transactionTimeout:
		return s.options.Statement == 0 || time.Since(begun) < s.options.Statement
	}
	return false
}

func ownLimit(err error) error {
	const next = "If the SQL sets its own time limit, such as statement_timeout, leave it out or make it longer."
	var e *pgconn.PgError
	errors.As(err, &e)
	answer := fault.New(http.StatusBadRequest, fault.DatabaseValidationError, e.Message)
	var known *fault.Error
	if !errors.As(err, &known) {
		return answer.Next(next).Because(err)
	}
	if known.Status < http.StatusInternalServerError {
		answer = known
	}
	return answer.Next(strings.TrimSpace(known.NextActions + " " + next)).Because(err)
}

// readOnly is the answer when the transaction became read-only, which also
// stops our statements after the SQL: only the SQL can make it so, and it
// cannot be undone.
func readOnly(err error) *fault.Error {
	var e *pgconn.PgError
	errors.As(err, &e)
	return fault.New(http.StatusBadRequest, fault.DatabaseValidationError, e.Message).
		Next("If the SQL makes its transaction read-only, leave that out. Nothing was changed.").Because(err)
}

func changedRoles() *fault.Error {
	return fault.New(http.StatusForbidden, fault.Forbidden, "The SQL changes a role or its settings, which is not allowed").
		Next("Leave that out, including in functions and DO blocks. Nothing was changed.")
}

func connectionLost(cause error) *fault.Error {
	return fault.New(http.StatusServiceUnavailable, fault.UpstreamFailure, "The connection to the database was lost; nothing was changed").
		Next("Try again; if it happens again, insforge doctor says why.").Because(cause)
}

// outcomeUnknown is the answer when the connection broke while w.Name was
// "being committed" or "running", so that its outcome cannot be known.
func outcomeUnknown(w Work, while string, cause error) *fault.Error {
	return fault.New(http.StatusServiceUnavailable, fault.UpstreamFailure,
		fmt.Sprintf("The connection to the database was lost while %s was %s", w.Name, while)).
		Next(w.Look).Because(cause)
}
