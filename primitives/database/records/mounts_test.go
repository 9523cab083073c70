package records_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/kernel/events"
)

// mounts are where tables are served, and where functions. Parameter extra and
// header name the schema extra.
var mounts = []struct{ name, tables, functions, extra, header string }{
	{"the InsForge API", "/api/database/records", "/api/database/rpc", "&schema=extra", ""},
	{"plain PostgREST", "/rest/v1", "/rest/v1/rpc", "", "extra"},
}

func TestBothMountsAnswerAlike(t *testing.T) {
	t.Parallel()
	const returned = "Prefer: return=representation"
	for _, mount := range mounts {
		p := start(t, setup)
		notes, add := mount.tables+"/notes", mount.functions+"/add"
		if w := p.send("POST", notes, `{"title":"mine"}`, alice); w.Code != http.StatusCreated {
			t.Fatalf("%s: insert: %d %s", mount.name, w.Code, w.Body)
		}
		for _, c := range []struct {
			name, method, path, body, token string
			status                          int
			want                            string
			headers                         []string
		}{
			{"the owner sees her row", "GET", notes + "?select=title", "", alice, 200, `[{"title":"mine"}]`, nil},
			{"another user does not", "GET", notes + "?select=title", "", bob, 200, `[]`, nil},
			{"the anonymous caller does not", "GET", notes + "?select=title", "", "anon_test", 200, `[]`, nil},
			{"the API key does", "GET", notes + "?select=title", "", "ik_test", 200, `[{"title":"mine"}]`, nil},
			{"a row of another is refused", "POST", notes, `{"owner":"` + bob + `"}`, alice, 403, "", nil},
			{"a row of the anonymous is refused", "POST", notes, `{"title":"x"}`, "anon_test", 401, "", nil},
			{"without a credential", "GET", notes, "", "", 401, "AUTH_INVALID_CREDENTIALS", nil},
			{"without a credential, a call", "POST", add, `{"a":1}`, "", 401, "AUTH_INVALID_CREDENTIALS", nil},
			{"with a bad token", "GET", notes, "", "nobody", 401, "AUTH_UNAUTHORIZED", nil},
			{"with a bad key", "GET", notes, "", "ik_bad", 401, "AUTH_INVALID_API_KEY", nil},
			{"a body over the limit", "POST", notes, `{"title":"` + strings.Repeat("x", 1<<17) + `"}`, "ik_test", 413, "INVALID_INPUT", nil},
			{"a malformed body", "POST", notes, `{"title"`, "ik_test", 400, "", nil},
			{"numbers keep their digits", "POST", notes + "?select=title", `{"title":"12345678901234567890.10"}`, "ik_test", 201, `[{"title":"12345678901234567890.10"}]`, []string{returned}},
			{"a call", "POST", add, `{"a":2}`, "ik_test", 200, `3`, nil},
			{"a call by GET", "GET", add + "?a=2&b=5", "", "ik_test", 200, `7`, nil},
			{"a call that writes, by GET", "GET", mount.functions + "/act", "", "ik_test", 405, "", nil},
			{"a call that returns nothing", "POST", mount.functions + "/nothing", `{}`, "ik_test", 204, "", nil},
			{"an unknown function", "POST", mount.functions + "/nope", `{}`, "ik_test", 404, "", nil},
		} {
			w := p.send(c.method, c.path, c.body, c.token, c.headers...)
			got := code(w)
			if w.Code != c.status || c.want != "" && got != c.want || w.Code == http.StatusNoContent && got != "" {
				t.Errorf("%s: %s: got %d %s, want %d %s", mount.name, c.name, w.Code, got, c.status, c.want)
			}
		}
	}
}

func TestOnlySuccessfulWritesAreAnnounced(t *testing.T) {
	t.Parallel()
	for _, mount := range mounts {
		p := start(t, setup)
		p.send("GET", mount.tables+"/notes", "", "ik_test")
		p.send("POST", mount.tables+"/notes", `{"id":"x"}`, "ik_test")
		p.send("POST", mount.functions+"/act", `{}`, "ik_test")
		p.send("DELETE", mount.tables+"/things?id=eq.1"+mount.extra, "", "ik_test", "Content-Profile: "+mount.header)
		want := events.DataUpdate{Resource: events.Database, Changes: []events.Change{{Type: "records", Name: "extra.things"}}}
		if diff := cmp.Diff(events.Event(want), <-p.news.C()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", mount.name, diff)
		}
		select {
		case e := <-p.news.C():
			t.Errorf("%s: another event: %+v", mount.name, e)
		default:
		}
	}
}
