package pg

import (
	"errors"
	"net/http"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

type outcome struct {
	status int
	code   fault.Code
}

// bySQLState is the contract's map (00 §4.2); any other SQLSTATE is a 500.
var bySQLState = map[string]outcome{
	pgerrcode.UniqueViolation:       {http.StatusConflict, fault.DatabaseDuplicate},
	pgerrcode.ForeignKeyViolation:   {http.StatusBadRequest, fault.DatabaseConstraintViolation},
	pgerrcode.NotNullViolation:      {http.StatusBadRequest, fault.MissingField},
	pgerrcode.UndefinedTable:        {http.StatusBadRequest, fault.DatabaseValidationError},
	pgerrcode.DuplicateColumn:       {http.StatusBadRequest, fault.DatabaseValidationError},
	pgerrcode.UndefinedColumn:       {http.StatusBadRequest, fault.DatabaseValidationError},
	pgerrcode.InvalidForeignKey:     {http.StatusBadRequest, fault.DatabaseValidationError},
	pgerrcode.DatatypeMismatch:      {http.StatusBadRequest, fault.DatabaseValidationError},
	pgerrcode.InsufficientPrivilege: {http.StatusForbidden, fault.Forbidden},
}

// State returns the SQLSTATE of the Postgres error in err, or "".
func State(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Fault translates a Postgres error into the answer of the contract, with
// Postgres's own message. It returns nil when err holds no Postgres error.
func Fault(err error) *fault.Error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return nil
	}
	o, ok := bySQLState[e.Code]
	if !ok {
		o = outcome{http.StatusInternalServerError, fault.InternalError}
	}
	return fault.New(o.status, o.code, e.Message).Next(e.Hint).Because(err)
}

// errLost marks the failure of a transaction whose connection broke.
var errLost = errors.New("connection to the database lost")

// Gone reports whether Postgres could not be reached, went away during a
// transaction or between two statements, or is starting, stopping or out of
// connections (SQLSTATE 57P01 to 57P03, 53300).
func Gone(err error) bool {
	switch State(err) {
	case pgerrcode.AdminShutdown, pgerrcode.CrashShutdown, pgerrcode.CannotConnectNow, pgerrcode.TooManyConnections:
		return true
	}
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || errors.Is(err, errLost) || errors.Is(err, pgconn.ErrConnClosed)
}
