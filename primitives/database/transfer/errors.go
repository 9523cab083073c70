package transfer

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/insforge/insforge-go/primitives/database/refusal"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/insforge/insforge-go/primitives/kernel/spool"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// translateExport translates errors that are particular to exports; others are
// left to the general rules.
func translateExport(err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	if f := diskFull(err); f != nil {
		return f
	}
	if errors.Is(err, spool.ErrTooLarge) {
		return fault.New(http.StatusRequestEntityTooLarge, fault.InvalidInput, "The export is larger than the server may hold").
			Next("Lower rowLimit or export fewer tables at a time.").Because(err)
	}
	switch pg.State(err) {
	case pgerrcode.LockNotAvailable, pgerrcode.DeadlockDetected, pgerrcode.UndefinedTable, pgerrcode.InternalError: // the last two: dropped meanwhile
		return busy(err)
	}
	return err
}

func busy(err error) *fault.Error {
	return fault.New(http.StatusServiceUnavailable, fault.DatabaseInternalError, "Another transaction is changing the tables; nothing was done").
		Next("Try again once long-running queries and transactions on the tables have ended.").Because(err)
}

// diskFull returns the answer to an error caused by a full disk, or nil.
func diskFull(err error) *fault.Error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) && pg.State(err) != pgerrcode.DiskFull {
		return nil
	}
	return fault.New(http.StatusInsufficientStorage, fault.InternalError, "The server's disk is full; nothing was changed").
		Next("Free space on the server's disk and try again.").Because(err)
}

// translateImport translates errors that end an import.
func translateImport(err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		if known.Code == fault.DatabaseValidationError { // what the session says of SQL that callers wrote
			return fault.Invalid(known.Message).Next(known.NextActions).Because(err)
		}
		return err
	}
	if f := diskFull(err); f != nil {
		return f
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Code == pgerrcode.LockNotAvailable, e.Code == pgerrcode.DeadlockDetected:
		return busy(err)
	case refusal.ServersFault(e.Code):
		return err
	}
	message := e.Message
	var at *failed
	if errors.As(err, &at) {
		message = fmt.Sprintf("Line %d: %s", at.line, message)
	}
	return fault.Invalid(message).
		Next(cmp.Or(missingExtension(e), rowsInOrder(e), e.Hint, "Correct the file and send it again. Nothing was imported.")).Because(err)
}

// definedBy are the extensions of types, functions and operator classes that
// dumps of one schema use: pg_dump --schema leaves out CREATE EXTENSION.
var definedBy = map[string]string{
	"citext": "citext", "hstore": "hstore", "ltree": "ltree", "cube": "cube",
	"vector": "vector", "halfvec": "vector", "sparsevec": "vector",
	"vector_l2_ops": "vector", "vector_ip_ops": "vector", "vector_cosine_ops": "vector",
	"geometry": "postgis", "geography": "postgis",
	"uuid_generate_v4": "uuid-ossp", "uuid_generate_v1": "uuid-ossp", "uuid_generate_v1mc": "uuid-ossp",
	"crypt": "pgcrypto", "gen_salt": "pgcrypto", "digest": "pgcrypto",
	"gin_trgm_ops": "pg_trgm", "gist_trgm_ops": "pg_trgm", "similarity": "pg_trgm",
	"unaccent": "unaccent",
}

// absentName is how Postgres says that there is no such type, function or operator
// class, with or without a schema.
var absentName = regexp.MustCompile(`^(?:type|function|operator class) "?(?:[^".(]+\.)?([a-z0-9_]+)["( ]`)

// missingExtension advises to create the extension that defines what does not
// exist, or returns "".
func missingExtension(e *pgconn.PgError) string {
	if e.Code != pgerrcode.UndefinedObject && e.Code != pgerrcode.UndefinedFunction {
		return ""
	}
	m := absentName.FindStringSubmatch(e.Message)
	if m == nil || definedBy[m[1]] == "" {
		return ""
	}
	return fmt.Sprintf("It is part of an extension: put CREATE EXTENSION IF NOT EXISTS %s WITH SCHEMA public; before it. Nothing was imported.",
		quote.Identifier(definedBy[m[1]]))
}

// rowsInOrder advises how to import rows that refer to rows after them, as in
// dumps of the data of tables that refer to each other, or returns "".
func rowsInOrder(e *pgconn.PgError) string {
	if e.Code != pgerrcode.ForeignKeyViolation || !strings.HasPrefix(e.Message, "insert or update") {
		return ""
	}
	return "Put rows after those that they refer to. Where that is impossible, put the rows between ALTER TABLE … DISABLE TRIGGER ALL and ENABLE TRIGGER ALL, as pg_dump --data-only --disable-triggers does. Nothing was imported."
}

// withLine names the line of a statement that the guards refuse.
func withLine(err error) error {
	var v *sqltext.Violation
	var f *fault.Error
	if !errors.As(err, &v) || !errors.As(err, &f) {
		return err
	}
	return fault.New(f.Status, f.Code, fmt.Sprintf("Line %d: %s", v.Statement.Line, v.Reason)).Next(f.NextActions).Because(err)
}
