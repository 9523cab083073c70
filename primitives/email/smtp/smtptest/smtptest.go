// Package smtptest is a mail server for tests, on loopback. It is strict: what
// a client sends against the rules (a bare line feed, a line that is too long,
// a command out of order, bytes beyond ASCII) fails the test.
package smtptest

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Name is the host name in the server's certificate.
const Name = "smtp.example.com"

// The account that the server lets in unless Options name another.
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
	arrived  chan struct{} // one token a mail

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

// Dial connects to the server whatever the address; to the client the
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

// session is one connection. It ends by a panic with errEnd, recovered in serve.
type session struct {
	*Server
	conn    net.Conn
	in      *bufio.Reader
	secure  bool
	greeted bool
	user    string
	mail    *Mail
}

var errEnd = errors.New("end of session")

func (s *Server) serve(conn net.Conn) {
	c := &session{Server: s, conn: conn}
	if s.options.ImplicitTLS {
		c.conn, c.secure = tls.Server(conn, s.config), true
	}
	c.in = bufio.NewReader(c.conn)
	defer func() {
		if r := recover(); r != nil && r != any(errEnd) {
			panic(r)
		}
	}()
	c.answer("GREETING", "", func() { c.reply("220 " + Name + " ESMTP") })
	for {
		verb, argument, _ := strings.Cut(c.line(512), " ")
		verb = strings.ToUpper(verb)
		c.answer(verb, argument, func() { c.command(verb, argument) })
		if verb == "QUIT" {
			return
		}
	}
}

// answer lets Options.Reply answer, or else does what the server does.
func (c *session) answer(verb, argument string, usual func()) {
	text := ""
	if c.options.Reply != nil {
		text = c.options.Reply(verb, argument)
	}
	switch text {
	case "":
		usual()
	case Hang:
		_, _ = io.Copy(io.Discard, c.in) // until the client or the server closes
		panic(errEnd)
	case Drop:
		panic(errEnd)
	default:
		c.reply(text)
	}
}

func (c *session) reply(lines ...string) {
	if _, err := io.WriteString(c.conn, strings.Join(lines, "\r\n")+"\r\n"); err != nil {
		panic(errEnd)
	}
}

// line reads one line of at most limit bytes with its CRLF.
func (c *session) line(limit int) string {
	text, err := c.in.ReadString('\n')
	if err != nil {
		panic(errEnd)
	}
	if strings.HasPrefix(text, "\x16\x03") {
		panic(errEnd) // a client that begins TLS where there is none
	}
	body, ok := strings.CutSuffix(text, "\r\n")
	if !ok || strings.ContainsAny(body, "\r\x00") {
		c.violation("a line does not end with CRLF alone: %q", text)
	}
	if len(text) > limit {
		c.violation("a line of %d bytes, the limit is %d", len(text), limit)
	}
	if strings.ContainsFunc(body, func(r rune) bool { return r > 126 }) {
		c.violation("bytes beyond ASCII: %q", text)
	}
	return body
}

func (c *session) violation(format string, args ...any) {
	c.t.Errorf("smtptest: "+format, args...)
	panic(errEnd)
}

func (c *session) command(verb, argument string) {
	switch verb {
	case "EHLO":
		c.hello(argument)
	case "STARTTLS":
		c.startTLS()
	case "AUTH":
		c.auth(argument)
	case "MAIL":
		c.from(argument)
	case "RCPT":
		c.to(argument)
	case "DATA":
		c.data()
	case "RSET":
		c.mail = nil
		c.reply("250 ok")
	case "QUIT":
		c.reply("221 bye")
	default:
		c.reply("500 what is " + verb)
	}
}

func (c *session) hello(name string) {
	if name == "" {
		c.violation("EHLO without a name")
	}
	c.greeted = true
	lines := []string{Name, "ENHANCEDSTATUSCODES"}
	if !c.secure && !c.options.NoTLS {
		lines = append(lines, "STARTTLS")
	}
	if c.secure || c.options.NoTLS {
		lines = append(lines, "AUTH "+strings.Join(c.options.Mechanisms, " "))
	}
	for i, line := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		lines[i] = "250" + separator + line
	}
	c.reply(lines...)
}

func (c *session) startTLS() {
	if c.secure || c.options.NoTLS || !c.greeted {
		c.violation("STARTTLS out of order")
	}
	c.reply("220 go ahead")
	if c.in.Buffered() > 0 {
		c.violation("the client sent something between STARTTLS and TLS")
	}
	secure := tls.Server(c.conn, c.config)
	c.conn, c.in, c.secure, c.greeted = secure, bufio.NewReader(secure), true, false
}

func (c *session) auth(argument string) {
	if !c.greeted || c.user != "" {
		c.violation("AUTH out of order")
	}
	mechanism, initial, _ := strings.Cut(argument, " ")
	if !slices.Contains(c.options.Mechanisms, mechanism) {
		c.violation("AUTH with %q, which was not offered", mechanism)
	}
	var user, password string
	switch mechanism {
	case "PLAIN":
		parts := strings.Split(c.decode(initial), "\x00")
		if len(parts) != 3 || parts[0] != "" {
			c.violation("AUTH PLAIN with %q", parts)
		}
		user, password = parts[1], parts[2]
	case "LOGIN":
		c.reply("334 " + base64.StdEncoding.EncodeToString([]byte("Username:")))
		user = c.decode(c.line(512))
		c.reply("334 " + base64.StdEncoding.EncodeToString([]byte("Password:")))
		password = c.decode(c.line(512))
	default:
		c.violation("mechanism %s is offered but not implemented", mechanism)
	}
	if user != Username || password != c.options.Password {
		c.reply("535 5.7.8 authentication failed")
		return
	}
	c.user = user
	c.mu.Lock()
	c.logins++
	c.mu.Unlock()
	c.reply("235 2.7.0 welcome")
}

func (c *session) decode(text string) string {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		c.violation("%q is not base64", text)
	}
	return string(raw)
}

// path returns the address of "FROM:<a@b>" or "TO:<a@b>".
func (c *session) path(keyword, argument string) string {
	rest, ok := strings.CutPrefix(argument, keyword+":<")
	address, parameters, closed := strings.Cut(rest, ">")
	if !ok || !closed || parameters != "" || strings.ContainsAny(address, " \t<") {
		c.violation("malformed path %q", argument)
	}
	return address
}

func (c *session) from(argument string) {
	if c.user == "" || c.mail != nil {
		c.violation("MAIL out of order")
	}
	c.mail = &Mail{From: c.path("FROM", argument), TLS: c.secure, User: c.user}
	c.reply("250 2.1.0 ok")
}

func (c *session) to(argument string) {
	if c.mail == nil {
		c.violation("RCPT out of order")
	}
	c.mail.To = append(c.mail.To, c.path("TO", argument))
	c.reply("250 2.1.5 ok")
}

func (c *session) data() {
	if c.mail == nil || len(c.mail.To) == 0 {
		c.violation("DATA out of order")
	}
	c.reply("354 go ahead")
	var text strings.Builder
	for line := c.line(1000); line != "."; line = c.line(1000) {
		text.WriteString(strings.TrimPrefix(line, "."))
		text.WriteString("\r\n")
	}
	done := c.mail
	done.Data, c.mail = text.String(), nil
	c.answer("END", "", func() {
		c.mu.Lock()
		c.mails = append(c.mails, *done)
		c.mu.Unlock()
		c.arrived <- struct{}{}
		c.reply(fmt.Sprintf("250 2.0.0 taken, %d bytes", len(done.Data)))
	})
}
