package server_test

import (
	"net/http"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

func pathRoutes(r rest.Router) {
	r.GET("/api/things", rest.Public, echoParams)
	r.GET("/api/things/:id", rest.Public, echoParams)
	r.POST("/api/things/special", rest.Public, echoParams)
	r.GET("/api/things/:id/parts", rest.Public, echoParams)
	r.GET("/api/things/fixed/other", rest.Public, echoParams)
	r.DELETE("/api/things/:id/parts/:part", rest.Public, echoParams)
	r.GET("/api/files", rest.Public, echoParams)
	r.GET("/api/files/:id/*", rest.Public, echoParams)
	r.PUT("/functions/:id", rest.Public, echoParams)
}

func TestPathsAreMatchedAsTheContractHasIt(t *testing.T) {
	t.Parallel()
	s := serve(t, pathRoutes)
	for _, tt := range []struct{ name, method, path, want string }{
		{"a fixed path", "GET", "/api/things", "/api/things||"},
		{"letter case does not matter", "GET", "/API/Things", "/api/things||"},
		{"one trailing slash is forgiven", "GET", "/api/things/", "/api/things||"},
		{"a parameter keeps its case", "GET", "/api/THINGS/AbC", "/api/things/:id|AbC|"},
		{"a parameter that spells a fixed segment of a dead end keeps its case", "GET", "/api/things/FIXED/parts", "/api/things/:id/parts|FIXED|"},
		{"a parameter that spells a fixed segment of another method keeps its case", "GET", "/api/things/SPECIAL", "/api/things/:id|SPECIAL|"},
		{"the fixed segment wins for its own method", "POST", "/api/things/SPECIAL", "/api/things/special||"},
		{"an escaped slash stays inside its parameter", "GET", "/api/things/a%2Fb/parts", "/api/things/:id/parts|a/b|"},
		{"a parameter is decoded once", "GET", "/api/things/a%252Fb", "/api/things/:id|a%2Fb|"},
		{"case and trailing slash are forgiven beside an escaped slash", "GET", "/API/things/A%2fB/PARTS/", "/api/things/:id/parts|A/B|"},
		{"a plus is a plus", "GET", "/api/things/a+b%20c", "/api/things/:id|a+b c|"},
		{"a parameter may be a dot or two", "GET", "/api/things/..", "/api/things/:id|..|"},
		{"a wildcard keeps case, slashes and its trailing slash", "GET", "/API/Files/B/Dir//X/", "/api/files/:id/*|B|Dir//X/"},
		{"a wildcard is decoded once", "GET", "/api/files/b/a%2Fb%2520", "/api/files/:id/*|b|a/b%20"},
		{"a wildcard may be empty", "GET", "/api/files/b/", "/api/files/:id/*|b|"},
		{"text beyond ASCII", "GET", "/api/things/%C3%A9%F0%9F%98%80", "/api/things/:id|é😀|"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := s.do(t, tt.method, tt.path, nil)
			if a.Status != http.StatusOK || a.Text != tt.want {
				t.Errorf("got %d %q, want 200 %q", a.Status, a.Text, tt.want)
			}
		})
	}
}

func TestWhatNoRouteMatchesIsAJSON404ThatQuotesTheRequest(t *testing.T) {
	t.Parallel()
	s := serve(t, pathRoutes)
	for _, tt := range []struct{ name, method, path string }{
		{"an unknown path", "GET", "/api/nothing"},
		{"an unknown path with a query", "GET", "/api/nothing?a=b"},
		{"an unknown path outside the API", "GET", "/nothing"},
		{"a wrong method", "DELETE", "/api/things"},
		{"an unknown method", "BREW", "/api/things"},
		{"TRACE", "TRACE", "/api/things"},
		{"two trailing slashes", "GET", "/api/things//"},
		{"a double slash", "GET", "/api//things"},
		{"a leading double slash", "GET", "//api/things"},
		{"an empty parameter", "GET", "/api/things//parts"},
		{"more segments than the last parameter takes", "PUT", "/functions/a/b"},
		{"dot segments", "GET", "/api/things/../things"},
		{"escaped dot segments", "GET", "/api/%2e%2e/api/things"},
		{"an escaped letter of a fixed segment", "GET", "/api/%74hings"},
		{"an escaped slash between fixed segments", "GET", "/api%2Fthings"},
		{"a wildcard route without its slash", "GET", "/api/files/b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := s.do(t, tt.method, tt.path, nil)
			if a.Status != http.StatusNotFound {
				t.Fatalf("got %d %q, want 404", a.Status, a.Text)
			}
			e := a.Envelope()
			if want := "Endpoint " + tt.path + " not found"; e.Error != "NOT_FOUND" || e.Message != want || e.NextActions == "" {
				t.Errorf("got %+v, want NOT_FOUND %q and a hint", e, want)
			}
		})
	}
}

func TestAPathThatIsNotTextIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, pathRoutes)
	for name, path := range map[string]string{
		"invalid UTF-8":               "/api/things/%ff%fe",
		"half a character":            "/api/things/%C3",
		"NUL":                         "/api/things/a%00b",
		"NUL beside an escaped slash": "/api/things/a%2F%00b",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := s.do(t, "GET", path, nil)
			if e := a.Envelope(); a.Status != http.StatusBadRequest || e.Error != "INVALID_INPUT" {
				t.Errorf("got %d %+v, want 400 INVALID_INPUT", a.Status, e)
			}
		})
	}
}

func TestHEADIsGETWithoutABody(t *testing.T) {
	t.Parallel()
	s := serve(t, pathRoutes)
	for _, path := range []string{"/api/things", "/api/health", "/api/nothing"} {
		get, head := s.do(t, "GET", path, nil), s.do(t, "HEAD", path, nil)
		if head.Status != get.Status || head.Text != "" {
			t.Errorf("%s: got %d %q, want %d and no body", path, head.Status, head.Text, get.Status)
		}
		if got, want := head.Header.Get("Content-Type"), get.Header.Get("Content-Type"); got != want {
			t.Errorf("%s: got Content-Type %q, want %q", path, got, want)
		}
	}
}
