package sqltext

import (
	"fmt"
	"net/http"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// SyntaxError reports text that is not SQL, or not SQL that can be run here. It
// unwraps to 403 FORBIDDEN.
type SyntaxError struct {
	// Reason is safe to show.
	Reason string
	// Pos is the offset of the error in bytes, Line its line from 1.
	Pos, Line int
	// incomplete says that more text might complete it.
	incomplete bool
}

func unterminated(pos int, what string) *SyntaxError {
	return &SyntaxError{Pos: pos, Reason: "unterminated " + what, incomplete: true}
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("syntax error in line %d: %s", e.Line, e.Reason)
}

// Unwrap returns the answer to the caller.
func (e *SyntaxError) Unwrap() error {
	return fault.New(http.StatusForbidden, fault.Forbidden, e.Error()).
		Next("Correct the SQL and send it again. Nothing was run.")
}

// Violation reports a statement that breaks a rule of Guard. It unwraps to 403
// FORBIDDEN.
type Violation struct {
	// Reason is safe to show.
	Reason string
	// Statement is the offender.
	Statement Statement
	next      string
}

func (e *Violation) Error() string { return e.Reason }

// Unwrap returns the answer to the caller.
func (e *Violation) Unwrap() error {
	return fault.New(http.StatusForbidden, fault.Forbidden, e.Reason).Next(e.next)
}
