package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/app/server"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// headersOf returns those of the named headers that the answer has.
func headersOf(h http.Header, names ...string) map[string]string {
	got := map[string]string{}
	for _, name := range names {
		if values := h.Values(name); len(values) > 0 {
			got[name] = strings.Join(values, "|")
		}
	}
	return got
}

func TestCORSLetsAnyOriginIn(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	const (
		origin, credentials, expose = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers"
		methods, headers, vary      = "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Vary"
	)
	const all = "GET,HEAD,PUT,PATCH,POST,DELETE"
	for _, tt := range []struct {
		name, method, path string
		headers            []string
		status             int
		want               map[string]string
	}{
		{"a request from a page", "GET", "/api/health", []string{"Origin: https://app.example"}, 200,
			map[string]string{origin: "https://app.example", credentials: "true", expose: "Content-Range,Preference-Applied", vary: "Origin"}},
		{"a request from no page", "GET", "/api/health", nil, 200, map[string]string{vary: "Origin"}},
		{"a failure", "GET", "/api/nothing", []string{"Origin: null"}, 404,
			map[string]string{origin: "null", credentials: "true", expose: "Content-Range,Preference-Applied", vary: "Origin"}},
		{"a preflight", "OPTIONS", "/api/health", []string{"Origin: https://app.example", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: authorization,x-a"}, 204,
			map[string]string{origin: "https://app.example", credentials: "true", expose: "Content-Range,Preference-Applied",
				methods: all, headers: "authorization,x-a", vary: "Origin|Access-Control-Request-Headers"}},
		{"any OPTIONS, on any path", "OPTIONS", "/nothing//at all", nil, 204, map[string]string{methods: all, vary: "Origin"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := s.do(t, tt.method, strings.ReplaceAll(tt.path, " ", "%20"), nil, tt.headers...)
			if a.Status != tt.status {
				t.Errorf("got %d, want %d", a.Status, tt.status)
			}
			if diff := cmp.Diff(tt.want, headersOf(a.Header, origin, credentials, expose, methods, headers, vary)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestEveryAnswerForbidsSniffingAndReferrers(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	for _, path := range []string{"/api/health", "/api/nothing", "/api/dashboard/events", "/api/%ff"} {
		got := headersOf(s.do(t, "GET", path, nil).Header, "X-Content-Type-Options", "Referrer-Policy")
		want := map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", path, diff)
		}
	}
}

func TestHealthIsABareObject(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	want := regexp.MustCompile(`^{"status":"ok","version":"2\.3\.1","service":"Insforge OSS Backend","timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","build":"v0\.0\.0-test"}$`)
	if a := s.do(t, "GET", "/api/health", nil); a.Status != 200 || !want.MatchString(a.Text) {
		t.Errorf("got %d %q, want 200 %s", a.Status, a.Text, want)
	}
	down := serve(t, nil, func(d *server.Deps) {
		d.Healthy = func(context.Context) error { return errors.New("secret detail") }
	})
	if a := down.do(t, "GET", "/api/health", nil); a.Status != 503 || strings.Contains(a.Text, "secret") || !strings.Contains(a.Text, `"version":"2.3.1"`) {
		t.Errorf("without a database: got %d %q, want a 503 with the version", a.Status, a.Text)
	}
}

func TestARequestKeepsAUsableIDAndGetsOneOtherwise(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r rest.Router) {
		r.GET("/id", rest.Public, func(c rest.Context) error {
			return c.String(200, identity.CallFrom(c.Request().Context()).RequestID)
		})
	})
	made := regexp.MustCompile(`^[0-9a-f]{24}$`)
	for name, id := range map[string]string{
		"usable": "Trace_01-a", "as long as it may be": strings.Repeat("a", 64),
		"none": "", "too long": strings.Repeat("a", 65), "with a quote": "a'b", "with a space": "a b", "beyond ASCII": "é",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := s.do(t, "GET", "/id", nil, "X-Request-Id: "+id)
			if echoed := a.Header.Get("X-Request-Id"); echoed != a.Text {
				t.Errorf("the answer says %q, the handler saw %q", echoed, a.Text)
			}
			kept := name == "usable" || name == "as long as it may be"
			if kept && a.Text != id || !kept && !made.MatchString(a.Text) {
				t.Errorf("got %q for %q", a.Text, id)
			}
		})
	}
}

func TestTheClientsAddressFollowsTheTrustedProxies(t *testing.T) {
	t.Parallel()
	routes := func(r rest.Router) {
		r.GET("/ip", rest.Public, func(c rest.Context) error {
			return c.String(200, identity.CallFrom(c.Request().Context()).ClientIP.String())
		})
	}
	direct := serve(t, routes)
	if got := direct.do(t, "GET", "/ip", nil, "X-Forwarded-For: 1.1.1.1", "X-Real-IP: 1.1.1.1").Text; got != "127.0.0.1" {
		t.Errorf("without trusted proxies: got %s, want the peer 127.0.0.1", got)
	}
	behind := serve(t, routes, func(d *server.Deps) { d.TrustProxy = config.TrustProxy{Hops: 2} })
	if got := behind.do(t, "GET", "/ip", nil, "X-Forwarded-For: 6.6.6.6, 1.1.1.1", "X-Forwarded-For: 2.2.2.2").Text; got != "1.1.1.1" {
		t.Errorf("behind two proxies: got %s, want 1.1.1.1", got)
	}
}

// Callers on this machine are exempt from some limits, so no header may make a
// caller behind a proxy local, whether the proxy is trusted or not.
func TestACallerBehindAProxyIsNotLocal(t *testing.T) {
	t.Parallel()
	routes := func(r rest.Router) {
		r.GET("/local", rest.Public, func(c rest.Context) error {
			return c.String(200, strconv.FormatBool(identity.CallFrom(c.Request().Context()).Local))
		})
	}
	for _, trust := range []config.TrustProxy{{}, {Hops: 1}, {Hops: -1}, {Ranges: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}} {
		s := serve(t, routes, func(d *server.Deps) { d.TrustProxy = trust })
		for headers, local := range map[string]bool{
			"":                                    true,
			"X-Forwarded-For: 127.0.0.1":          true,
			"X-Forwarded-For: ::1, 127.0.0.1":     true,
			"X-Forwarded-For: 127.0.0.1, 6.6.6.6": false,
			"X-Forwarded-For: 6.6.6.6, 127.0.0.1": false,
			"X-Forwarded-For: localhost":          false,
			"X-Forwarded-For: unknown":            false,
			"X-Forwarded-For: 127.0.0.1|X-Forwarded-For: 6.6.6.6": false,
			"X-Real-IP: 127.0.0.1":                                false,
			"Forwarded: for=127.0.0.1":                            false,
			"Via: 1.1 proxy":                                      false,
		} {
			var lines []string
			if headers != "" {
				lines = strings.Split(headers, "|")
			}
			if got := s.do(t, "GET", "/local", nil, lines...).Text; got != strconv.FormatBool(local) {
				t.Errorf("%q, trusting %+v: got local %s, want %v", headers, trust, got, local)
			}
		}
	}
}

func TestAnotherMachineIsNotLocal(t *testing.T) {
	t.Parallel()
	var local bool
	s := serve(t, func(r rest.Router) {
		r.GET("/local", rest.Public, func(c rest.Context) error {
			local = identity.CallFrom(c.Request().Context()).Local
			return nil
		})
	}, func(d *server.Deps) { d.TrustProxy = config.TrustProxy{Hops: -1} })
	for peer, want := range map[string]bool{"192.0.2.1:80": false, "127.0.0.1:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true, "@": false} {
		r := httptest.NewRequest("GET", "/local", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", "127.0.0.1")
		s.ServeHTTP(httptest.NewRecorder(), r)
		if local != want {
			t.Errorf("%s: got local %v, want %v", peer, local, want)
		}
	}
}

func TestTheAccessLogHasOneLinePerRequestWithoutQueryOrEndlessText(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	s.do(t, "GET", "/api/nothing?token=hunter2", nil, "User-Agent: "+strings.Repeat("u", 5000), "X-Request-Id: id-1")
	s.do(t, "GET", "/api/"+strings.Repeat("p", 5000), nil)
	s.do(t, "GET", "/api/logs/insforge.logs", nil)
	eventually(t, "two lines", func() bool { return len(s.log.lines("HTTP Request")) == 2 })
	line := s.log.lines("HTTP Request")[0]
	for field, want := range map[string]any{
		"request_id": "id-1", "method": "GET", "path": "/api/nothing", "status": 404.0, "ip": "127.0.0.1", "level": "info",
	} {
		if line[field] != want {
			t.Errorf("%s: got %v, want %v", field, line[field], want)
		}
	}
	if got, _ := line["duration"].(string); !regexp.MustCompile(`^\d+\.\dms$`).MatchString(got) {
		t.Errorf("got duration %q", got)
	}
	if text := s.log.String(); len(text) > 3000 || strings.Contains(text, "hunter2") {
		t.Errorf("got %d bytes of log, want less than 3000 and no query: %s", len(text), text)
	}
}

func TestBodiesOverTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r rest.Router) {
		r.POST("/read", rest.Public, func(c rest.Context) error {
			_, err := rest.Body(c)
			if err != nil {
				return err
			}
			n, err := io.Copy(io.Discard, c.Request().Body)
			if err != nil {
				return err
			}
			return c.JSON(200, n)
		})
		r.POST("/small", rest.Public, func(c rest.Context) error {
			if _, err := rest.Body(c); err != nil {
				return err
			}
			return c.NoContent(204)
		}, rest.MaxBody(16))
		r.POST("/ignore", rest.Public, func(c rest.Context) error { return c.NoContent(204) })
		r.Uploads(1<<12).POST("/files", rest.Public, func(c rest.Context) error {
			n, err := io.Copy(io.Discard, c.Request().Body)
			if err != nil {
				return rest.TooLarge(err)
			}
			return c.JSON(200, n)
		})
	})
	for _, tt := range []struct {
		name, path, media string
		bytes             int
		chunked           bool
		status            int
	}{
		{"JSON within the limit", "/read", "application/json", 1 << 10, false, 200},
		{"JSON over the limit", "/read", "application/json", 1<<10 + 1, false, 413},
		{"JSON of unknown length over the limit", "/read", "application/json", 1<<10 + 1, true, 413},
		{"other text of unknown length over the limit", "/read", "text/plain", 1<<10 + 1, true, 413},
		{"a form within its limit", "/read", "application/x-www-form-urlencoded", 1 << 8, false, 200},
		{"a form over its limit", "/read", "application/x-www-form-urlencoded; charset=utf-8", 1<<8 + 1, false, 413},
		{"a form of unknown length over its limit", "/read", "application/x-www-form-urlencoded", 1<<8 + 1, true, 413},
		{"a route's own limit", "/small", "application/json", 17, false, 413},
		{"a route's own limit with an unknown length", "/small", "application/json", 17, true, 413},
		{"a larger route within its limit", "/files", "multipart/form-data", 1 << 12, false, 200},
		{"a larger route, by another spelling of its path", "/Files/", "multipart/form-data", 1 << 12, false, 200},
		{"a larger route over its limit", "/files", "multipart/form-data", 1<<12 + 1, false, 413},
		{"a larger route over its limit with an unknown length", "/files", "multipart/form-data", 1<<12 + 1, true, 413},
		{"a declared length over the limit on a route that reads nothing", "/ignore", "text/plain", 1 << 12, false, 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := []byte("[" + strings.Repeat(" ", tt.bytes-2) + "]")
			if tt.path != "/small" && tt.status == 200 {
				text[0], text[len(text)-1] = '{', '}'
			}
			body := io.Reader(bytes.NewReader(text))
			if tt.chunked {
				body = io.MultiReader(body) // hides the length
			}
			a := s.do(t, "POST", tt.path, body, "Content-Type: "+tt.media)
			if a.Status != tt.status {
				t.Fatalf("got %d %q, want %d", a.Status, a.Text, tt.status)
			}
			if tt.status == http.StatusRequestEntityTooLarge {
				if e := a.Envelope(); e.Error != "INVALID_INPUT" || e.Message != "request entity too large" || e.NextActions == "" {
					t.Errorf("got %+v", e)
				}
			}
		})
	}
}
