package server_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// jsonRoutes has one route that reads a JSON body.
func jsonRoutes(r rest.Router) {
	r.POST("/json", rest.Public, func(c rest.Context) error {
		f, err := rest.Body(c)
		if err != nil {
			return err
		}
		name := f.String("name")
		if err := f.Err(); err != nil {
			return err
		}
		return c.String(http.StatusOK, name)
	})
}

func TestRawRequestsAreAnsweredAndClosed(t *testing.T) {
	t.Parallel()
	s := serve(t, jsonRoutes)
	const head = "POST /json HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
	for _, tt := range []struct{ name, request, want string }{
		{"headers beyond the limit", "GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("a", 2<<20) + "\r\n\r\n", "HTTP/1.1 431"},
		{"headers that are many but small enough", "GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + strings.Repeat("X-A: b\r\n", 10_000) + "\r\n", "HTTP/1.1 200"},
		{"a path of a megabyte", "GET /" + strings.Repeat("a/", 400_000) + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 404"},
		{"no HTTP", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "HTTP/1.1 400"},
		{"a bad escape in the path", "GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400"},
		{"raw NUL in the path", "GET /a\x00b HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400"},
		{"raw bytes beyond ASCII in the path", "GET /a\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 400"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
		{"a newline in a header", "GET / HTTP/1.1\r\nHost: x\r\nX-A: b\nInjected\r\n\r\n", "HTTP/1.1 400"},
		{"an absolute request target", "GET http://elsewhere/api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200"},
		{"an absolute request target without a path", "GET http://elsewhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200"},
		{"CONNECT", "CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\nConnection: close\r\n\r\n", "HTTP/1.1 404"},
		{"HTTP 1.0", "GET /api/health HTTP/1.0\r\n\r\n", "HTTP/1.0 200"},
		{"two different lengths", head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "HTTP/1.1 400"},
		{"a length beside chunks", head + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", "HTTP/1.1 400"},
		{"a negative length", head + "Content-Length: -1\r\n\r\n", "HTTP/1.1 400"},
		{"chunks of a bad length", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", "HTTP/1.1 400"},
		{"good chunks", head + "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"name\":\r\n4\r\n\"a\"}\r\n0\r\n\r\n", "HTTP/1.1 200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := s.raw(t, tt.request); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %.200q, want %s", got, tt.want)
			}
		})
	}
}

func TestATruncatedBodyIsTheClientsFault(t *testing.T) {
	t.Parallel()
	s := serve(t, jsonRoutes)
	const head = "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for name, request := range map[string]string{
		"shorter than it said": head + "Content-Length: 100\r\n\r\n{\"name\":",
		"within a chunk":       head + "Transfer-Encoding: chunked\r\n\r\nff\r\n{\"name\":",
		"between chunks":       head + "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"name\":\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := s.dial(t)
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(got), "HTTP/1.1 400") || !strings.Contains(string(got), `"INVALID_INPUT"`) {
				t.Errorf("got %q, want 400 INVALID_INPUT", got)
			}
		})
	}
	if lines := s.log.lines("request failed"); len(lines) != 0 {
		t.Errorf("it was logged as our failure: %v", lines)
	}
}

func TestHostileJSONIsRefusedInTheEnvelope(t *testing.T) {
	t.Parallel()
	s := serve(t, jsonRoutes, roomy)
	deep := func(n int) string { return `{"name":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	for _, tt := range []struct{ name, body, message string }{
		{"nesting without end", deep(1_000_000), "Invalid JSON body: "},
		{"deep nesting where a string belongs", deep(5_000), "name: Expected string, received array"},
		{"an unclosed object", `{"name":"a"`, "Invalid JSON body: "},
		{"two values", `{"name":"a"}{}`, "Invalid JSON body: "},
		{"a trailing comma", `{"name":"a",}`, "Invalid JSON body: "},
		{"invalid UTF-8", "{\"name\":\"\xff\"}", "Invalid JSON body: not UTF-8"},
		{"a top-level string", `"name"`, "Invalid JSON body: expected an object or an array"},
		{"a top-level number", `1`, "Invalid JSON body: expected an object or an array"},
		{"null", `null`, "Invalid JSON body: expected an object or an array"},
		{"an array where an object belongs", `[]`, ": Expected object, received array"},
		{"an empty body", ``, "name: Required"},
		{"an empty object", `{}`, "name: Required"},
		{"another spelling of the member", `{"Name":"a"}`, "name: Required"},
		{"a number out of range", `{"name":1e999999}`, "name: Expected string, received number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := s.do(t, "POST", "/json", strings.NewReader(tt.body), "Content-Type: application/json")
			e := a.Envelope()
			if a.Status != 400 || e.Error != "INVALID_INPUT" || !strings.HasPrefix(e.Message, tt.message) {
				t.Errorf("got %d %s %.200q, want 400 INVALID_INPUT %q", a.Status, e.Error, e.Message, tt.message)
			}
		})
	}
}

func TestABodyCountsOnlyWithAJSONContentType(t *testing.T) {
	t.Parallel()
	s := serve(t, jsonRoutes)
	for media, status := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, "APPLICATION/JSON": 200,
		"text/plain": 400, "": 400, "application/x-www-form-urlencoded": 400, "application/jsonp": 400, ";;": 400,
	} {
		if a := s.do(t, "POST", "/json", strings.NewReader(`{"name":"a"}`), "Content-Type: "+media); a.Status != status {
			t.Errorf("%q: got %d %s, want %d", media, a.Status, a.Text, status)
		}
	}
}

func TestTextIsNeverTakenForMarkup(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a := s.do(t, "GET", "/%3Cscript%3E?<script>alert(1)</script>", nil)
	if got := a.Header.Get("Content-Type"); got != "application/json" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %s %v, want JSON that no browser may take for something else", got, a.Header)
	}
	if a := s.do(t, "GET", "/x", nil, "Origin: https://a.example/"+strings.Repeat("x", 1000)); a.Status != 404 {
		t.Errorf("got %d, want 404", a.Status)
	}
	if got := fmt.Sprint(s.do(t, "GET", "/%0d%0aSet-Cookie:%20a=b", nil).Header["Set-Cookie"]); got != "[]" {
		t.Errorf("the path set a cookie: %s", got)
	}
}
