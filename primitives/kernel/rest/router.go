// Package rest is the primitives' door to HTTP: routes with their gates,
// reading and validating bodies, limits, the error envelope, and the wire form
// of times. Only this package and app/server know the HTTP framework.
//
// A handler decodes, decides who, calls its service and writes. It returns an
// error and never writes one: the server answers with WriteFault.
package rest

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/labstack/echo/v4"
)

// Context is one request being served.
type Context = echo.Context

// Handler serves a request or returns the error to answer with.
type Handler = echo.HandlerFunc

// Middleware wraps a Handler.
type Middleware = echo.MiddlewareFunc

// Router registers routes below one path. Every route states its gate, so
// none can be left open by forgetting one.
type Router struct {
	group   *echo.Group
	auth    Authenticator
	uploads map[route]int64 // largest bodies, of all Routers of a server
	maxBody int64           // of routes that are registered here; 0 is the server's limit
}

// route is a method and a path with its parameters' names.
type route struct{ method, path string }

// NewRouter returns a Router on group whose gates ask auth.
func NewRouter(group *echo.Group, auth Authenticator) Router {
	return Router{group: group, auth: auth, uploads: map[route]int64{}}
}

// Group returns a Router below prefix.
func (r Router) Group(prefix string) Router {
	r.group = r.group.Group(prefix)
	return r
}

// Uploads returns a Router for routes whose bodies may be larger than others,
// up to maxBytes. They refuse a longer one with their own message.
func (r Router) Uploads(maxBytes int64) Router {
	r.maxBody = maxBytes
	return r
}

// UploadLimit is the largest body of the route that c was routed to, or 0 for
// one that Uploads did not register.
func (r Router) UploadLimit(c Context) int64 {
	return r.uploads[route{c.Request().Method, c.Path()}]
}

// GET registers h for GET, and for HEAD, which net/http answers without body.
func (r Router) GET(path string, g Gate, h Handler, mw ...Middleware) {
	r.handle(http.MethodGet, path, g, h, mw)
	r.handle(http.MethodHead, path, g, h, mw)
}

// POST registers h for POST.
func (r Router) POST(path string, g Gate, h Handler, mw ...Middleware) {
	r.handle(http.MethodPost, path, g, h, mw)
}

// PUT registers h for PUT.
func (r Router) PUT(path string, g Gate, h Handler, mw ...Middleware) {
	r.handle(http.MethodPut, path, g, h, mw)
}

// PATCH registers h for PATCH.
func (r Router) PATCH(path string, g Gate, h Handler, mw ...Middleware) {
	r.handle(http.MethodPatch, path, g, h, mw)
}

// DELETE registers h for DELETE.
func (r Router) DELETE(path string, g Gate, h Handler, mw ...Middleware) {
	r.handle(http.MethodDelete, path, g, h, mw)
}

// handle runs the gate inside the other middleware: a limiter passed here
// counts before authentication.
func (r Router) handle(method, path string, g Gate, h Handler, mw []Middleware) {
	gated := func(c Context) error {
		p, err := g(c.Request(), r.auth)
		if err != nil {
			return err
		}
		c.SetRequest(c.Request().WithContext(identity.With(c.Request().Context(), p)))
		return h(c)
	}
	// Wrapped here once; the framework would do it for every request.
	for _, wrap := range slices.Backward(mw) {
		gated = wrap(gated)
	}
	added := r.group.Add(method, path, gated)
	if r.maxBody > 0 {
		r.uploads[route{method, added.Path}] = r.maxBody
	}
}

// Param returns a path parameter, percent-decoded once. An escaped slash
// stays inside its parameter.
func Param(c Context, name string) string {
	v := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return v
	}
	if d, err := url.PathUnescape(v); err == nil {
		return d
	}
	return v
}
