package smtptest

import (
	"bufio"
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
)

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
	case "CRAM-MD5":
		const challenge = "<1.2@smtp.example.com>"
		c.reply("334 " + base64.StdEncoding.EncodeToString([]byte(challenge)))
		mac := hmac.New(md5.New, []byte(c.options.Password))
		mac.Write([]byte(challenge))
		name, digest, _ := strings.Cut(c.decode(c.line(512)), " ")
		if user = name; digest == hex.EncodeToString(mac.Sum(nil)) {
			password = c.options.Password
		}
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
