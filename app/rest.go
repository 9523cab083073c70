package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/database/engine/standalone"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
)

// How long the query engine alone waits for headers, for the next request of
// a connection, and for the database at a start or reload.
const (
	restHeaderTimeout = 20 * time.Second
	restIdleTimeout   = time.Minute
	restStartTimeout  = 10 * time.Second
)

// REST is how the query engine is served alone.
type REST struct {
	// Environ is a list of name=value, ConfigFile a file of PostgREST's that
	// stands below it; it may be empty.
	Environ    []string
	ConfigFile string
	// Log gets the log lines, JSON.
	Log io.Writer
	// ReloadSchema and ReloadConfig ask for what PostgREST does at SIGUSR1
	// and SIGUSR2.
	ReloadSchema, ReloadConfig <-chan os.Signal
	// Ready is called once, with the address, when requests are accepted.
	Ready func(address net.Addr)
}

// ServeREST serves the query engine on any Postgres, as PostgREST would, until
// ctx ends, and then finishes the requests in progress. It returns nil after
// that, and an error for settings that are wrong, an address that is taken and
// a login that the database refuses. A database that does not answer is waited
// for.
func ServeREST(ctx context.Context, r REST) error {
	tune()
	h := &restHost{in: r, sources: standalone.NewSources(r.Environ, r.ConfigFile), notified: make(chan struct{}, 1)}
	config, err := h.sources.Read()
	if err != nil {
		return err
	}
	l, err := listenREST(ctx, config)
	if err != nil {
		return err
	}
	defer l.Close() // closed already after a served life
	var admin net.Listener
	if config.AdminAddress != "" {
		if admin, err = listenTCP(ctx, config.AdminAddress); err != nil {
			return err
		}
		defer admin.Close()
	}
	// Without the part of the settings that the database holds, all requests
	// are refused until it was read.
	complete, err := h.sources.ReadAll(ctx)
	switch {
	case err == nil:
		config = complete
	case refused(err):
		return fmt.Errorf("PGRST_DB_URI: the database refuses the login: %w", err)
	case !errors.Is(err, standalone.ErrUnreachable):
		return err
	}
	if h.current, err = h.start(config); err != nil {
		return err
	}
	defer h.close()
	if err := h.current.awaitDatabase(ctx); err != nil {
		return err
	}
	return h.serve(ctx, l, admin)
}

// refused tells that the database does not know the login, so that waiting is
// no use.
func refused(err error) bool {
	state := pg.State(err)
	return len(state) == 5 && state[:2] == "28"
}

