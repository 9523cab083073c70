package smtp_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/email/smtp"
	"github.com/insforge/insforge-go/primitives/email/smtp/smtptest"
	"github.com/insforge/insforge-go/primitives/kernel/egress"
)

// names resolves every name to one address.
type names string

func (n names) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr(string(n))}, nil
}

// public is a client for which server seems to be on the internet.
func public(s *smtptest.Server) smtp.Client {
	return smtp.Client{RootCAs: s.RootCAs(), Guard: egress.Guard{Resolver: names("8.8.8.8"), Dial: s.Dial}}
}

func account(port int) smtp.Account {
	return smtp.Account{Host: smtptest.Name, Port: port, Username: smtptest.Username, Password: smtptest.Password}
}

func message() smtp.Message {
	return smtp.Message{
		ID: "1@example.com", Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		From: "no-reply@example.com", FromName: "Shop",
		To: []string{"a@example.com"}, Subject: "Hello", HTML: "<p>Hello</p>",
	}
}

// failure returns the *smtp.Error in err.
func failure(t *testing.T, err error) *smtp.Error {
	t.Helper()
	var e *smtp.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *smtp.Error", err)
	}
	return e
}

func TestSendIsEncryptedAndSignedIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options smtptest.Options
		port    int
	}{
		"STARTTLS, PLAIN":     {smtptest.Options{}, 587},
		"STARTTLS, LOGIN":     {smtptest.Options{Mechanisms: []string{"XOAUTH2", "NTLM", "LOGIN"}}, 2525},
		"STARTTLS, CRAM-MD5":  {smtptest.Options{Mechanisms: []string{"XOAUTH2", "CRAM-MD5"}}, 25},
		"implicit TLS, PLAIN": {smtptest.Options{ImplicitTLS: true, Mechanisms: []string{"SCRAM-SHA-256", "PLAIN"}}, 465},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := smtptest.New(t, c.options)
			client := public(s)
			if err := client.Check(t.Context(), account(c.port)); err != nil {
				t.Fatal(err)
			}
			if s.Logins() != 1 || len(s.Mails()) != 0 {
				t.Errorf("got %d logins and %d mails, want a login alone", s.Logins(), len(s.Mails()))
			}
			m := message()
			m.CC, m.BCC, m.ReplyTo = []string{"c@example.com"}, []string{"hidden@example.com"}, "answers@example.com"
			if err := client.Send(t.Context(), account(c.port), m); err != nil {
				t.Fatal(err)
			}
			got := s.Next()
			if !got.TLS || got.User != smtptest.Username || got.From != "no-reply@example.com" {
				t.Errorf("got %+v, want it encrypted and signed in", got)
			}
			if diff := cmp.Diff([]string{"a@example.com", "c@example.com", "hidden@example.com"}, got.To); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(got.Data, "hidden") {
				t.Error("the blind copy is named in the message")
			}
			parsed := parse(t, got.Data)
			for header, want := range map[string]string{
				"From": `"Shop" <no-reply@example.com>`, "To": "<a@example.com>", "Cc": "<c@example.com>",
				"Reply-To": "<answers@example.com>", "Subject": "Hello", "Message-Id": "<1@example.com>",
				"Date": "Fri, 02 Jan 2026 03:04:05 +0000", "Content-Type": "text/html; charset=UTF-8",
			} {
				if got := parsed.Header.Get(header); got != want {
					t.Errorf("%s: got %q, want %q", header, got, want)
				}
			}
		})
	}
}

