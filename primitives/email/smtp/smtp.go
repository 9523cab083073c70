// Package smtp hands messages to a mail server, and checks whether one
// accepts an account.
//
// A session is bounded in time and in what the server may say, connects where
// kernel/egress allows, and is encrypted: from the start on port 465, with
// STARTTLS elsewhere. Only a server at a private address, which an operator
// has to allow, may go without. The server's certificate is always verified.
package smtp

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	transport "github.com/wneessen/go-mail/smtp"

	"github.com/insforge/insforge-go/primitives/kernel/egress"
)

const (
	// implicitTLS is the port where the session starts encrypted, RFC 8314 §3.3.
	implicitTLS = 465
	// checkTimeout bounds a session of Check.
	checkTimeout = 10 * time.Second
	// SendTimeout bounds a session of Send.
	SendTimeout = 30 * time.Second
	// maxReplyBytes is how much a server may say in one session.
	maxReplyBytes = 256 << 10
)

// Account is a mail server and who signs in there.
type Account struct {
	Host               string
	Port               int
	Username, Password string
}

// Message is what a session delivers. Addresses are plain, without a name.
type Message struct {
	// ID is the left and right part of the Message-ID, without brackets.
	ID             string
	Date           time.Time
	From, FromName string
	To, CC, BCC    []string
	ReplyTo        string // may be empty
	Subject, HTML  string
}

// Client opens sessions. The zero value reaches public servers whose
// certificates the system trusts.
type Client struct {
	Guard egress.Guard
	// RootCAs replaces the system's certificate authorities unless nil.
	RootCAs *x509.CertPool
	// CheckTimeout and SendTimeout replace the package's when not zero.
	CheckTimeout, SendTimeout time.Duration
}

// Check signs in and out. It returns an *Error.
func (c Client) Check(ctx context.Context, a Account) error {
	return c.session(ctx, a, cmp.Or(c.CheckTimeout, checkTimeout), func(*transport.Client) error { return nil })
}

// Send delivers m to all its recipients or, as far as the server cooperates,
// to none. It returns an *Error, whose Temporary reports whether another try
// may succeed. After a timeout while the server held the whole message it is
// unknown whether it was delivered: another try has the same Message-ID.
func (c Client) Send(ctx context.Context, a Account, m Message) error {
	built, err := build(m)
	if err != nil {
		return &Error{Phase: "message", Reason: "the message has an address that is not valid", Err: err}
	}
	timeout := cmp.Or(c.SendTimeout, SendTimeout)
	// Its own deadline must not come before the session's, because it hides
	// why a connection broke.
	sender, err := mail.NewClient(a.Host, mail.WithTimeout(2*timeout), mail.WithoutNoop(), mail.WithoutRset())
	if err != nil {
		return &Error{Phase: "message", Reason: "the mail server's settings are not usable", Err: err}
	}
	return c.session(ctx, a, timeout, func(session *transport.Client) error {
		err := sender.SendWithSMTPClient(session, built)
		if err != nil && built.IsDelivered() {
			return nil // what failed came after the server took the message
		}
		return err
	})
}

// session connects, signs in, lets use work and says goodbye.
func (c Client) session(ctx context.Context, a Account, timeout time.Duration, use func(*transport.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := c.Guard.DialContext(ctx, "tcp", net.JoinHostPort(a.Host, strconv.Itoa(a.Port)))
	if err != nil {
		return explain(a, "connect", err)
	}
	defer conn.Close()
	// The transport has deadlines for single steps; this one is for the whole.
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	session, err := c.greet(ctx, a, conn)
	if err != nil {
		return explain(a, "connect", orDeadline(ctx, err))
	}
	if err := signIn(a, session, isPrivate(conn)); err != nil {
		return explain(a, "sign in", orDeadline(ctx, err))
	}
	if err := use(session); err != nil {
		return explain(a, "send", orDeadline(ctx, err))
	}
	_ = session.Quit() // everything is done; a server may hang up first
	return nil
}

// orDeadline adds the reason why the connection was closed under err.
func orDeadline(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// greet reads the server's greeting and introduces itself, encrypted.
func (c Client) greet(ctx context.Context, a Account, conn net.Conn) (*transport.Client, error) {
	config := &tls.Config{ServerName: a.Host, RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12}
	var wire net.Conn = &bounded{Conn: conn, left: maxReplyBytes}
	if a.Port == implicitTLS {
		secure := tls.Client(wire, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		wire = secure
	}
	session, err := transport.NewClient(wire, a.Host)
	if err != nil {
		return nil, err
	}
	if err := session.Hello(name()); err != nil {
		return nil, err
	}
	if a.Port == implicitTLS {
		return session, nil
	}
	if offered, _ := session.Extension("STARTTLS"); !offered {
		if isPrivate(conn) {
			return session, nil
		}
		return nil, errNoTLS
	}
	return session, session.StartTLS(config)
}

// name is what the client calls itself, RFC 5321 §4.1.1.1.
func name() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// signIn proves who a is with the first mechanism that the server offers.
// trusted allows those that send the password in the clear even without
// encryption.
func signIn(a Account, session *transport.Client, trusted bool) error {
	_, text := session.Extension("AUTH")
	offered := strings.Fields(text)
	for _, mechanism := range []struct {
		name string
		auth transport.Auth
	}{
		{"PLAIN", transport.PlainAuth("", a.Username, a.Password, a.Host, trusted)},
		{"LOGIN", transport.LoginAuth(a.Username, a.Password, a.Host, trusted)},
		{"SCRAM-SHA-256", transport.ScramSHA256Auth(a.Username, a.Password)},
		{"SCRAM-SHA-1", transport.ScramSHA1Auth(a.Username, a.Password)},
		{"CRAM-MD5", transport.CRAMMD5Auth(a.Username, a.Password)},
	} {
		if slices.Contains(offered, mechanism.name) {
			return session.Auth(mechanism.auth)
		}
	}
	return errNoAuth
}

// isPrivate reports whether conn leads to an address that Guard allows only if
// the operator does.
func isPrivate(conn net.Conn) bool {
	remote, ok := conn.RemoteAddr().(*net.TCPAddr)
	return ok && !egress.Public(remote.AddrPort().Addr())
}

// Why a session ended without a reply.
var (
	errNoTLS     = errors.New("the server offers no encryption")
	errNoAuth    = errors.New("the server offers no way to sign in with a password")
	errTalkative = errors.New("the server sent too much")
)

// bounded is a connection that can be read up to a number of bytes.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTalkative
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
