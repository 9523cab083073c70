// Package fault is the one error that crosses package boundaries: a stable
// code for machines, an HTTP status, a sentence that is safe to show, what to
// do next, and a private cause for the log.
//
// kernel/rest writes faults to a response, and makes faults of other errors.
package fault

import (
	"errors"
	"net/http"
)

// Error is a failure whose Code and Message may be shown to the caller.
type Error struct {
	// Status is the HTTP status of the answer.
	Status int
	// Code is one of the constants in codes.go.
	Code Code
	// Message is one sentence for the caller. It never holds a secret.
	Message string
	// NextActions says what the caller can do about it; empty when nothing
	// useful can be said.
	NextActions string
	// Err is the cause. It goes to the log only.
	Err error
}

// New returns an error with the given status, code and message.
func New(status int, code Code, message string) *Error {
	return &Error{Status: status, Code: code, Message: message}
}

// Invalid returns 400 INVALID_INPUT.
func Invalid(message string) *Error {
	return New(http.StatusBadRequest, InvalidInput, message)
}

// Internal returns 500 INTERNAL_ERROR with a message that gives nothing away;
// err is kept for the log.
func Internal(err error) *Error {
	return New(http.StatusInternalServerError, InternalError, "Internal server error").Because(err)
}

// Error is the text for logs: code, message and cause.
func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.Err }

// Next returns a copy of e that says what the caller can do about it.
func (e *Error) Next(hint string) *Error {
	c := *e
	c.NextActions = hint
	return &c
}

// Because returns a copy of e with its private cause set.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// Is reports whether err is or wraps a fault with the given code.
func Is(err error, code Code) bool {
	var f *Error
	return errors.As(err, &f) && f.Code == code
}
