// Package server assembles the HTTP server: the order of the middleware, the
// log of requests and failures, health, the dashboard's event stream and its
// files. It knows no primitive; app hands it the routes.
package server

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"
)

// headerTimeout bounds how long a client may take to send its headers, and
// maxHeaderBytes how many: long filters of the record layer travel in URLs.
const (
	headerTimeout  = 20 * time.Second
	maxHeaderBytes = 1 << 20
)

// Deps are what the server needs from the product.
type Deps struct {
	Auth   rest.Authenticator
	Events *events.Bus
	// Healthy makes sure that the database answers.
	Healthy func(context.Context) error
	// Routes mounts the primitives below the given root.
	Routes func(root rest.Router)
	// Dashboard is the built dashboard; nil when this executable has none.
	Dashboard fs.FS

	Version           string
	TrustProxy        config.TrustProxy
	MaxJSONBody       int64
	MaxURLEncodedBody int64
	KeepAlive         time.Duration

	Log zerolog.Logger
	Now func() time.Time
}

// Server serves HTTP.
type Server struct {
	deps    Deps
	echo    *echo.Echo
	chain   echo.HandlerFunc // all middleware around route
	http    *http.Server
	checkup checkup
	closing chan struct{} // closed when the drain begins; streams end then
	drain   func()        // closes closing, once
	routes  rest.Router
}

// New assembles the server; nothing listens yet.
func New(d Deps) *Server {
	e := rest.NewEcho()
	s := &Server{deps: d, echo: e, closing: make(chan struct{})}
	s.drain = sync.OnceFunc(func() { close(s.closing) })

	root := rest.NewRouter(e.Group(""), d.Auth)
	s.routes = root
	root.GET("/api/health", rest.Public, s.handleHealth)
	root.GET("/api/dashboard/events", rest.Admin, s.handleEvents)
	d.Routes(root)
	s.mountDashboard(root)

	s.chain = s.route
	for _, wrap := range slices.Backward([]echo.MiddlewareFunc{
		s.describeCall,
		s.accessLog,
		s.recoverPanic,
		secureHeaders,
		cors,
		newCanonicalPaths(e).middleware,
	}) {
		s.chain = wrap(s.chain)
	}

	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       d.KeepAlive,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnContext:       withCork,
		ErrorLog:          standardLogger(d.Log),
	}
	return s
}

// ServeHTTP serves one request. It replaces the framework's own, which rebuilds
// the chain for every request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w, pull := corked(w, r)
	defer pull()
	c := s.echo.AcquireContext()
	c.Reset(r, w)
	if err := s.chain(c); err != nil {
		s.writeError(err, c)
	}
	s.echo.ReleaseContext(c) // not after a panic: something may still hold it
}

// route hands the request to the handler of its route.
func (s *Server) route(c echo.Context) error {
	r := c.Request()
	s.echo.Router().Find(r.Method, echo.GetPath(r), c)
	if err := s.limitBody(c); err != nil {
		return err
	}
	return c.Handler()(c)
}

// Serve answers requests on l until Shutdown. It returns nil after one.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(patientListener{l}); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown stops listening, ends the event streams and waits for the requests
// in progress. When ctx ends first, it cuts them off.
func (s *Server) Shutdown(ctx context.Context) error {
	s.drain()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}
