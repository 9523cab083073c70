package rawsql

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/insforge/insforge-go/primitives/database/refusal"
	"github.com/insforge/insforge-go/primitives/database/session"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/spool"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// locate turns an error of Postgres about a statement into the answer, with its
// place in the text: that of refusal, but 403 for text that does not parse.
// prefix is the length of what was put before the statement.
func locate(err error, s sqltext.Statement, prefix int) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) || pg.Gone(err) {
		return err
	}
	f := refusal.OfSQL(e)
	if e.Code == pgerrcode.SyntaxError && e.InternalQuery == "" && e.Where == "" { // not of code that the statement runs
		f = fault.New(http.StatusForbidden, fault.Forbidden, e.Message).Next(f.NextActions).Because(err)
	}
	next := fmt.Sprintf("Look at %s. %s", s.Place(int(e.Position)-prefix), f.NextActions)
	switch e.Code {
	case pgerrcode.QueryCanceled:
		next += " Make the statement faster, with an index or in smaller steps."
	case pgerrcode.InvalidTransactionTermination:
		next += " Code that commits runs only on POST /api/database/advance/rawsql/unrestricted."
	}
	return f.Next(next).Because(err)
}

// without adds that the other statements were undone, too.
func without(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	return f.Next(f.NextActions + " None of the statements had any effect.")
}

// sizeError turns the errors of a result that is too large into the answer.
func (s *Service) sizeError(err error) error {
	var body *pgproto3.ExceededMaxBodyLenErr
	if errors.Is(err, spool.ErrTooLarge) || errors.As(err, &body) {
		return s.resultTooLarge().Because(err)
	}
	return err
}

func (s *Service) resultTooLarge() *fault.Error {
	return fault.Invalid(fmt.Sprintf("The result is larger than %d rows or %d bytes; nothing was changed", s.limits.Rows, s.limits.Bytes)).
		Next("Select fewer rows or columns, or page with LIMIT and a condition on the key.")
}

func (s *Service) textTooLong() *fault.Error {
	return fault.New(http.StatusRequestEntityTooLarge, fault.InvalidInput, fmt.Sprintf("The SQL is longer than %d bytes", s.limits.TextBytes)).
		Next("Send it in parts, or upload it with POST /api/database/advance/import.")
}

// atEnd is the answer when what was deferred to the end of the transaction
// failed.
func atEnd(err error) error {
	var deferred *session.Deferred
	var e *pgconn.PgError
	if !errors.As(err, &deferred) || !errors.As(err, &e) || pg.Gone(err) {
		return err
	}
	f := refusal.OfSQL(e)
	return f.Because(err).Next("A constraint or trigger that was deferred to the end failed. Nothing was changed. " + f.NextActions)
}

func (s *Service) tookTooLong(cause error) *fault.Error {
	return fault.New(http.StatusBadRequest, fault.DatabaseValidationError, fmt.Sprintf("The request took longer than %s and was ended", s.limits.Request)).
		Next("Send the statements in several requests.").Because(cause)
}