func parse(t *testing.T, data string) *mail.Message {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestNothingInAMessageMakesAHeader sends hostile values in every field and
// compares the headers that arrive with those of a harmless message.
func TestNothingInAMessageMakesAHeader(t *testing.T) {
	t.Parallel()
	s := smtptest.New(t, smtptest.Options{})
	if err := public(s).Send(t.Context(), account(587), message()); err != nil {
		t.Fatal(err)
	}
	usual := headers(parse(t, s.Next().Data))
	for _, hostile := range []string{
		"x\r\nBcc: victim@example.org", "x\nBcc: victim@example.org", "x\rBcc: victim@example.org",
		"x\r\n\r\n<b>body</b>", "x\r\n.\r\nMAIL FROM:<e@example.org>", "x\u2028Bcc: victim@example.org",
		"x\x00\r\nBcc: v@example.org", "x\x0b\x0cBcc: v@example.org", "=?utf-8?q?x=0D=0ABcc:_v@example.org?=",
		"\r\n Bcc: v@example.org", strings.Repeat("long ", 2000) + "\r\nBcc: v@example.org", "äöü\r\nBcc: v@example.org 日本語",
		"\"\r\nBcc: v@example.org\"", "x\xff\xfe\r\nBcc: v@example.org", "\"quoted\" <evil@example.org>, b@example.org",
	} {
		m := message()
		m.Subject, m.FromName, m.HTML = hostile, hostile, hostile+"\n.\n..\r.\r\n"
		if err := public(s).Send(t.Context(), account(587), m); err != nil {
			t.Errorf("%q: %v", hostile, err)
			continue
		}
		got := s.Next()
		if diff := cmp.Diff([]string{"a@example.com"}, got.To); diff != "" {
			t.Errorf("%q: recipients: %s", hostile, diff)
		}
		parsed := parse(t, got.Data)
		if diff := cmp.Diff(usual, headers(parsed)); diff != "" {
			t.Errorf("%q: headers: %s", hostile, diff)
		}
		from, err := parsed.Header.AddressList("From")
		if err != nil || len(from) != 1 || from[0].Address != "no-reply@example.com" {
			t.Errorf("%q: got sender %v, %v", hostile, from, err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
		if err != nil || strings.ContainsAny(subject, "\r\n\x00") {
			t.Errorf("%q: got subject %q, %v", hostile, subject, err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(parsed.Body))
		if err != nil || !strings.Contains(string(body), "..") {
			t.Errorf("%q: got body %q, %v, want the dots kept", hostile, body, err)
		}
	}
	for _, hostile := range []string{"a@example.com\r\nRCPT TO:<v@example.org>", "a@example.com>\r\nDATA", "a@example.com, b@example.com", "<>", "", "a b@example.com\x00"} {
		for _, set := range []func(*smtp.Message){
			func(m *smtp.Message) { m.To = []string{hostile} },
			func(m *smtp.Message) { m.CC = []string{hostile} },
			func(m *smtp.Message) { m.BCC = []string{hostile} },
			func(m *smtp.Message) { m.From = hostile },
			func(m *smtp.Message) { m.ReplyTo = hostile + "\r\n" },
		} {
			m := message()
			set(&m)
			if e := failure(t, public(s).Send(t.Context(), account(587), m)); e.Phase != "message" || e.Temporary {
				t.Errorf("%q: got %+v, want it refused before anything is sent", hostile, e)
			}
		}
	}
}

func headers(m *mail.Message) map[string]int {
	out := map[string]int{}
	for name, values := range m.Header {
		out[name] = len(values)
	}
	return out
}

func TestWhatServersAnswer(t *testing.T) {
	t.Parallel()
	on := func(verb, reply string) func(string, string) string {
		return func(v, _ string) string {
			if v == verb {
				return reply
			}
			return ""
		}
	}
	for name, c := range map[string]struct {
		options   smtptest.Options
		port      int
		phase     string
		code      int
		temporary bool
		reason    string
	}{
		"greylisted":              {smtptest.Options{Reply: on("RCPT", "451 4.7.1 come back later")}, 587, "send", 451, true, "answered 451"},
		"mailbox full":            {smtptest.Options{Reply: on("RCPT", "452 4.2.2 full")}, 587, "send", 452, true, "answered 452"},
		"unknown recipient":       {smtptest.Options{Reply: on("RCPT", "550 5.1.1 unknown")}, 587, "send", 550, false, "answered 550"},
		"sender refused":          {smtptest.Options{Reply: on("MAIL", "553 5.7.1 not yours")}, 587, "send", 553, false, "answered 553"},
		"content refused":         {smtptest.Options{Reply: on("END", "554 5.6.0 spam")}, 587, "send", 554, false, "answered 554"},
		"content deferred":        {smtptest.Options{Reply: on("END", "451 4.3.0 try later")}, 587, "send", 451, true, "answered 451"},
		"too busy":                {smtptest.Options{Reply: on("GREETING", "421 4.3.2 busy")}, 587, "connect", 421, true, "answered 421"},
		"not for you":             {smtptest.Options{Reply: on("GREETING", "554 no")}, 587, "connect", 554, false, "answered 554"},
		"wrong password":          {smtptest.Options{Password: "another"}, 587, "sign in", 535, false, "answered 535"},
		"sign-in is down":         {smtptest.Options{Reply: on("AUTH", "454 4.7.0 later")}, 587, "sign in", 454, true, "answered 454"},
		"no usable mechanism":     {smtptest.Options{Mechanisms: []string{"XOAUTH2"}}, 587, "sign in", 0, false, "no way to sign in"},
		"no encryption":           {smtptest.Options{NoTLS: true}, 587, "connect", 0, false, "no encryption"},
		"STARTTLS refused":        {smtptest.Options{Reply: on("STARTTLS", "454 4.7.0 not now")}, 587, "connect", 454, true, "answered 454"},
		"no TLS where it must be": {smtptest.Options{}, 465, "connect", 0, false, "does not speak TLS"},
		"dropped at the greeting": {smtptest.Options{Reply: on("GREETING", smtptest.Drop)}, 587, "connect", 0, true, "failed or broke"},
		"dropped in the message":  {smtptest.Options{Reply: on("END", smtptest.Drop)}, 587, "send", 0, true, "failed or broke"},
		"slow greeting":           {smtptest.Options{Reply: on("GREETING", smtptest.Hang)}, 587, "connect", 0, true, "in time"},
		"hangs at sign-in":        {smtptest.Options{Reply: on("AUTH", smtptest.Hang)}, 587, "sign in", 0, true, "in time"},
		"hangs after the message": {smtptest.Options{Reply: on("END", smtptest.Hang)}, 587, "send", 0, true, "in time"},
		"hangs before TLS":        {smtptest.Options{Reply: on("GREETING", smtptest.Hang)}, 465, "connect", 0, true, "in time"},
		"talks without end":       {smtptest.Options{Reply: on("EHLO", strings.Repeat("250-x\r\n", 60_000)+"250 x")}, 587, "connect", 0, true, "sent too much"},
		"one endless line":        {smtptest.Options{Reply: on("GREETING", "220 "+strings.Repeat("x", 1<<20))}, 587, "connect", 0, true, "sent too much"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The time runs out when the server is at the point that matters.
			ctx := &expiring{Context: t.Context(), done: make(chan struct{})}
			if reply := c.options.Reply; c.reason == "in time" {
				c.options.Reply = func(verb, argument string) string {
					text := reply(verb, argument)
					if text == smtptest.Hang {
						close(ctx.done)
					}
					return text
				}
			}
			client := public(smtptest.New(t, c.options))
			client.SendTimeout = time.Hour
			e := failure(t, client.Send(ctx, account(c.port), message()))
			if e.Phase != c.phase || e.Code != c.code || e.Temporary != c.temporary || !strings.Contains(e.Reason, c.reason) {
				t.Errorf("got phase %q, code %d, temporary %t, reason %q, want %q, %d, %t, %q (cause %v)",
					e.Phase, e.Code, e.Temporary, e.Reason, c.phase, c.code, c.temporary, c.reason, e.Err)
			}
		})
	}
}

// expiring is a context whose deadline comes when done is closed.
type expiring struct {
	context.Context
	done chan struct{}
}

func (e *expiring) Done() <-chan struct{} { return e.done }

func (e *expiring) Err() error {
	select {
	case <-e.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// TestASessionEndsInTimeWhateverTheServerDoes has a server that says something
// now and then, which moves the deadlines of single steps.
func TestASessionEndsInTimeWhateverTheServerDoes(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			for tick := time.NewTicker(5 * time.Millisecond); err == nil; <-tick.C { // until the client gives up
				_, err = io.WriteString(conn, "220-wait\r\n")
			}
			conn.Close()
		}
	})
	const limit = 300 * time.Millisecond
	client := smtp.Client{CheckTimeout: limit, SendTimeout: limit, Guard: egress.Guard{AllowPrivate: true}}
	a := account(int(listener.Addr().(*net.TCPAddr).Port))
	a.Host = "127.0.0.1"
	for name, err := range map[string]error{"check": client.Check(t.Context(), a), "send": client.Send(t.Context(), a, message())} {
		if e := failure(t, err); !e.Temporary || !errors.Is(e, context.DeadlineExceeded) || !strings.Contains(e.Reason, "in time") {
			t.Errorf("%s: got %+v, want the time to have run out", name, e)
		}
	}
	listener.Close()
	group.Wait()
}

func TestAMessageThatWasTakenIsDeliveredWhateverComesAfter(t *testing.T) {
	t.Parallel()
	s := smtptest.New(t, smtptest.Options{Reply: func(verb, _ string) string {
		if verb == "QUIT" || verb == "RSET" || verb == "NOOP" {
			return smtptest.Drop
		}
		return ""
	}})
	if err := public(s).Send(t.Context(), account(587), message()); err != nil {
		t.Error(err)
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	for name, port := range map[string]int{"STARTTLS": 587, "implicit": 465} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := smtptest.New(t, smtptest.Options{ImplicitTLS: port == 465})
			stranger := public(s)
			stranger.RootCAs = smtptest.New(t, smtptest.Options{}).RootCAs()
			if e := failure(t, stranger.Check(t.Context(), account(port))); e.Temporary || !strings.Contains(e.Reason, "certificate") {
				t.Errorf("got %+v, want an unknown authority refused", e)
			}
			other := account(port)
			other.Host = "other.example.com"
			if e := failure(t, public(s).Check(t.Context(), other)); e.Temporary || !strings.Contains(e.Reason, "certificate") {
				t.Errorf("got %+v, want a certificate of another name refused", e)
			}
			if s.Logins() != 0 {
				t.Error("the password was sent all the same")
			}
		})
	}
}

