package request

import (
	"fmt"
	"net/http"
	"strings"
)

// Error is a failure in PostgREST's shape. It is what respond writes as
// {"code","details","hint","message"}.
type Error struct {
	Status  int
	Code    string
	Message string
	// Details is nil, a string, or a value that encodes as JSON.
	Details any
	// Hint is nil or a string.
	Hint any
	// Header holds headers that go with the error, for RAISE SQLSTATE 'PGRST'.
	Header http.Header
	// Cause is for the log only.
	Cause error
}

// Error is the text for logs.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.Cause }

// NewError returns an error without details or hint.
func NewError(status int, code, message string) *Error {
	return &Error{Status: status, Code: code, Message: message}
}

// WithDetails returns a copy with details.
func (e *Error) WithDetails(details any) *Error {
	c := *e
	c.Details = details
	return &c
}

// WithHint returns a copy with a hint.
func (e *Error) WithHint(hint string) *Error {
	c := *e
	c.Hint = hint
	return &c
}

// InvalidBody is PGRST102: a payload that cannot be read.
func InvalidBody(message string) *Error {
	return NewError(http.StatusBadRequest, "PGRST102", message)
}

// rangeNegativeLimit is PGRST103 for limit=-1.
func rangeNegativeLimit() *Error {
	return NewError(http.StatusRequestedRangeNotSatisfiable, "PGRST103", "Requested range not satisfiable").
		WithDetails("Limit should be greater than or equal to zero.")
}

func rangeReversed() *Error {
	return NewError(http.StatusRequestedRangeNotSatisfiable, "PGRST103", "Requested range not satisfiable").
		WithDetails("The lower boundary must be lower than or equal to the upper boundary in the Range header.")
}

// RangeOutOfBounds is PGRST103 for an offset beyond the last row.
func RangeOutOfBounds(offset, total int64) *Error {
	return NewError(http.StatusRequestedRangeNotSatisfiable, "PGRST103", "Requested range not satisfiable").
		WithDetails(fmt.Sprintf("An offset of %d was requested, but there are only %d rows.", offset, total))
}

// BeyondBigint is what Postgres says of a number that its bigint cannot hold.
func BeyondBigint(number string) *Error {
	return NewError(http.StatusBadRequest, "22003", `value "`+number+`" is out of range for type bigint`)
}

// LimitWithoutOrder is PGRST109: a limited write that does not say which rows.
func LimitWithoutOrder() *Error {
	return NewError(http.StatusBadRequest, "PGRST109", "A 'limit' was applied without an explicit 'order'").
		WithHint("Apply an 'order' using unique column(s)")
}

// NotEmbedded is PGRST108: a filter, order or range on an embed that the
// select list does not have.
func NotEmbedded(name string) *Error {
	return NewError(http.StatusBadRequest, "PGRST108", "'"+name+"' is not an embedded resource in this request").
		WithHint("Verify that '" + name + "' is included in the 'select' query parameter.")
}

func unacceptableSchema(exposed []string) *Error {
	return NewError(http.StatusNotAcceptable, "PGRST106",
		"The schema must be one of the following: "+strings.Join(exposed, ", "))
}

func unsupportedMethod(method string) *Error {
	return NewError(http.StatusMethodNotAllowed, "PGRST117", "Unsupported HTTP method: "+method)
}

// queryError is PGRST100: a query parameter that does not parse.
func queryError(message, details string) *Error {
	return NewError(http.StatusBadRequest, "PGRST100", message).WithDetails(details)
}
