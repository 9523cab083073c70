package changes

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/database/refusal"
	"github.com/insforge/insforge-go/primitives/database/session"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// failure says which statement failed. Number 0 means the constraints that
// were deferred to the end.
type failure struct {
	number, of int
	statement  sqltext.Statement
	err        error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// atEnd is the answer when no single statement failed, but the end of them.
func atEnd(err error) error {
	var deferred *session.Deferred
	if errors.As(err, &deferred) {
		return answer(&failure{err: err})
	}
	return err
}

// where says, for people, which statement failed. position is where in it, in
// characters from 1; 0 where that is unknown.
func (f *failure) where(position int) string {
	if f.number == 0 {
		return "A constraint or trigger that was deferred to the end failed."
	}
	return fmt.Sprintf("Statement %d of %d failed, in %s.", f.number, f.of, f.statement.Place(position))
}

// answer turns an error of the project's SQL into the answer: that of refusal,
// but 403 for text that does not parse, as the guards answer.
func answer(err error) error {
	var failed *failure
	var e *pgconn.PgError
	if !errors.As(err, &failed) || !errors.As(err, &e) || pg.Gone(err) {
		return err
	}
	f := refusal.OfSQL(e)
	switch {
	case f.Status == http.StatusServiceUnavailable:
		return f
	case isSyntax(e):
		f = fault.New(http.StatusForbidden, fault.Forbidden, e.Message).Next(f.NextActions).Because(err)
	}
	return failed.explain(f.Because(err), int(e.Position))
}

// isSyntax reports whether the statement itself does not parse, rather than
// code that it runs.
func isSyntax(e *pgconn.PgError) bool {
	return e.Code == pgerrcode.SyntaxError && e.InternalQuery == "" && e.Where == ""
}

// explain adds where it happened to the answer's next actions.
func (f *failure) explain(a *fault.Error, position int) *fault.Error {
	next := f.where(position) + " Nothing was changed."
	if a.NextActions != "" {
		next += " " + a.NextActions
	}
	return a.Next(next)
}

func noStatement() *fault.Error {
	return fault.Invalid("sql: The text holds no SQL statement").Next("Send at least one statement.")
}

func (s *Service) tooLong() *fault.Error {
	return fault.New(http.StatusRequestEntityTooLarge, fault.InvalidInput, fmt.Sprintf("The SQL is longer than %d bytes", s.limits.TextBytes)).
		Next("Split it into several migrations; load data with POST /api/database/advance/import.")
}

func alreadyExists(version, newest string) *fault.Error {
	return fault.New(http.StatusConflict, fault.DatabaseMigrationAlreadyExists,
		fmt.Sprintf("Migration %s is not newer than %s, the newest that was applied", version, newest)).
		Next("GET /api/database/migrations lists what was applied; give a new migration a higher version.")
}

func (s *Service) busy() *fault.Error {
	return fault.New(http.StatusConflict, fault.DatabaseConstraintViolation,
		fmt.Sprintf("Other migrations have been running for %s; nothing was changed", s.limits.Turn)).
		Next("Try again when they have ended.")
}

// errTooSlow marks SQL that was stopped because its time was up.
var errTooSlow = errors.New("time limit")

func tookTooLong(limit time.Duration, cause error) *fault.Error {
	return fault.New(http.StatusBadRequest, fault.DatabaseValidationError,
		fmt.Sprintf("The SQL took longer than %s and was rolled back", limit)).
		Next("Split it into several migrations, or change large tables in smaller steps.").Because(errors.Join(errTooSlow, cause))
}
