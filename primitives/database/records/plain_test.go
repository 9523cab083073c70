package records_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// plain sends a request to the mount of plain PostgREST.
func (p product) plain(method, path, body, token string, headers ...string) *httptest.ResponseRecorder {
	p.Helper()
	return p.send(method, "/rest/v1"+path, body, token, headers...)
}

func TestPlainMountTakesTheCredentialsOfItsLibraries(t *testing.T) {
	t.Parallel()
	p := start(t, setup)
	if w := p.plain("GET", "/notes", "", "", "apikey: ik_test"); w.Code != http.StatusOK {
		t.Errorf("with the header apikey: got %d %s, want 200", w.Code, w.Body)
	}
	if w := p.plain("GET", "", "", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("the root without a credential: got %d %s, want 401", w.Code, w.Body)
	}
}

func TestPlainMountIsPostgREST(t *testing.T) {
	t.Parallel()
	p := start(t, setup)
	const returned = "Prefer: return=representation"
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		want                     string
		header                   map[string]string
	}{
		{"an empty string stays, for Postgres to judge", "POST", "/notes", `{"at":""}`, nil, 400, "", nil},
		{"an empty string in a text column", "POST", "/notes?select=title", `{"title":""}`, []string{returned}, 201, `[{"title":""}]`, nil},
		{"nothing returned has no body", "POST", "/notes", `{"id":50}`, nil, 201, ``, nil},
		{"Location is below the mount", "POST", "/notes", `{"id":51}`, []string{"Prefer: return=headers-only"}, 201, ``, map[string]string{"Location": "/notes?id=eq.51"}},
		{"Content-Location is below the mount", "GET", "/notes?select=id&id=eq.51", "", nil, 200, `[{"id":51}]`, map[string]string{"Content-Location": "/notes?id=eq.51&select=id"}},
		{"a CSV body", "POST", "/notes?select=title,n", "title,n\nc,3\nd,NULL", []string{"Content-Type: text/csv", "Accept: text/csv", returned}, 201, "title,n\nc,3\nd,", nil},
		{"a form body", "POST", "/notes?select=title", "title=f", []string{"Content-Type: application/x-www-form-urlencoded", returned}, 201, `[{"title":"f"}]`, nil},
		{"a CSV answer", "GET", "/notes?select=title,n&title=eq.c", "", []string{"Accept: text/csv"}, 200, "title,n\nc,3", map[string]string{"Content-Type": "text/csv; charset=utf-8"}},
		{"one object", "GET", "/notes?select=title&title=eq.c", "", []string{"Accept: application/vnd.pgrst.object+json"}, 200, `{"title":"c"}`, nil},
		{"a range with its count", "GET", "/things?select=id&order=id", "", []string{"Accept-Profile: extra", "Range: 0-1", "Prefer: count=exact"}, 206, "", map[string]string{"Content-Range": "0-1/3", "Content-Profile": "extra"}},
		{"schema is a filter here", "GET", "/things?schema=eq.x", "", []string{"Accept-Profile: extra"}, 400, "", nil},
		{"a schema that is not served", "GET", "/notes", "", []string{"Accept-Profile: auth"}, 406, "", nil},
		{"a write's profile header", "POST", "/things", `{"id":7}`, []string{"Content-Profile: extra", returned}, 201, `[{"id":7}]`, nil},
		{"HEAD has no body", "HEAD", "/notes?title=eq.c", "", []string{"Prefer: count=exact"}, 200, ``, map[string]string{"Content-Range": "0-0/1"}},
		{"PUT", "PUT", "/notes?id=eq.51", `{"id":51,"owner":null,"title":"put","n":1,"at":null}`, nil, 204, ``, nil},
		{"an unknown table", "GET", "/nope", "", nil, 404, "", nil},
		{"a name with a quote is only unknown", "GET", "/a%22b", "", nil, 404, "", nil},
		{"a method that calls do not have", "DELETE", "/rpc/add", "", nil, 405, "", nil},
		{"a method that the root does not have", "POST", "", `{}`, nil, 405, "", nil},
	} {
		w := p.plain(c.method, c.path, c.body, "ik_test", c.headers...)
		if got := code(w); w.Code != c.status || c.want != "" && got != c.want {
			t.Errorf("%s: got %d %s, want %d %s", c.name, w.Code, got, c.status, c.want)
		} else if c.want == "" && c.status < 300 && c.status != 206 && got != "" {
			t.Errorf("%s: got the body %s, want none", c.name, got)
		}
		for name, want := range c.header {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: got %s %q, want %q", c.name, name, got, want)
			}
		}
	}
}

func TestRootOfThePlainMountIsTheOpenAPIDocument(t *testing.T) {
	t.Parallel()
	p := start(t, setup)
	for token, sees := range map[string]bool{"ik_test": true, "anon_test": true} {
		w := p.plain("GET", "", "", token)
		var doc struct {
			Swagger, Host, BasePath string
			Paths                   map[string]any
		}
		if err := json.Unmarshal(w.Body.Bytes(), &doc); w.Code != http.StatusOK || err != nil {
			t.Fatalf("got %d %s: %v", w.Code, w.Body, err)
		}
		if doc.Swagger != "2.0" || doc.Host != "api.example:443" || doc.BasePath != "/rest/v1" {
			t.Errorf("got %s at %s%s, want 2.0 at api.example:443/rest/v1", doc.Swagger, doc.Host, doc.BasePath)
		}
		for _, path := range []string{"/", "/notes", "/rpc/add"} {
			if (doc.Paths[path] != nil) != sees {
				t.Errorf("%s: path %s: got %v, want %v", token, path, doc.Paths[path] != nil, sees)
			}
		}
		if doc.Paths["/things"] != nil {
			t.Error("a table of another schema is listed")
		}
	}
}
