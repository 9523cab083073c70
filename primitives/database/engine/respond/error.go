package respond

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/kernel/spool"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// Verbosity is how much of an error its body shows.
type Verbosity uint8

// The verbosities.
const (
	Verbose Verbosity = iota
	// Minimal leaves out details and hint, which may name tables and columns.
	Minimal
)

// Error writes e. A HEAD request gets no body. The code is in a header, too, as
// newer releases of PostgREST have it. RFC 9209.
func (v Verbosity) Error(w http.ResponseWriter, r *http.Request, e *request.Error) {
	h := w.Header()
	for name, values := range e.Header {
		h[name] = values
	}
	body := []byte("{}")
	if e.Code != "" {
		body = v.ErrorBody(e)
	}
	if isToken(e.Code) {
		h.Set("Proxy-Status", "PostgREST; error="+e.Code)
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client went away
	}
}

// isToken reports whether a code, which SQL may have chosen, is allowed in a
// header.
func isToken(code string) bool {
	return code != "" && !strings.ContainsFunc(code, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// ErrorBody is the JSON of an error.
func (v Verbosity) ErrorBody(e *request.Error) []byte {
	type minimal struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	var shown any = minimal{e.Code, e.Message}
	if v == Verbose {
		shown = struct {
			Code    string `json:"code"`
			Details any    `json:"details"`
			Hint    any    `json:"hint"`
			Message string `json:"message"`
		}{e.Code, e.Details, e.Hint, e.Message}
	}
	body, err := marshal(shown)
	if err != nil { // strings and maps of strings encode
		panic("respond: error does not encode: " + err.Error())
	}
	return body
}

func marshal(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return []byte(strings.TrimSuffix(b.String(), "\n")), err
}

// Translate turns any failure of the database into the error to answer with.
// authenticated is false for the anonymous role, which is asked to sign in
// where others are refused.
func Translate(err error, authenticated bool) *request.Error {
	var e *request.Error
	if errors.As(err, &e) {
		return e
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return fromPostgres(pg, authenticated)
	}
	if errors.Is(err, spool.ErrTooLarge) {
		e := request.NewError(http.StatusInternalServerError, "PGRSTX00", "The result is larger than the server may hold.").
			WithHint("Ask for fewer rows with limit and offset.")
		e.Cause = err
		return e
	}
	status, code, message := http.StatusServiceUnavailable, "PGRST001", "Database client error. Retrying the connection."
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		status, code, message = http.StatusGatewayTimeout, "PGRST003", "Timed out acquiring connection from connection pool."
	case errors.As(err, &connect), errors.As(err, &network):
		code, message = "PGRST000", "Database connection error. Retrying the connection."
	}
	out := request.NewError(status, code, message)
	out.Cause = err
	return out
}

func fromPostgres(pg *pgconn.PgError, authenticated bool) *request.Error {
	if pg.Code == "PGRST" {
		return raised(pg)
	}
	e := request.NewError(statusOf(pg, authenticated), pg.Code, pg.Message)
	if pg.Detail != "" {
		e.Details = pg.Detail
	}
	if pg.Hint != "" {
		e.Hint = pg.Hint
	}
	if e.Status == http.StatusUnauthorized {
		e.Header = http.Header{"Www-Authenticate": {"Bearer"}}
	}
	e.Cause = pg
	return e
}

// byClass is the status of a class of SQLSTATEs; byState are exceptions.
var (
	byClass = map[string]int{
		"08": 503, "09": 500, "0L": 403, "0P": 403, "25": 500, "28": 403, "2D": 500, "38": 500, "39": 500,
		"3B": 500, "40": 500, "53": 503, "54": 500, "55": 500, "57": 500, "58": 500, "F0": 500, "HV": 500,
		"P0": 500, "XX": 500,
	}
	byState = map[string]int{
		pgerrcode.ForeignKeyViolation:        409,
		pgerrcode.UniqueViolation:            409,
		pgerrcode.ReadOnlySQLTransaction:     405,
		pgerrcode.ConfigurationLimitExceeded: 500,
		pgerrcode.AdminShutdown:              503,
		pgerrcode.RaiseException:             400,
		pgerrcode.UndefinedFunction:          404,
		pgerrcode.UndefinedTable:             404,
		pgerrcode.InvalidObjectDefinition:    500,
	}
)

func statusOf(pg *pgconn.PgError, authenticated bool) int {
	switch {
	case pg.Code == pgerrcode.CardinalityViolation && !strings.HasSuffix(pg.Message, "requires a WHERE clause"):
		return http.StatusInternalServerError
	case pg.Code == pgerrcode.InvalidParameterValue && strings.HasPrefix(pg.Message, "role") && strings.HasSuffix(pg.Message, "does not exist"):
		return http.StatusUnauthorized
	case pg.Code == pgerrcode.UndefinedFunction && strings.HasPrefix(pg.Message, "function xmlagg("):
		return http.StatusNotAcceptable
	case pg.Code == pgerrcode.InsufficientPrivilege && authenticated:
		return http.StatusForbidden
	case pg.Code == pgerrcode.InsufficientPrivilege:
		return http.StatusUnauthorized
	case strings.HasPrefix(pg.Code, "PT"):
		return ownStatus(pg.Code[2:])
	}
	if status, ok := byState[pg.Code]; ok {
		return status
	}
	if len(pg.Code) == 5 {
		if status, ok := byClass[pg.Code[:2]]; ok {
			return status
		}
	}
	return http.StatusBadRequest
}

// ownStatus is a status that SQL chose; net/http cannot send others.
func ownStatus(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 200 || n > 599 {
		return http.StatusInternalServerError
	}
	return n
}

// raised reads RAISE SQLSTATE 'PGRST', whose message and detail are JSON.
func raised(pg *pgconn.PgError) *request.Error {
	var body struct {
		Code    *string `json:"code"`
		Message *string `json:"message"`
		Details *string `json:"details"`
		Hint    *string `json:"hint"`
	}
	var answer struct {
		Status  *int              `json:"status"`
		Headers map[string]string `json:"headers"`
	}
	bad := request.NewError(http.StatusInternalServerError, "PGRST121",
		`Could not parse JSON in the "RAISE SQLSTATE 'PGRST'" error`)
	if err := json.Unmarshal([]byte(pg.Message), &body); err != nil || body.Code == nil || body.Message == nil {
		return bad.WithDetails("Invalid JSON value for MESSAGE: '" + pg.Message + "'").
			WithHint("MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.")
	}
	const hint = "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'."
	if pg.Detail == "" {
		return bad.WithDetails("DETAIL is missing in the RAISE statement").WithHint(hint)
	}
	if err := json.Unmarshal([]byte(pg.Detail), &answer); err != nil || answer.Status == nil || answer.Headers == nil {
		return bad.WithDetails("Invalid JSON value for DETAIL: '" + pg.Detail + "'").WithHint(hint)
	}
	e := request.NewError(ownStatus(strconv.Itoa(*answer.Status)), *body.Code, *body.Message)
	if body.Details != nil {
		e.Details = *body.Details
	}
	if body.Hint != nil {
		e.Hint = *body.Hint
	}
	e.Header = http.Header{}
	for name, value := range answer.Headers {
		e.Header.Set(name, value)
	}
	return e
}
