// Package smtptest is a mail server for tests, on loopback. It is strict:
// anything that a client sends against the rules (a bare line feed, a line
// that is too long, a command out of order, bytes beyond ASCII) fails the
// test.
package smtptest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
)

// Name is the host name in the server's certificate.
const Name = "smtp.example.com"

// The account that the server accepts unless Options name another.
const (
	Username = "mailer@example.com"
	Password = "correct horse"
)

// Special replies of Options.Reply.
const (
	// Hang keeps the client waiting until it, or the test, gives up.
	Hang = "hang"
	// Drop closes the connection without a reply.
	Drop = "drop"
)

// Options say what kind of server it is. The zero value offers STARTTLS and
// AUTH PLAIN and LOGIN, the latter only inside TLS.
type Options struct {
	ImplicitTLS bool // encrypted from the first byte
	NoTLS       bool // neither implicit nor STARTTLS
	Mechanisms  []string
	Password    string
	// Certificate replaces the one that RootCAs trusts.
	Certificate *tls.Certificate
	// Reply answers a command instead of the server; "" lets the server
	// answer. verb is GREETING, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, or
	// END for the end of a message.
	Reply func(verb, argument string) string
}

// Mail is what the server took.
type Mail struct {
	From string
	To   []string
	Data string // as sent, without dot stuffing
	TLS  bool
	User string
}

// Server is one running server.
type Server struct {
	t        testing.TB
	options  Options
	listener net.Listener
	config   *tls.Config
	roots    *x509.CertPool
	done     chan struct{}
	arrived  chan struct{} // one token per mail

	mu     sync.Mutex
	mails  []Mail
	logins int
	group  sync.WaitGroup
	conns  map[net.Conn]struct{}
}

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	certificate, roots := authority(t)
	if o.Certificate != nil {
		certificate = *o.Certificate
	}
	if o.Mechanisms == nil {
		o.Mechanisms = []string{"PLAIN", "LOGIN"}
	}
	if o.Password == "" {
		o.Password = Password
	}
	s := &Server{
		t: t, options: o, listener: listener, roots: roots,
		config: &tls.Config{Certificates: []tls.Certificate{certificate}},
		done:   make(chan struct{}), arrived: make(chan struct{}, 10_000), conns: map[net.Conn]struct{}{},
	}
	s.group.Go(s.accept)
	t.Cleanup(s.Close)
	return s
}

// Close ends the server and all its connections.
func (s *Server) Close() {
	s.mu.Lock()
	select {
	case <-s.done:
		s.mu.Unlock()
		return
	default:
	}
	close(s.done)
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.listener.Close()
	s.group.Wait()
}

// Addr is where the server listens.
func (s *Server) Addr() netip.AddrPort {
	return s.listener.Addr().(*net.TCPAddr).AddrPort()
}

// Dial connects to the server, regardless of the address; to the client the
// connection seems to lead to address. It fits egress.Guard.
func (s *Server) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	seeming, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, s.listener.Addr().String())
	if err != nil {
		return nil, err
	}
	return disguised{conn, net.TCPAddrFromAddrPort(seeming)}, nil
}

// disguised is a connection that seems to lead elsewhere.
type disguised struct {
	net.Conn
	remote net.Addr
}

// RemoteAddr implements net.Conn.
func (d disguised) RemoteAddr() net.Addr { return d.remote }

// RootCAs trusts the server's certificate.
func (s *Server) RootCAs() *x509.CertPool { return s.roots }

// Mails returns what the server took so far.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Next waits for one more mail than the calls before and returns it.
func (s *Server) Next() Mail {
	s.t.Helper()
	select {
	case <-s.arrived:
	case <-s.t.Context().Done():
		s.t.Fatal("smtptest: no mail arrived")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mails[len(s.mails)-1-len(s.arrived)]
}

// Logins is how often a client signed in with the right password.
func (s *Server) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = struct{}{}
		select {
		case <-s.done:
			conn.Close()
		default:
		}
		s.mu.Unlock()
		s.group.Go(func() {
			defer func() {
				conn.Close()
				s.mu.Lock()
				delete(s.conns, conn)
				s.mu.Unlock()
			}()
			s.serve(conn)
		})
	}
}
