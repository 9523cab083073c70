package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/app/server"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Credentials that accounts knows.
const (
	apiKey     = "ik_good"
	anonKey    = "anon_good"
	userToken  = "user.user.user"
	adminToken = "admin.admin.admin"
	oddToken   = "odd.odd.odd" // of a role that the project does not know
)

// accounts is an Authenticator with one credential of each kind.
type accounts struct{}

func (accounts) APIKey(_ context.Context, key string) (identity.Principal, error) {
	if key != apiKey {
		return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthInvalidAPIKey, "Invalid API key")
	}
	return identity.NewAdmin(identity.APIKey, ""), nil
}

func (accounts) AnonKey(_ context.Context, key string) (identity.Principal, error) {
	if key != anonKey {
		return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthInvalidCredentials, "Invalid anon key")
	}
	return identity.Anonymous(identity.AnonKey), nil
}

func (accounts) AccessToken(_ context.Context, token string) (identity.Principal, error) {
	switch token {
	case userToken:
		return identity.NewUser("0190b3c8-0000-7000-8000-000000000001", "u@example.com", nil), nil
	case adminToken:
		return identity.NewAdmin(identity.Admin, "local:admin"), nil
	case oddToken:
		return identity.Principal{}, fault.New(http.StatusForbidden, fault.AuthUnauthorized, "Unknown role in token")
	}
	return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthUnauthorized, "Invalid token")
}

// site is a server under test on a port of its own.
type site struct {
	*server.Server
	url    string
	events *events.Bus
	log    *logBuffer
}

// logBuffer holds log lines; it is safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// lines returns the log lines whose message is text.
func (b *logBuffer) lines(text string) []map[string]any {
	var found []map[string]any
	for line := range strings.Lines(b.String()) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields["message"] == text {
			found = append(found, fields)
		}
	}
	return found
}

// serve starts a server with the given routes; adjust may change its Deps.
func serve(t testing.TB, routes func(rest.Router), adjust ...func(*server.Deps)) *site {
	t.Helper()
	s := &site{events: &events.Bus{}, log: &logBuffer{}}
	if routes == nil {
		routes = func(rest.Router) {}
	}
	d := server.Deps{
		Auth:              accounts{},
		Events:            s.events,
		Healthy:           func(context.Context) error { return nil },
		Routes:            routes,
		Version:           "v0.0.0-test",
		MaxJSONBody:       1 << 10,
		MaxURLEncodedBody: 1 << 8,
		KeepAlive:         time.Minute,
		Log:               zerolog.New(s.log),
		Now:               time.Now,
	}
	for _, f := range adjust {
		f(&d)
	}
	s.Server = server.New(d)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shut down: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

// answer is a response whose body was read.
type answer struct {
	*http.Response
	body string
}

// envelope decodes the body, which must be a failure.
func (a answer) envelope(t testing.TB) (e struct {
	Error, Message, NextActions string
	StatusCode                  int
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatalf("%d %q is no envelope: %v", a.StatusCode, a.body, err)
	}
	if e.StatusCode != a.StatusCode {
		t.Errorf("got statusCode %d in an answer with status %d", e.StatusCode, a.StatusCode)
	}
	return e
}

// transport makes a connection for every request: one that was dialled but
// never used would hold a shutdown up for seconds.
var transport = &http.Transport{DisableKeepAlives: true}

// do sends a request; headers are lines of the form "Name: value".
func (s *site) do(t testing.TB, method, target string, body io.Reader, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+target, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	// RoundTrip, since redirects are answers too.
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response, string(text)}
}

// raw sends bytes as they are and returns everything that comes back until
// the server closes the connection.
func (s *site) raw(t testing.TB, request string) string {
	t.Helper()
	conn := s.dial(t)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("%v after %q", err, text)
	}
	return string(text)
}

func (s *site) dial(t testing.TB) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// eventually waits until ok, and fails the test when it never is.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

// echoParams answers with the route's parameter and wildcard.
func echoParams(c rest.Context) error {
	return c.String(http.StatusOK, c.Path()+"|"+rest.Param(c, "id")+"|"+rest.Param(c, "*"))
}
