package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/app/logging"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/email"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"golang.org/x/sync/errgroup"
)

// drainTimeout is how long requests in progress have after SIGTERM.
const drainTimeout = 20 * time.Second

// Console is how a process talks to the person or program that started it.
type Console struct {
	// Log gets the log lines as JSON.
	Log io.Writer
	// Ready is called once, when the first request can be served.
	Ready func(Banner)
}

// Banner is what a start prints.
type Banner struct {
	Version string
	URL     string
	// Network are the addresses for other machines, when it listens on all.
	Network       []string
	AdminUsername string
	// AdminPassword is set only when it was generated and never shown, and
	// AdminPasswordGiven when the environment gave it.
	AdminPassword      string
	AdminPasswordGiven bool
	// APIKey and AnonKey say whether keys that the environment gave are used.
	APIKey, AnonKey GivenKey
	SecretsPath     string
	Database        string
	PostgresPort    int // 0 with an external database
	StartedIn       time.Duration
	// Mail says where mails go while no mail server is set up; otherwise it is empty.
	Mail string
}

// GivenKey is the state of a key that the environment gave.
type GivenKey int

// The environment gave no key, or one that is in force, or one that came
// after the first start, when the project already had a key.
const (
	NoGivenKey GivenKey = iota
	GivenKeyInForce
	GivenKeyIgnored
)

// mailboxPath is where the administrator reads mails that were kept.
const mailboxPath = "/api/email/mailbox"

// noMail says what to do when mails go nowhere.
const noMail = "not sent; set up SMTP with PUT /api/auth/smtp-config, or keep mails for the administrator with MAILBOX=true"

// Run serves a project until ctx ends, then drains. It returns nil after a
// graceful stop, even one that interrupts the start. It closes what it opened
// in reverse order, even when a later step of the start fails.
func Run(ctx context.Context, cfg config.Config, console Console) error {
	err := run(ctx, cfg, console)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // asked to stop before it was ready
	}
	return err
}

