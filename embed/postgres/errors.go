package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/insforge/insforge-go/embed/bundle"
)

// Kind sorts what can go wrong into what a caller can act upon.
type Kind string

// Kinds of Error.
const (
	KindOptions    Kind = "options"    // the caller asked for something impossible
	KindMajor      Kind = "major"      // the data directory is of another major
	KindDirectory  Kind = "directory"  // the folder is not a Postgres cluster
	KindInUse      Kind = "in_use"     // another program has the data directory
	KindDiskFull   Kind = "disk_full"  // no space left
	KindReadOnly   Kind = "read_only"  // the file system is read-only
	KindPermission Kind = "permission" // we, or the server's user, may not
	KindPort       Kind = "port"       // no free port
	KindRuntime    Kind = "runtime"    // the programs do not run here
	KindStart      Kind = "start"      // Postgres ended while starting; see Log
	KindTimeout    Kind = "timeout"    // Postgres did not get ready in time; see Log
	KindInternal   Kind = "internal"
)

// Error is what every exported function of this package returns, besides a
// context's error.
type Error struct {
	Kind    Kind
	Message string   // what is wrong and what to do, one line, no secrets
	Log     []string // the last lines Postgres wrote, oldest first; may be nil
	Err     error    // the cause; may be nil
}

// Error returns the message and, when there is one, the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fileError describes a failed operation on path by what the system said.
func fileError(doing, path string, err error) error {
	if known := (*Error)(nil); errors.As(err, &known) {
		return err
	}
	e := &Error{Kind: KindInternal, Message: doing + " " + path, Err: err}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Kind = KindDiskFull
		e.Message += ": the disk is full; free some space and start again"
	case errors.Is(err, syscall.EROFS):
		e.Kind = KindReadOnly
		e.Message += ": the file system is read-only; choose another data directory or mount it writable"
	case errors.Is(err, fs.ErrPermission):
		e.Kind = KindPermission
		e.Message += ": permission denied; make the folder writable for this user or choose another data directory"
	}
	return e
}

// serverError describes why a Postgres program ended, from what it wrote. A
// cause that is an Error already, or the end of a context, says more.
func serverError(doing string, lines []string, cause error) error {
	if known := (*Error)(nil); errors.As(cause, &known) ||
		errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	e := &Error{Kind: KindStart, Message: doing, Log: tail(lines, 10), Err: cause}
	text := strings.Join(lines, "\n")
	has := func(s string) bool { return strings.Contains(text, s) }
	switch {
	case has("No space left on device"), has("Disk quota exceeded"):
		e.Kind = KindDiskFull
		e.Message += ": the disk is full; free some space and start again"
	case has("Read-only file system"):
		e.Kind = KindReadOnly
		e.Message += ": the file system is read-only; choose another data directory or mount it writable"
	case has("pre-existing shared memory block"), has("Is another postmaster"):
		e.Kind = KindInUse
		e.Message += ": processes of an earlier server still use the data directory"
	case has("Permission denied"), has("wrong ownership"), has("invalid permissions"):
		e.Kind = KindPermission
		e.Message += ": the server's user may not use its files"
	case bundle.Missing(nil, text) != "":
		e.Kind = KindRuntime
		e.Message += ": " + bundle.Missing(nil, text)
	case has("could not create any TCP/IP sockets"):
		e.Kind = KindPort
		e.Message += ": the TCP port was taken meanwhile"
	}
	if reason := reason(lines); reason != "" {
		e.Message = fmt.Sprintf("%s (%s)", e.Message, reason)
	}
	return e
}

// reason is the line that says most: the last PANIC, FATAL or error.
func reason(lines []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		for _, mark := range []string{"PANIC:", "FATAL:", "ERROR:", "error:"} {
			if at := strings.Index(lines[i], mark); at >= 0 {
				return strings.TrimSpace(lines[i][at+len(mark):])
			}
		}
	}
	if len(lines) > 0 {
		return lines[len(lines)-1]
	}
	return ""
}

func tail(lines []string, n int) []string {
	return lines[max(0, len(lines)-n):]
}
