package server_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/insforge/insforge-go/app/server"
)

func withDashboard(d *server.Deps) {
	d.Dashboard = fstest.MapFS{
		"index.html":       {Data: []byte("<!doctype html>index")},
		"logo.svg":         {Data: []byte("<svg/>")},
		"assets/app-1.js":  {Data: []byte("app()")},
		"assets/app-1.css": {Data: []byte("a{}")},
	}
}

func TestTheDashboardIsServedWithAStrictPolicy(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, withDashboard)
	const index, forever = "<!doctype html>index", "public, max-age=31536000, immutable"
	for _, tt := range []struct {
		name, path, body, media, cache string
	}{
		{"the page", "/dashboard", index, "text/html; charset=utf-8", "no-cache"},
		{"the page with a trailing slash", "/Dashboard/", index, "text/html; charset=utf-8", "no-cache"},
		{"a route of the page", "/dashboard/tables/42", index, "text/html; charset=utf-8", "no-cache"},
		{"a route that looks like a file elsewhere", "/dashboard/..%2F..%2Fetc%2Fpasswd", index, "text/html; charset=utf-8", "no-cache"},
		{"dot segments stay inside", "/dashboard/../../etc/passwd", index, "text/html; charset=utf-8", "no-cache"},
		{"a folder is not a file", "/dashboard/assets", index, "text/html; charset=utf-8", "no-cache"},
		{"a file", "/dashboard/logo.svg", "<svg/>", "image/svg+xml", "no-cache"},
		{"a script", "/dashboard/assets/app-1.js", "app()", "text/javascript; charset=utf-8", forever},
		{"a style sheet", "/dashboard/assets/app-1.css", "a{}", "text/css; charset=utf-8", forever},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := s.do(t, "GET", tt.path, nil)
			h := a.Header
			if a.Status != 200 || a.Text != tt.body || h.Get("Content-Type") != tt.media || h.Get("Cache-Control") != tt.cache {
				t.Errorf("got %d %q %q %q", a.Status, a.Text, h.Get("Content-Type"), h.Get("Cache-Control"))
			}
			policy := h.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"} {
				if !strings.Contains(policy, want) {
					t.Errorf("got policy %q, want %s in it", policy, want)
				}
			}
			if strings.Contains(policy, "unsafe") {
				t.Errorf("the policy allows inline code: %q", policy)
			}
		})
	}
}

func TestAMissingAssetIsA404ThatIsNotCached(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, withDashboard)
	a := s.do(t, "GET", "/dashboard/assets/app-2.js", nil)
	if e := a.Envelope(); a.Status != 404 || e.Error != "NOT_FOUND" || a.Header.Get("Cache-Control") != "" {
		t.Errorf("got %d %+v with Cache-Control %q, want 404 without", a.Status, e, a.Header.Get("Cache-Control"))
	}
}

func TestTheRootLeadsToTheDashboard(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, withDashboard)
	if a := s.do(t, "GET", "/", nil); a.Status != 302 || a.Header.Get("Location") != "/dashboard/login" {
		t.Errorf("got %d to %q, want 302 to /dashboard/login", a.Status, a.Header.Get("Location"))
	}
	without := serve(t, nil)
	if a := without.do(t, "GET", "/", nil); a.Status != 200 || !strings.Contains(a.Text, "go generate") {
		t.Errorf("without a dashboard: got %d %q, want 200 and what to do", a.Status, a.Text)
	}
	if a := without.do(t, "GET", "/dashboard", nil); a.Status != 404 {
		t.Errorf("without a dashboard: got %d, want 404", a.Status)
	}
}
