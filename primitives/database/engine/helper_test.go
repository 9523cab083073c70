package engine_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/rs/zerolog"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// site is an engine behind HTTP on a database of its own.
type site struct {
	*testing.T
	db     *pg.DB
	engine *engine.Engine
	url    string
}

// start runs setup as the database owner and serves the result.
func start(t *testing.T, setup string, change ...func(*engine.Options)) *site {
	t.Helper()
	s := &site{T: t, db: pgtest.New(t)}
	s.sql(setup)
	o := engine.Options{Schemas: []string{"public"}, AnonRole: "anon", Aggregates: true}
	for _, f := range change {
		f(&o)
	}
	listener := pg.NewListener(s.db.OwnerDSN(), zerolog.Nop())
	var err error
	s.engine, err = engine.New(engine.Deps{Acquire: s.db.AcquireCaller, Listener: listener, Log: zerolog.Nop(), Options: o})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = listener.Run(ctx) })
	running.Go(func() { _ = s.engine.Run(ctx) })
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	s.url = server.URL
	t.Cleanup(func() {
		server.Close()
		cancel()
		running.Wait()
	})
	return s
}

// serve is the smallest mount: the headers As and Sub say who is calling.
func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	p := identity.Anonymous(identity.AnonKey)
	switch as := r.Header.Get("As"); as {
	case "":
	case "admin":
		p = identity.NewAdmin(identity.APIKey, "")
	default:
		p = identity.NewUser(as, "", nil)
	}
	t := engine.Target{Target: request.Target{Name: strings.TrimPrefix(r.URL.Path, "/")}}
	if name, ok := strings.CutPrefix(t.Name, "rpc/"); ok {
		t.Kind, t.Name = request.Function, name
	}
	if err := s.engine.Serve(w, r.WithContext(identity.With(r.Context(), p)), t); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (s *site) sql(q string) {
	s.Helper()
	err := s.db.AsOwner(context.Background(), func(tx pg.Tx) error {
		_, err := tx.Exec(context.Background(), q)
		return err
	})
	if err != nil {
		s.Fatalf("%s: %v", q, err)
	}
}

// value is the first column of a query's only row.
func (s *site) value(q string) (v string) {
	s.Helper()
	err := s.db.AsOwner(context.Background(), func(tx pg.Tx) error {
		return tx.QueryRow(context.Background(), q).Scan(&v)
	})
	if err != nil {
		s.Fatalf("%s: %v", q, err)
	}
	return v
}

type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request; headers are "Name: value".
func (s *site) do(method, path, body string, headers ...string) reply {
	s.Helper()
	r, err := s.try(method, path, body, headers...)
	if err != nil {
		s.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (s *site) try(method, path, body string, headers ...string) (reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(text)}, err
}

// code is the error code in a body.
func (r reply) code() string {
	var e struct{ Code string }
	_ = json.Unmarshal([]byte(r.body), &e) // no JSON has no code
	return e.Code
}

// want checks status and, unless empty, the error code.
func (s *site) want(r reply, status int, code string) {
	s.Helper()
	if r.status != status || r.code() != code {
		s.Errorf("got %d %q (%s), want %d %q", r.status, r.code(), r.body, status, code)
	}
}
