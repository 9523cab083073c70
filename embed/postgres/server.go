package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/insforge/insforge-go/embed/supervise"
)

// markSetting is an argument of the server that distinguishes it from others.
const markSetting = "insforge.cluster"

// Server is a running Postgres. Its methods may be called concurrently.
type Server struct {
	// SocketDir is the folder of the unix socket, for clients of this user.
	SocketDir string
	// Port is in the name of the socket and, unless Options.NoTCP, the TCP port
	// on the loopback addresses.
	Port int
	// Version of the server, such as "17.10".
	Version string

	options  Options
	place    place
	process  *supervise.Process
	lines    recent
	owner    *os.File
	cleanup  func()
	stopOnce sync.Once
	stopErr  error
	done     chan struct{}
}

// Start makes the data directory if it is missing or empty, starts the server on
// it, waits until it accepts connections, and keeps it running until Stop. A
// server that dies is started again with growing pauses.
//
// The error is an *Error, or ctx's; ctx bounds only the start. After an error
// nothing is left running.
func Start(ctx context.Context, o Options) (*Server, error) {
	s, err := startServer(ctx, o)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if known := (*Error)(nil); err != nil && !errors.As(err, &known) {
		err = &Error{Kind: KindInternal, Message: "start Postgres", Err: err}
	}
	return s, err
}

func startServer(ctx context.Context, o Options) (*Server, error) {
	o, err := o.check()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(o.DataDir), 0o700); err != nil {
		return nil, fileError("create", filepath.Dir(o.DataDir), err)
	}
	if o.DataDir, err = resolve(o.DataDir); err != nil {
		return nil, err
	}
	// Refusals come before anything is written beside the directory.
	if _, err := accountFor(o.DataDir); err != nil {
		return nil, err
	}
	if _, err := ClusterMajor(o.DataDir); err != nil {
		return nil, err
	}
	owner, err := lockOwner(o.DataDir)
	if err != nil {
		return nil, err
	}
	s := &Server{Version: o.Runtime.Version, options: o, owner: owner, cleanup: func() {}, done: make(chan struct{})}
	if err := s.start(ctx); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// resolve follows links in the path, so that it means the same to the server,
// to later starts and to the checks of permissions. The directory itself need
// not exist.
func resolve(dir string) (string, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		return real, nil
	}
	if _, err := os.Lstat(dir); err == nil {
		// Making a cluster in its place would hide the one on a disk that is missing.
		return "", &Error{Kind: KindDirectory, Message: dir +
			" is a link to a place that cannot be reached; check that its disk is mounted, or remove the link"}
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
	if err != nil {
		return "", fileError("find", filepath.Dir(dir), err)
	}
	return filepath.Join(parent, filepath.Base(dir)), nil
}

// start does the work of Start under the owner's lock.
func (s *Server) start(ctx context.Context) error {
	created, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	dir, cleanup, err := socketDir(s.place.dir)
	if err != nil {
		return err
	}
	s.SocketDir, s.cleanup = dir, cleanup
	if err := s.launch(ctx); err != nil {
		return err
	}
	if err := s.finish(ctx, created); err != nil {
		// It runs, or did until a second start failed; either way this ends it. If
		// it has to be killed because ctx ended, that adds nothing to the error.
		_ = s.process.Stop(ctx)
		return err
	}
	return nil
}

// prepare makes the data directory ready for a server. created reports whether
// there was none before.
func (s *Server) prepare(ctx context.Context) (created bool, err error) {
	o := s.options
	major, err := ClusterMajor(o.DataDir)
	if err != nil {
		return false, err
	}
	a, err := accountFor(o.DataDir)
	if err != nil {
		return false, err
	}
	if s.place, err = newPlace(o.DataDir, a, o.Runtime); err != nil {
		return false, err
	}
	if major == 0 {
		return true, create(ctx, o, a)
	}
	if err := checkMajor(o.DataDir, o.Runtime, major); err != nil {
		return false, err
	}
	return false, s.refresh(ctx)
}

// refresh brings an existing cluster up to the options.
func (s *Server) refresh(ctx context.Context) error {
	o, p := s.options, s.place
	if uid, _, ok := ownerOf(p.dir); ok && uid != p.account.uid {
		if err := p.account.ownTree(p.dir); err != nil {
			return fileError("change the owner of", p.dir, err)
		}
	}
	if err := os.Chmod(p.dir, 0o700); err != nil {
		return fileError("protect", p.dir, err)
	}
	// No server may run while its files change, and single-user mode needs it too.
	lock, _, err := p.lockServer(ctx, patienceAfter(o.StopTimeout), s.say)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := p.configure(o); err != nil {
		return err
	}
	same, err := p.hasPassword(o.Password)
	if err != nil || same {
		return err
	}
	return p.setPassword(ctx, o.Password, []*os.File{lock})
}

// launch starts the server process on a free port.
func (s *Server) launch(ctx context.Context) error {
	port := s.options.Port
	for {
		if !s.options.NoTCP {
			free, err := freePort(port)
			if err != nil {
				return err
			}
			port = free
		}
		s.Port = port
		process, err := supervise.Start(ctx, s.spec())
		if err == nil {
			s.process = process
			return nil
		}
		failed := s.startError(ctx, err)
		if known := (*Error)(nil); !errors.As(failed, &known) || known.Kind != KindPort || port == 65535 {
			return failed
		}
		port++ // it was taken between the check and the start
	}
}