func run(ctx context.Context, cfg config.Config, console Console) (err error) {
	began := time.Now()
	Tune()
	dir, err := openDataDir(cfg.DataDir)
	if err != nil {
		return err
	}
	defer dir.Close()

	secrets, err := config.EnsureSecrets(cfg)
	if err != nil {
		return dataDirError(cfg.DataDir, err)
	}
	if secrets.NewAdminPassword {
		if err := dir.owePassword(); err != nil {
			return err
		}
	}
	// The port comes first: if it is taken, that shows at once. While the
	// database starts, requests wait in its queue instead of being refused.
	listener, err := listen(ctx, cfg.Server.Host, cfg.Server.Port)
	if err != nil {
		return err
	}
	defer listener.Close() // Shutdown has closed it, unless the start fails

	// A project that has a database has a key; for a new one it is made while
	// Postgres is unpacked and starts.
	var key func() (tokens.KeyPair, error)
	if !cfg.Postgres.External() && !dir.hasCluster() {
		key = generateSigningKey()
	}
	place, err := locateDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	logs, err := logging.Open(logging.Options{
		Dir: cfg.Logs.Dir, Level: cfg.Logs.Level,
		Terminal: console.Log,
		Secrets:  secretsOf(cfg, secrets.Secrets),
	})
	if err != nil {
		return err
	}
	defer logs.Close()

	dir.keep()
	db, err := openDatabase(ctx, cfg, place, secrets.Secrets, logs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	p, err := build(ctx, parts{config: cfg, secrets: secrets.Secrets, db: db, signingKey: key, log: logs.Product})
	if err != nil {
		return err
	}
	url := "http://" + displayAddress(cfg.Server.Host, listener)
	if err := dir.announce(Instance{
		PID: syscall.Getpid(), URL: url, Version: Version(),
		StartedAt: began.UTC(), PostgresPort: db.port(),
	}); err != nil {
		return dataDirError(cfg.DataDir, err)
	}
	return p.serve(ctx, listener, func() {
		banner := Banner{
			Version: Version(), URL: url, Network: networkURLs(listener),
			AdminUsername: secrets.AdminUsername, AdminPasswordGiven: cfg.Given.AdminPassword != "",
			APIKey:      givenKey(ctx, cfg.Given.APIKey, p.auth.APIKey),
			AnonKey:     givenKey(ctx, cfg.Given.AnonKey, p.auth.AnonKey),
			SecretsPath: secrets.Path,
			Database:    cfg.Postgres.Database, PostgresPort: db.port(),
			StartedIn: time.Since(began),
		}
		switch p.mail {
		case email.ToMailbox:
			banner.Mail = "kept for the administrator, GET " + url + mailboxPath
		case email.Nowhere:
			banner.Mail = noMail
		}
		if dir.owesPassword() && cfg.Given.AdminPassword == "" {
			banner.AdminPassword = secrets.AdminPassword
		}
		console.Ready(banner)
		dir.passwordShown()
		logs.Product.Info().Str("url", url).Int64("started_in_ms", banner.StartedIn.Milliseconds()).Msg("insforge is ready")
	})
}

// secretsOf are what logs must not show.
func secretsOf(cfg config.Config, secrets config.Secrets) []string {
	return slices.Concat(secrets.Values(), cfg.Secrets(), []string{authenticatorPassword(secrets)})
}

// givenKey asks auth whether a key that the environment gave is in force.
func givenKey(ctx context.Context, key string, ask func(context.Context, string) (identity.Principal, error)) GivenKey {
	if key == "" {
		return NoGivenKey
	}
	if _, err := ask(ctx, key); err != nil {
		return GivenKeyIgnored
	}
	return GivenKeyInForce
}

// serve runs the background work and HTTP until ctx ends or one of them
// fails. Requests are drained before the background work stops.
func (p *product) serve(ctx context.Context, l net.Listener, ready func()) error {
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	group, alive := errgroup.WithContext(background)
	start := func(name string, run func() error) {
		group.Go(func() error {
			if err := run(); err != nil {
				return fmt.Errorf("component %s failed: %w", name, err)
			}
			return nil
		})
	}
	for _, c := range p.components {
		if c.run != nil {
			start(c.name, func() error { return c.run(alive) })
		}
	}
	start("HTTP", func() error { return p.server.Serve(l) })
	ready()
	// Starting leaves garbage behind that an idle process would keep for
	// minutes.
	debug.FreeOSMemory()

	select {
	case <-ctx.Done():
		p.log.Info().Msg("stopping: finishing requests in progress")
	case <-alive.Done():
		p.log.Error().Msgf("stopping: %v", context.Cause(alive))
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := p.server.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		p.log.Warn().Msg("requests were still running after the drain time and were cut off")
		err = nil
	}
	stopBackground()
	return errors.Join(group.Wait(), err)
}

func listen(ctx context.Context, host string, port int) (net.Listener, error) {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %d is taken by another program; choose another with --port or PORT", port)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this user may not listen on port %d; choose one above 1023 with --port or PORT", port)
	}
	var unknown *net.DNSError
	if errors.As(err, &unknown) || errors.Is(err, syscall.EADDRNOTAVAIL) {
		return nil, fmt.Errorf("%s is not an address of this machine; choose another with --host or HOST, such as 127.0.0.1, or 0.0.0.0 for all", host)
	}
	return nil, fmt.Errorf("listen on %s: %w", address, err)
}

// displayAddress is the address to show a person: localhost when the server
// listens on every address.
func displayAddress(host string, l net.Listener) string {
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	if ip := net.ParseIP(host); host == "" || (ip != nil && (ip.IsUnspecified() || ip.IsLoopback())) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// maxNetworkURLs bounds what the banner lists: machines that run containers
// have an address for each bridge.
const maxNetworkURLs = 3

// networkURLs are the addresses at which other machines reach the server; none
// unless it listens on every address.
func networkURLs(l net.Listener) (urls []string) {
	listening := l.Addr().(*net.TCPAddr)
	if !listening.IP.IsUnspecified() {
		return nil
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil // a banner without them is still one
	}
	for _, a := range addresses {
		network, ok := a.(*net.IPNet)
		if !ok || !network.IP.IsGlobalUnicast() || len(urls) == maxNetworkURLs {
			continue
		}
		urls = append(urls, "http://"+net.JoinHostPort(network.IP.String(), strconv.Itoa(listening.Port)))
	}
	return urls
}
