package server

import (
	"bytes"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// dashboardPolicy lets the dashboard load its own files and talk to its own
// server, and nothing else.
const dashboardPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const dashboardPath = "/dashboard"

func (s *Server) mountDashboard(root rest.Router) {
	if s.deps.Dashboard == nil {
		root.GET("/", rest.Public, func(c rest.Context) error {
			return c.String(http.StatusOK, "insforge is running. This executable was built without the dashboard: run `go generate ./...` and build again.\n")
		})
		return
	}
	root.GET("/", rest.Public, func(c rest.Context) error {
		return c.Redirect(http.StatusFound, dashboardPath+"/login")
	})
	root.GET(dashboardPath, rest.Public, s.handleDashboard)
	root.GET(dashboardPath+"/*", rest.Public, s.handleDashboard)
}

// handleDashboard serves "GET /dashboard*": a built file if there is one, and
// otherwise the page of the single-page application.
func (s *Server) handleDashboard(c rest.Context) error {
	h := c.Response().Header()
	h.Set("Content-Security-Policy", dashboardPolicy)
	h.Set("X-Frame-Options", "DENY")
	name := strings.TrimPrefix(path.Clean(c.Request().URL.Path), dashboardPath)
	name = strings.TrimPrefix(name, "/")
	if strings.HasPrefix(name, "assets/") {
		// Names of assets hold a hash of their content.
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		return s.serveFile(c, name)
	}
	if name != "" && fs.ValidPath(name) {
		if info, err := fs.Stat(s.deps.Dashboard, name); err == nil && !info.IsDir() {
			h.Set("Cache-Control", "no-cache")
			return s.serveFile(c, name)
		}
	}
	h.Set("Cache-Control", "no-cache")
	return s.serveFile(c, "index.html")
}

func (s *Server) serveFile(c rest.Context, name string) error {
	content, err := fs.ReadFile(s.deps.Dashboard, name)
	if err != nil {
		c.Response().Header().Del("Cache-Control")
		return rest.NotFound(c)
	}
	http.ServeContent(c.Response(), c.Request(), name, time.Time{}, bytes.NewReader(content))
	return nil
}
