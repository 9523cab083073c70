package standalone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"golang.org/x/sync/errgroup"
)

// How long a process waits for headers, for the next request on a connection,
// for the database at a start or reload, and for the requests in progress when
// it ends.
const (
	headerTimeout = 20 * time.Second
	idleTimeout   = time.Minute
	startTimeout  = 10 * time.Second
	drainTimeout  = 20 * time.Second
)

// retryEvery is how often a database that did not answer is asked again for
// its settings.
const retryEvery = time.Second

// Process is what a PostgREST process is started with.
type Process struct {
	// Environ is a list of name=value, ConfigFile a file of PostgREST's that
	// ranks below it; it may be empty.
	Environ    []string
	ConfigFile string
	// NewVerifier returns what checks tokens as the settings say, where they
	// have a secret; see [Deps].
	NewVerifier func(Config) (verify func(token string) (claims []byte, err error), err error)
	// Log gets the log lines, JSON.
	Log io.Writer
	// ReloadSchema and ReloadConfig ask for what PostgREST does at SIGUSR1
	// and SIGUSR2.
	ReloadSchema, ReloadConfig <-chan os.Signal
	// Ready is called once, with the address, when requests are accepted.
	Ready func(address net.Addr)
}

// Serve answers requests until ctx ends, and then finishes those in progress.
// It returns nil after that, and an error for settings that are wrong, an
// address that is taken and a login that the database refuses. It waits for a
// database that does not answer.
func (p Process) Serve(ctx context.Context) error {
	h := &handler{in: p, sources: NewSources(p.Environ, p.ConfigFile), notified: make(chan struct{}, 1)}
	config, err := h.sources.Read()
	if err != nil {
		return err
	}
	l, err := listen(ctx, config)
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
	// All requests are refused until the settings in the database were read.
	complete, err := h.sources.ReadAll(ctx)
	switch {
	case err == nil:
		config = complete
	case loginRefused(err):
		return fmt.Errorf("PGRST_DB_URI: the database refuses the login: %w", err)
	case !errors.Is(err, ErrUnreachable):
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

// loginRefused reports whether the database rejects the login, so that waiting
// is no use.
func loginRefused(err error) bool {
	state := pg.State(err)
	return len(state) == 5 && state[:2] == "28"
}

func listen(ctx context.Context, c Config) (net.Listener, error) {
	if c.UnixSocket == "" {
		return listenTCP(ctx, c.Address)
	}
	// Another process may have left its socket. Anything else stays.
	if info, err := os.Lstat(c.UnixSocket); err == nil && info.Mode()&fs.ModeSocket != 0 {
		if err := os.Remove(c.UnixSocket); err != nil {
			return nil, err
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", c.UnixSocket)
	if err != nil {
		if system := (*os.SyscallError)(nil); errors.As(err, &system) {
			err = system.Err // without the names of calls and the path again
		}
		return nil, fmt.Errorf("PGRST_SERVER_UNIX_SOCKET: cannot listen on %s: %w", c.UnixSocket, err)
	}
	if err := os.Chmod(c.UnixSocket, c.UnixSocketMode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func listenTCP(ctx context.Context, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err == nil {
		return l, nil
	}
	problem := fmt.Errorf("cannot listen on %s: %w", address, err)
	var unknown *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		problem = fmt.Errorf("%s is taken by another program", address)
	case errors.Is(err, syscall.EACCES):
		problem = fmt.Errorf("this user may not listen on %s, whose port is below 1024", address)
	case errors.As(err, &unknown), errors.Is(err, syscall.EADDRNOTAVAIL):
		problem = fmt.Errorf("%s is not an address of this machine", address)
	}
	return nil, fmt.Errorf("%w; choose another with PGRST_SERVER_HOST, PGRST_SERVER_PORT or PGRST_ADMIN_SERVER_PORT", problem)
}

// serve answers on l, and on admin if there is one, until ctx ends.
func (h *handler) serve(ctx context.Context, l, admin net.Listener) error {
	group, alive := errgroup.WithContext(context.WithoutCancel(ctx))
	servers := []*http.Server{newHTTPServer(h)}
	group.Go(func() error { return serveUntilShutdown(servers[0], l) })
	if admin != nil {
		servers = append(servers, newHTTPServer(h.admin(l.Addr())))
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

// followOrders reloads when asked, until a context ends.
func (h *handler) followOrders(ctx, alive context.Context) {
	retry := time.NewTicker(retryEvery)
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

func newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
}

func serveUntilShutdown(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
