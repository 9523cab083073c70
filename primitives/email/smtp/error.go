package smtp

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/insforge/insforge-go/primitives/kernel/egress"
)

// maxReplyText is how much of a server's words Reply keeps, in bytes.
const maxReplyText = 300

// Error is a session that failed.
type Error struct {
	// Phase is where: "connect", "sign in", "send", or "message" when it
	// could not even be built.
	Phase string
	// Code is the server's reply code, 0 when it did not reply.
	Code int
	// Temporary reports whether the same may succeed later: a reply 4xx, a
	// server that was not reached or did not answer in time.
	Temporary bool
	// Reason says in a few words what happened. It repeats nothing that the
	// server said and is fit for logs.
	Reason string
	// Reply is what the server said, in one line and without the account's
	// password. It may repeat parts of the message, so it goes only to the
	// sender of that.
	Reply string
	// Err is the cause; its text is as delicate as Reply, or more.
	Err error
}

// Error is fit for logs.
func (e *Error) Error() string {
	return fmt.Sprintf("mail server, %s: %s", e.Phase, e.Reason)
}

// Is reports whether the cause is target. The cause itself cannot be unwrapped:
// its text must not end up in a log.
func (e *Error) Is(target error) bool { return errors.Is(e.Err, target) }

// explain makes err, a failure in phase, an *Error.
func explain(a Account, phase string, err error) *Error {
	e := &Error{Phase: phase, Temporary: true, Err: err}
	if e.Code = replyCode(err); e.Code != 0 {
		e.Temporary = e.Code < 500
		e.Reason = fmt.Sprintf("the server answered %d", e.Code)
		e.Reply = redact(a, replyText(err))
		return e
	}
	e.Reason, e.Temporary = reason(err)
	return e
}

// reason returns what happened to a session that no reply ended, and whether
// a later one may succeed.
func reason(err error) (text string, temporary bool) {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	switch {
	case errors.Is(err, egress.ErrHost):
		return "the host is neither a name nor an address", false
	case errors.Is(err, egress.ErrPrivate):
		return "the host has a private address", false
	case errors.As(err, &certificate):
		return "the server's certificate could not be verified", false
	case errors.As(err, &record):
		return "the server does not speak TLS on this port", false
	case errors.Is(err, errNoAuth):
		return errNoAuth.Error(), false
	case errors.Is(err, errNoTLS):
		return errNoTLS.Error(), false
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the host's name does not exist", false
	case errors.Is(err, errTalkative):
		return errTalkative.Error(), true
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "the server did not answer in time", true
	}
	return "the connection failed or broke", true
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// replyCode returns the code of the reply that err is about, or 0.
func replyCode(err error) int {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return reply.Code
	}
	var send *mail.SendError
	if errors.As(err, &send) {
		return send.ErrorCode()
	}
	return 0
}

// replyText returns the words of the reply that err is about.
func replyText(err error) string {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return reply.Msg
	}
	return err.Error()
}

// redact makes text one short line. Servers that repeat a command they did not
// understand would repeat the password with it.
func redact(a Account, text string) string {
	text = OneLine(text)
	if a.Password != "" {
		encoded := base64.StdEncoding
		for _, secret := range []string{
			a.Password,
			encoded.EncodeToString([]byte(a.Password)),
			encoded.EncodeToString([]byte("\x00" + a.Username + "\x00" + a.Password)),
		} {
			text = strings.ReplaceAll(text, secret, "[password]")
		}
	}
	if len(text) > maxReplyText {
		text = strings.ToValidUTF8(text[:maxReplyText], "") + "…"
	}
	return text
}
