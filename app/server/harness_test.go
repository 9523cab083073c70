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
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// The credentials of resttest.Callers without their scheme.
var (
	apiKey     = bare(resttest.APIKey)
	anonKey    = bare(resttest.AnonKey)
	userToken  = bare(resttest.UserToken)
	adminToken = bare(resttest.AdminToken)
	oddToken   = bare(resttest.OddToken)
)

func bare(authorization string) string { return strings.TrimPrefix(authorization, "Bearer ") }

// site is a server under test on its own port.
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
		Auth:              resttest.Callers{},
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

// transport makes a connection for every request: one that was dialled but
// never used would hold a shutdown up for seconds.
var transport = &http.Transport{DisableKeepAlives: true}

// do sends a request; headers are lines of the form "Name: value".
func (s *site) do(t testing.TB, method, target string, body io.Reader, headers ...string) resttest.Answer {
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
	return resttest.Read(t, response)
}

// raw sends bytes unchanged and returns everything that comes back until the
// server closes the connection.
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