func (s *Server) spec() supervise.Spec {
	return supervise.Spec{
		Command:      s.command,
		Ready:        s.place.ready,
		ReadyTimeout: s.options.StartTimeout,
		Line: func(_ supervise.Stream, text string) {
			line := parseLine(text)
			s.lines.add(text)
			s.options.Log(line)
		},
		OnEvent: s.onEvent,
		Stop: []supervise.StopStep{
			{Signal: syscall.SIGINT, Wait: s.options.StopTimeout}, // ends sessions, writes a checkpoint
			{Signal: syscall.SIGQUIT, Wait: quitPatience},         // ends at once, recovers at the next start
		},
		// A regular shutdown, so that the next start, which waits for its end, finds
		// a clean cluster; it is quick, since nothing but a checkpoint is left to do.
		DeathSignal: syscall.SIGINT,
	}
}

// command is called for each start: it makes sure that nothing of an earlier
// server runs and hands the lock to the new one.
func (s *Server) command(ctx context.Context) (*exec.Cmd, error) {
	lock, mark, err := s.place.lockServer(ctx, patienceAfter(s.options.StopTimeout), s.say)
	if err != nil {
		return nil, err
	}
	s.lines.reset()
	addresses := ""
	if !s.options.NoTCP {
		addresses = listenAddresses(s.Port)
		if addresses == "" {
			s.say(LevelWarn, fmt.Sprintf("TCP port %d is taken: tools cannot connect until the next restart", s.Port))
		}
	}
	// On the command line, because nothing in a configuration file may change
	// what this package relies on.
	cmd, err := s.place.command("postgres", []*os.File{lock}, func(dir string) []string {
		return []string{
			"-D", dir,
			"-p", strconv.Itoa(s.Port),
			"-c", "listen_addresses=" + addresses,
			"-c", "unix_socket_directories=.", // of the data directory, where every server process is
			"-c", "unix_socket_permissions=0600",
			"-c", "log_destination=stderr",
			"-c", "logging_collector=off",
			"-c", "log_line_prefix=" + strings.ReplaceAll(logPrefix, `\t`, "\t"),
			"-c", markSetting + "=" + mark,
		}
	})
	if err != nil {
		lock.Close()
		return nil, err
	}
	return cmd, nil
}

// ready looks into postmaster.pid, where the server says that it accepts
// connections. That costs it nothing, and works before anyone may log in.
func (p place) ready(_ context.Context, pid int) error {
	lines := p.readPostmasterFile()
	if postmasterPID(lines) == pid && len(lines) > statusLine && strings.TrimSpace(lines[statusLine]) == "ready" {
		return nil
	}
	return errors.New("the server does not accept connections yet")
}

// onEvent reports deaths and recoveries to the log.
func (s *Server) onEvent(e supervise.Event) {
	switch e.State {
	case supervise.Exited:
		s.say(LevelError, fmt.Sprintf("server process %d ended unexpectedly (%v); starting it again in %v", e.PID, e.Err, e.RetryIn))
	case supervise.Failed:
		s.say(LevelError, fmt.Sprintf("%v; trying again in %v", s.startError(context.Background(), e.Err), e.RetryIn))
	}
}

// say writes a line of our own into the log.
func (s *Server) say(level Level, message string) {
	s.options.Log(Line{Level: level, Message: message})
}

// startError explains why the process did not start.
func (s *Server) startError(ctx context.Context, err error) error {
	switch known := (*Error)(nil); {
	case errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, supervise.ErrExitedEarly):
		return serverError("Postgres ended while starting on "+s.place.dir, s.lines.all(), nil)
	case errors.Is(err, supervise.ErrNotReady):
		return &Error{Kind: KindTimeout, Log: tail(s.lines.all(), 10), Message: fmt.Sprintf(
			"Postgres did not accept connections within %v; it may be recovering from a crash: start again with more time", s.options.StartTimeout)}
	}
	return runError(filepath.Join(s.place.runtime.BinDir, "postgres"), err)
}

// DSN is a connection string in keyword form through the unix socket, for
// clients in this program and of this user.
func (s *Server) DSN(user, password, database string) string {
	return connectionString(s.SocketDir, s.Port, user, password, database)
}

func connectionString(folder string, port int, user, password, database string) string {
	return strings.Join([]string{
		"host=" + quoteDSN(folder),
		"port=" + strconv.Itoa(port),
		"user=" + quoteDSN(user),
		"password=" + quoteDSN(password),
		"dbname=" + quoteDSN(database),
		"sslmode=disable",
	}, " ")
}

func quoteDSN(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}

// URL is a connection string through loopback TCP, for tools and libraries.
func (s *Server) URL(user, password, database string) string {
	u := url.URL{
		Scheme: "postgresql", User: url.UserPassword(user, password),
		Host: "127.0.0.1:" + strconv.Itoa(s.Port), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Restarts counts how often the server was started again after it died. A crash
// of one session, which the server itself recovers from, does not count.
func (s *Server) Restarts() int { return s.process.Restarts() }

// PID is the process number of the postmaster that was started last.
func (s *Server) PID() int { return s.process.PID() }

// Done is closed when Stop has ended the server.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop ends the sessions, shuts the server down and releases the data
// directory. When a clean shutdown takes longer than Options.StopTimeout it is
// cut short, and when ctx ends first the server is killed; the next start then
// recovers, and no acknowledged write is lost. Further calls return the same.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		s.stopErr = s.process.Stop(ctx)
		s.release()
		close(s.done)
	})
	return s.stopErr
}

func (s *Server) release() {
	s.cleanup()
	unlockOwner(s.owner)
}