func TestPlainTextIsForPrivateServersOnly(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []string{"PLAIN", "LOGIN"} {
		s := smtptest.New(t, smtptest.Options{NoTLS: true, Mechanisms: []string{mechanism}})
		client := smtp.Client{Guard: egress.Guard{AllowPrivate: true, Resolver: names("10.1.2.3"), Dial: s.Dial}}
		if err := client.Send(t.Context(), account(2525), message()); err != nil {
			t.Fatalf("%s: %v", mechanism, err)
		}
		if got := s.Next(); got.TLS || got.User == "" {
			t.Errorf("%s: got %+v, want it signed in without TLS", mechanism, got)
		}
		client.Guard.AllowPrivate = false
		if e := failure(t, client.Send(t.Context(), account(2525), message())); e.Temporary || !errors.Is(e, egress.ErrPrivate) {
			t.Errorf("got %+v, want ErrPrivate", e)
		}
		client.Guard.AllowPrivate, client.Guard.Resolver = true, names("8.8.8.8")
		if e := failure(t, client.Send(t.Context(), account(2525), message())); !strings.Contains(e.Reason, "no encryption") {
			t.Errorf("got %+v, want a public server without encryption refused", e)
		}
		if s.Logins() != 1 {
			t.Errorf("got %d logins, want the one", s.Logins())
		}
	}
}

