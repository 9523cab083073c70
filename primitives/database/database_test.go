package database_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
	"github.com/rs/zerolog"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func build(t *testing.T, db *pg.DB) *database.Service {
	t.Helper()
	s, err := database.New(database.Deps{
		DB: db, Audit: audit.NewRecorder(pgtest.AuditToken), Events: &events.Bus{}, Token: pgtest.AuditToken, TempDir: t.TempDir(),
		MaxFileBytes: 1 << 20, MaxBodyBytes: 1 << 20, BaseURL: "https://api.example.com/base", PlainPath: "/rest/v1", Log: zerolog.Nop(), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start serves a database of its own, with the background work running.
func start(t *testing.T) (*database.Service, dbtest.Product) {
	t.Helper()
	db := pgtest.New(t)
	s := build(t, db)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the background work ended with %v, want nil", err)
		}
	})
	return s, dbtest.New(t, db, func(r rest.Router) {
		s.Mount(r)
		s.MountPlain(r.Group("/rest/v1"))
		s.MountAdvisor(r.Group("/advisor"))
	})
}

// until repeats a request until it succeeds.
func until(t *testing.T, what string, call func() resttest.Answer) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); call().Status != http.StatusOK; {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// One door leads to all parts, and a change by one is seen by the others.
func TestTheDoorLeadsToEveryPart(t *testing.T) {
	t.Parallel()
	s, p := start(t)
	p.OK(p.Call("POST", "/migrations", `{"version":"1","name":"a","sql":"CREATE TABLE todos (id int PRIMARY KEY, title text)"}`), http.StatusCreated)
	until(t, "the record layer sees the table that a migration made", func() resttest.Answer { return p.Call("GET", "/records/todos", "") })
	p.OK(p.Call("POST", "/advance/rawsql", `{"query":"INSERT INTO todos VALUES (1, 'a')"}`), http.StatusOK)
	p.Equal(p.OK(p.Call("GET", "/rest/v1/todos", ""), http.StatusOK).Body, `[{"id":1,"title":"a"}]`)
	p.Equal(p.OK(p.Call("GET", "/tables", ""), http.StatusOK).Body, `["todos"]`)
	p.OK(p.Call("GET", "/admin/tables/todos/records", ""), http.StatusOK)
	p.OK(p.Call("GET", "/policies", ""), http.StatusOK)
	p.OK(p.Call("POST", "/advance/export", `{}`), http.StatusOK)
	p.OK(p.Call("GET", "/advisor/latest", ""), http.StatusOK)
	if text := p.OK(p.Call("GET", "/rest/v1", ""), http.StatusOK).Text; !strings.Contains(text, `"basePath":"/base/rest/v1"`) {
		t.Errorf("the description does not say where the API is: %.300s", text)
	}
	names, size, err := s.Tables(t.Context())
	if err != nil || len(names) != 1 || size == 0 {
		t.Errorf("got tables %v of %d bytes (%v), want one", names, size, err)
	}
}

// What a function sets for its session does not reach the caller who gets the
// connection next.
func TestSettingsOfAFunctionEndWithItsCall(t *testing.T) {
	t.Parallel()
	_, p := start(t)
	p.ExecAdmin(`
		CREATE FUNCTION public.look() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('statement_timeout') || ' ' || current_setting('work_mem') $$;
		CREATE FUNCTION public.slow() RETURNS text LANGUAGE plpgsql AS $$ BEGIN SET work_mem = '77MB'; SET statement_timeout = '77s'; RETURN 'x'; END $$;
		CREATE FUNCTION public.short() RETURNS text LANGUAGE plpgsql AS $$ BEGIN SET statement_timeout = 1; RETURN 'x'; END $$`)
	call := func(name string) resttest.Answer { return p.CallAs(resttest.AnonKey, "POST", "/rpc/"+name, "{}") }
	until(t, "the record layer sees the functions", func() resttest.Answer { return call("look") })
	before := call("look").Text
	for _, function := range []string{"slow", "short"} {
		call(function)
		for range 10 {
			if after := call("look").Text; after != before {
				t.Fatalf("after %s: got settings %s, want %s", function, after, before)
			}
		}
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := database.New(database.Deps{}); err == nil || !strings.Contains(err.Error(), "are needed") {
		t.Errorf("got %v, want that a dependency is missing", err)
	}
}
