package standalone

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/respond"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/recent"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
)

// Deps are what a Server needs.
type Deps struct {
	Config Config
	// Verify checks a token and returns its claims, a JSON object. The text
	// of its error is the message of the 401; nil refuses every token.
	Verify func(token string) (claims []byte, err error)
	// ReloadConfig is called when a notification asks to read the settings
	// again. It must not block. Nil ignores that.
	ReloadConfig func()
	Log          zerolog.Logger
}

// Server is an http.Handler that answers as PostgREST does.
type Server struct {
	config   Config
	verify   func(token string) ([]byte, error)
	engine   *engine.Engine
	pool     *pgxpool.Pool
	listener *pg.Listener
	loaded   atomic.Bool
	verified *recent.Map[tokenDigest, verified]
	// waiting and timeouts count requests that want a connection.
	waiting, timeouts atomic.Int64
}

// applicationName shows in pg_stat_activity whose connections they are.
const applicationName = "insforge rest"

// errBadURI does not repeat the connection string, as pgx's message may.
var errBadURI = errors.New("PGRST_DB_URI cannot be parsed; expected postgres://user:password@host:port/database")

// New opens no connection before Run.
func New(ctx context.Context, d Deps) (*Server, error) {
	pc, err := pgxpool.ParseConfig(d.Config.DatabaseURI)
	if err != nil {
		return nil, errBadURI
	}
	pc.MaxConns = max(d.Config.Pool, 1)
	if d.Config.PoolLifetime > 0 {
		pc.MaxConnLifetime = d.Config.PoolLifetime
	}
	if d.Config.PoolIdle > 0 {
		pc.MaxConnIdleTime = d.Config.PoolIdle
	}
	if parameters := pc.ConnConfig.RuntimeParams; parameters["application_name"] == "" {
		parameters["application_name"] = applicationName
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, err
	}
	s := &Server{config: d.Config, verify: d.Verify, pool: pool, verified: recent.New[tokenDigest, verified](maxVerified)}
	deps := engine.Deps{Acquire: s.acquire, Log: d.Log, Options: d.Config.Engine}
	if d.Config.Listen {
		s.listener = pg.NewListener(d.Config.DatabaseURI, d.Log)
		news := channel{s.listener, d.Config.Channel}
		if d.ReloadConfig != nil {
			followSettings(news, d.ReloadConfig)
		}
		deps.Listener = news
	}
	if s.engine, err = engine.New(deps); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// followSettings calls reload when it is asked for, and when that may have been
// missed: listening starts again.
func followSettings(news engine.Listener, reload func()) {
	news.On(engine.Channel, func(payload string) {
		if payload == "reload config" {
			reload()
		}
	})
	again := false
	news.OnConnect(func() {
		if again {
			reload()
		}
		again = true
	})
}

// acquire takes a connection from the pool and keeps count.
func (s *Server) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	s.waiting.Add(1)
	conn, err := s.pool.Acquire(ctx)
	s.waiting.Add(-1)
	if errors.Is(err, context.DeadlineExceeded) {
		s.timeouts.Add(1)
	}
	return conn, err
}

// channel listens where the configuration says instead of on the engine's own
// channel.
type channel struct {
	*pg.Listener
	name string
}

// On implements engine.Listener.
func (c channel) On(name string, f func(payload string)) {
	if c.name != "" {
		name = c.name
	}
	c.Listener.On(name, f)
}

// Run keeps the schema up to date until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.engine.Run(ctx) })
	g.Go(func() error {
		s.loaded.Store(s.engine.Refresh(ctx) == nil)
		return nil
	})
	if s.listener != nil {
		g.Go(func() error { return s.listener.Run(ctx) })
	}
	return g.Wait()
}

// Refresh waits until the schema has been read after this call.
func (s *Server) Refresh(ctx context.Context) error { return s.engine.Refresh(ctx) }

// Invalidate asks for the schema to be read again, soon.
func (s *Server) Invalidate() { s.engine.Invalidate() }

// Ping asks whether the database answers.
func (s *Server) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// Close closes the connections. It waits for those in use.
func (s *Server) Close() { s.pool.Close() }

// ServeHTTP serves /table, /rpc/function and the root.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.config.TraceHeader != "" {
		if v := r.Header.Get(s.config.TraceHeader); v != "" {
			w.Header().Set(s.config.TraceHeader, v)
		}
	}
	w.Header().Set("Vary", "Accept, Prefer, Range")
	if s.cors(w, r) {
		return
	}
	if s.config.Incomplete {
		s.config.Engine.Errors.Error(w, r, request.NewError(http.StatusServiceUnavailable, "PGRST002",
			"Could not query the database for the schema cache. Retrying."))
		return
	}
	started := time.Now()
	caller, failure := s.authenticate(r)
	if failure != nil {
		s.config.Engine.Errors.Error(w, r, failure)
		return
	}
	target, ok := targetOf(r.URL.Path)
	if !ok {
		s.config.Engine.Errors.Error(w, r, request.NewError(http.StatusNotFound, "PGRST125", "Invalid path specified in request URL"))
		return
	}
	t := engine.Target{Target: target, As: &caller, JWTDuration: time.Since(started)}
	if root := s.config.RootSpec; root.Name != "" && target.Kind == request.Root {
		t.Target, t.Schema = request.Target{Kind: request.Function, Name: root.Name}, root.Schema
	}
	if err := s.engine.Serve(w, r, t); err != nil {
		s.fail(w, r, err)
	}
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		s.config.Engine.Errors.Error(w, r, request.NewError(http.StatusRequestEntityTooLarge, "PGRST102", "The body is too large"))
		return
	}
	s.config.Engine.Errors.Error(w, r, respond.Translate(err, true))
}

func targetOf(path string) (request.Target, bool) {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if path == "" {
		return request.Target{Kind: request.Root}, true
	}
	if name, ok := strings.CutPrefix(path, "rpc/"); ok {
		return request.Target{Kind: request.Function, Name: name}, !strings.Contains(name, "/")
	}
	return request.Target{Name: path}, !strings.Contains(path, "/")
}

// cors sets the CORS headers and answers preflight requests.
func (s *Server) cors(w http.ResponseWriter, r *http.Request) (answered bool) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	h := w.Header()
	switch {
	case len(s.config.Origins) == 0:
		h.Set("Access-Control-Allow-Origin", "*")
	case slices.Contains(s.config.Origins, origin):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Add("Vary", "Origin")
	default:
		return false
	}
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		h.Set("Access-Control-Expose-Headers",
			"Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding, Range-Unit")
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD")
	h.Set("Access-Control-Allow-Headers", allowedHeaders(r.Header.Get("Access-Control-Request-Headers")))
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusOK)
	return true
}

// allowedHeaders are those that were asked for and those always allowed.
func allowedHeaders(asked string) string {
	names := []string{"Authorization"}
	for name := range strings.SplitSeq(asked, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(append(names, "Accept", "Accept-Language", "Content-Language"), ", ")
}
