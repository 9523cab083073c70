package engine_test

import (
	"net/http"
	"testing"

	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/respond"
)

func TestUnknownTablesWithAHint(t *testing.T) {
	t.Parallel()
	s := start(t, todos, func(o *engine.Options) { o.TableNotFound, o.BareNotFound = true, true })
	for _, c := range []struct{ method, path, body, hint string }{
		{"GET", "/todoz", "", `"Perhaps you meant the table 'public.todos'"`},
		{"GET", "/todoz?select=*,nope(*)", "", `"Perhaps you meant the table 'public.todos'"`},
		{"GET", "/toxxx", "", "null"},
		{"POST", "/todoz", `{"title":"x"}`, `"Perhaps you meant the table 'public.todos'"`},
		{"POST", "/films?columns=id", `[{"id":1}]`, "null"},
		{"PATCH", "/films", `{"title":"x"}`, "null"},
		{"PUT", "/films?id=eq.1", `{"id":1}`, "null"},
		{"DELETE", "/films", "", "null"},
		{"OPTIONS", "/films", "", "null"},
	} {
		r := s.do(c.method, c.path, c.body, admin)
		name := c.path[1:6]
		want := `{"code":"PGRST205","details":null,"hint":` + c.hint + `,"message":"Could not find the table 'public.` + name + `' in the schema cache"}`
		if r.status != http.StatusNotFound || r.body != want {
			t.Errorf("%s %s: got %d %s, want %s", c.method, c.path, r.status, r.body, want)
		}
	}
	// One that was made a moment ago is looked for.
	s.sql(`CREATE TABLE films (id int PRIMARY KEY); GRANT ALL ON films TO project_admin`)
	s.want(s.do("POST", "/films", `{"id":1}`, admin), http.StatusCreated, "")
}

func TestErrorsMayBeShownWithoutDetails(t *testing.T) {
	t.Parallel()
	s := start(t, todos, func(o *engine.Options) { o.Errors = respond.Minimal })
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/todos?select=id&offset=9", http.StatusRequestedRangeNotSatisfiable, `{"code":"PGRST103","message":"Requested range not satisfiable"}`},
		{"/todos?select=nope(*)", http.StatusBadRequest, `{"code":"PGRST200","message":"Could not find a relationship between 'todos' and 'nope' in the schema cache"}`},
		{"/todos?titel=eq.x", http.StatusBadRequest, `{"code":"42703","message":"column todos.titel does not exist"}`},
	} {
		if r := s.do("GET", c.path, "", admin, "Prefer: count=exact"); r.status != c.status || r.body != c.want {
			t.Errorf("%s: got %d %s, want %d %s", c.path, r.status, r.body, c.status, c.want)
		}
	}
}