func listenREST(ctx context.Context, c standalone.Config) (net.Listener, error) {
	if c.UnixSocket == "" {
		return listenTCP(ctx, c.Address)
	}
	// What another process left behind; anything but a socket stays.
	if info, err := os.Lstat(c.UnixSocket); err == nil && info.Mode()&fs.ModeSocket != 0 {
		if err := os.Remove(c.UnixSocket); err != nil {
			return nil, err
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", c.UnixSocket)
	if err != nil {
		return nil, fmt.Errorf("PGRST_SERVER_UNIX_SOCKET: %w", err)
	}
	if err := os.Chmod(c.UnixSocket, c.UnixSocketMode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func listenTCP(ctx context.Context, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w; choose another with PGRST_SERVER_HOST, PGRST_SERVER_PORT or PGRST_ADMIN_SERVER_PORT", err)
	}
	return l, nil
}

// restHost serves with the newest configuration.
type restHost struct {
	in       REST
	sources  *standalone.Sources
	notified chan struct{} // the database asked for a reload of the settings
	retiring sync.WaitGroup

	mu      sync.RWMutex
	current *restGeneration
}

// restGeneration is the server of one reading of the settings.
type restGeneration struct {
	*standalone.Server
	log        zerolog.Logger
	incomplete bool // it lacks the settings of the database
	stop       context.CancelFunc
	stopped    chan struct{}
	requests   sync.WaitGroup
}

// start runs a server with a configuration.
func (h *restHost) start(c standalone.Config) (*restGeneration, error) {
	level := map[string]zerolog.Level{
		"crit": zerolog.FatalLevel, "error": zerolog.ErrorLevel, "warn": zerolog.WarnLevel,
		"info": zerolog.InfoLevel, "debug": zerolog.DebugLevel,
	}[c.LogLevel]
	g := &restGeneration{
		log: zerolog.New(h.in.Log).Level(level).With().Timestamp().Logger(), incomplete: c.Incomplete, stopped: make(chan struct{}),
	}
	for _, name := range c.Unknown {
		g.log.Log().Str("setting", name).Msg("there is no such setting; it is ignored")
	}
	deps := standalone.Deps{Config: c, Log: g.log, ReloadConfig: func() {
		select {
		case h.notified <- struct{}{}:
		default: // asked already
		}
	}}
	if len(c.JWTSecret) > 0 {
		verifier, err := tokens.NewVerifier(c.JWTSecret, c.Audience, time.Now)
		if err != nil {
			return nil, fmt.Errorf("PGRST_JWT_SECRET: %w", err)
		}
		deps.Verify = verifier.Verify
	}
	ctx, stop := context.WithCancel(context.Background())
	var err error
	if g.Server, err = standalone.New(ctx, deps); err != nil {
		stop()
		return nil, err
	}
	g.stop = stop
	go func() {
		defer close(g.stopped)
		_ = g.Run(ctx) // it ends when ctx does, and tries again until then
	}()
	return g, nil
}

// awaitDatabase fails where waiting is no use: the login is refused.
func (g *restGeneration) awaitDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, restStartTimeout)
	defer cancel()
	if err := g.Ping(ctx); refused(err) {
		return fmt.Errorf("PGRST_DB_URI: the database refuses the login: %w", err)
	}
	return nil
}

// retire waits for the requests of a generation and ends it.
func (g *restGeneration) retire() {
	g.requests.Wait()
	g.stop()
	<-g.stopped
	g.Close()
}

// reload reads the settings again. With bad ones the old ones stay.
func (h *restHost) reload(ctx context.Context) {
	old := h.current // only reload changes it, on one goroutine
	config, err := h.sources.ReadAll(ctx)
	if old.incomplete && errors.Is(err, standalone.ErrUnreachable) {
		return // still
	}
	var g *restGeneration
	if err == nil {
		g, err = h.start(config)
	}
	if err != nil {
		old.log.Error().Err(err).Msg("the settings could not be reloaded; the old ones stay")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, restStartTimeout)
	defer cancel()
	if err := g.Refresh(ctx); err != nil {
		old.log.Error().Err(err).Msg("the database did not answer with the new settings; the old ones stay")
		g.retire()
		return
	}
	h.mu.Lock()
	h.current = g
	h.mu.Unlock()
	h.retiring.Go(old.retire)
	g.log.Info().Msg("settings reloaded")
}

// close ends what is still running, after the last request.
func (h *restHost) close() {
	h.current.retire()
	h.retiring.Wait()
}

// enter returns the newest generation, which stays until requests.Done.
func (h *restHost) enter() *restGeneration {
	h.mu.RLock()
	defer h.mu.RUnlock()
	h.current.requests.Add(1)
	return h.current
}

// ServeHTTP implements http.Handler. A request is served to its end by the
// settings that it began with.
func (h *restHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g := h.enter()
	defer g.requests.Done()
	if g.log.GetLevel() > zerolog.ErrorLevel {
		g.ServeHTTP(w, r)
		return
	}
	began := time.Now()
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	g.Server.ServeHTTP(seen, r)
	line := g.log.Info()
	switch {
	case seen.status >= http.StatusInternalServerError:
		line = g.log.Error()
	case seen.status >= http.StatusBadRequest:
		line = g.log.Warn()
	}
	// Not the query: filters hold what people store.
	line.Str("method", r.Method).Str("path", r.URL.Path).Int("status", seen.status).Dur("ms", time.Since(began)).Msg("request")
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// serve answers on l, and on admin if there is one, until ctx ends.
func (h *restHost) serve(ctx context.Context, l, admin net.Listener) error {
	group, alive := errgroup.WithContext(context.WithoutCancel(ctx))
	servers := []*http.Server{restServer(h)}
	group.Go(func() error { return serveUntilShutdown(servers[0], l) })
	if admin != nil {
		servers = append(servers, restServer(h.admin(l.Addr())))
		group.Go(func() error { return serveUntilShutdown(servers[1], admin) })
	}
	h.in.Ready(l.Addr())
	h.followOrders(ctx, alive)

	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	var err error
	for _, s := range servers {
		if s.Shutdown(drain) != nil { // cut off what is too slow
			err = errors.Join(err, s.Close())
		}
	}
	return errors.Join(group.Wait(), err)
}

// restRetry is how often a database is asked that did not tell its settings.
const restRetry = time.Second

// followOrders reloads when asked, until a context ends.
func (h *restHost) followOrders(ctx, alive context.Context) {
	retry := time.NewTicker(restRetry)
	defer retry.Stop()
	for {
		select {
		case <-retry.C:
			if h.current.incomplete {
				h.reload(ctx)
				continue
			}
			retry.Stop()
		case <-ctx.Done():
			return
		case <-alive.Done():
			return
		case <-h.in.ReloadSchema:
			h.current.Invalidate()
		case <-h.in.ReloadConfig:
			h.reload(ctx)
		case <-h.notified:
			h.reload(ctx)
		}
	}
}

func restServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: restHeaderTimeout, IdleTimeout: restIdleTimeout}
}

func serveUntilShutdown(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// probeTimeout bounds each question of the administrator's probes.
const probeTimeout = 2 * time.Second

// admin answers as PostgREST's admin server does: /live tells whether requests
// are accepted, /ready whether they can be served, and the rest is for people
// and their monitoring.
func (h *restHost) admin(main net.Addr) http.Handler {
	mux := http.NewServeMux()
	probe := func(path string, status func(context.Context) int) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
			defer cancel()
			w.WriteHeader(status(ctx))
		})
	}
	live := func(ctx context.Context) int {
		conn, err := (&net.Dialer{}).DialContext(ctx, main.Network(), main.String())
		if err != nil {
			return http.StatusInternalServerError
		}
		_ = conn.Close()
		return http.StatusOK
	}
	probe("/live", live)
	probe("/ready", func(ctx context.Context) int {
		if status := live(ctx); status != http.StatusOK {
			return status
		}
		g := h.enter()
		defer g.requests.Done()
		if g.incomplete || !g.Loaded() || g.Ping(ctx) != nil {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		g := h.enter()
		defer g.requests.Done()
		g.ServeAdmin(w, r)
	})
	return mux
}