func TestThePasswordIsInNoError(t *testing.T) {
	t.Parallel()
	encode := base64.StdEncoding.EncodeToString
	for _, echo := range []string{
		smtptest.Password,
		encode([]byte(smtptest.Password)),
		encode([]byte("\x00" + smtptest.Username + "\x00" + smtptest.Password)),
	} {
		s := smtptest.New(t, smtptest.Options{Reply: func(verb, _ string) string {
			if verb == "AUTH" {
				return "500 unrecognized command: AUTH PLAIN " + echo + " " + strings.Repeat("x", 5000)
			}
			return ""
		}})
		e := failure(t, public(s).Check(t.Context(), account(587)))
		if e.Code != 500 || !strings.Contains(e.Reply, "unrecognized command") || strings.Contains(e.Reply, echo) || len(e.Reply) > 400 {
			t.Errorf("got reply %q, want it without the password and short", e.Reply)
		}
		if strings.Contains(e.Error(), "unrecognized") || errors.Unwrap(e) != nil {
			t.Errorf("got %q, want an error text without the server's words", e.Error())
		}
	}
}

func TestAnUnreachableServerIsTemporary(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	client := smtp.Client{Guard: egress.Guard{Resolver: names("8.8.8.8"), Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, listener.Addr().String())
	}}}
	if e := failure(t, client.Send(t.Context(), account(587), message())); e.Phase != "connect" || !e.Temporary {
		t.Errorf("got %+v, want a temporary failure to connect", e)
	}
	unknown := smtp.Client{Guard: egress.Guard{Resolver: nowhere{}}}
	if e := failure(t, unknown.Check(t.Context(), account(587))); e.Temporary || !strings.Contains(e.Reason, "does not exist") {
		t.Errorf("got %+v, want a name that does not exist", e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := smtptest.New(t, smtptest.Options{})
	if e := failure(t, public(s).Check(ctx, account(587))); !errors.Is(e, context.Canceled) {
		t.Errorf("got %+v, want context.Canceled", e)
	}
}

// nowhere knows no name.
type nowhere struct{}

func (nowhere) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}
