package app_test

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/insforge/insforge-go/app/apptest"
	"github.com/insforge/insforge-go/embed/postgres"
	"github.com/jackc/pgx/v5"
)

// blocked makes requests for rows of a table wait until release is called.
func blocked(t *testing.T, p *process, table string) (release func()) {
	t.Helper()
	conn := p.connect(t)
	if _, err := conn.Exec(t.Context(), `BEGIN; LOCK TABLE public.`+table+` IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.Exec(t.Context(), `COMMIT`); err != nil {
			t.Error(err)
		}
	}
}

// connect logs in as a tool does: as the owner, with the port of the banner.
func (p *process) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	_, after, ok := strings.Cut(p.output(), "postgres://postgres@")
	if !ok {
		t.Fatalf("no address of Postgres in %s", p.output())
	}
	address := strings.Fields(after)[0]
	conn, err := pgx.Connect(t.Context(), "postgres://"+postgres.Superuser+":"+p.secret(t, "postgresPassword")+"@"+address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) }) //nolint:errcheck // the server may be gone
	return conn
}

// insertBlocked sends a request that waits, and returns when it does.
func insertBlocked(t *testing.T, p *process, table string) <-chan answer {
	t.Helper()
	done := make(chan answer, 1)
	watch := p.connect(t)
	go func() { done <- p.insert(t, table) }()
	apptest.Eventually(t, patience, "the request waits", func() error {
		var waits bool
		err := watch.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)`).Scan(&waits)
		if err == nil && !waits {
			err = errors.New("nobody waits")
		}
		return err
	})
	return done
}

func (p *process) awaitClosedPort(t *testing.T) {
	t.Helper()
	u, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	awaitClosed(t, "127.0.0.1:"+u.Port())
}

func awaitClosed(t *testing.T, address string) {
	t.Helper()
	apptest.Eventually(t, patience, "new connections are refused", func() error {
		conn, err := net.Dial("tcp", address)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return nil
		}
		if err == nil {
			conn.Close()
			err = errors.New("one was accepted")
		}
		return err
	})
}

func TestSignalsDrain(t *testing.T) {
	t.Parallel()
	heedHangup(t)
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT, "a closed terminal": syscall.SIGHUP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := serving(t, t.TempDir()).start(t).ready(t)
			if a := p.createTable(t, "slow"); a.Status != http.StatusCreated {
				t.Fatalf("got %+v, want 201", a)
			}
			release := blocked(t, p, "slow")
			done := insertBlocked(t, p, "slow")
			p.signal(t, signal)
			p.awaitClosedPort(t)
			select {
			case a := <-done:
				t.Fatalf("got %+v before the database answered", a)
			default:
			}
			release()
			if a := <-done; a.Status != http.StatusCreated {
				t.Errorf("got %+v for the request in progress, want 201", a)
			}
			if code := p.exitCode(t); code != 0 {
				t.Errorf("got exit code %d, want 0", code)
			}
			if left := apptest.Postmasters(p.dir); len(left) > 0 {
				t.Errorf("got Postgres %v, want none", left)
			}
			// After a graceful stop no recovery is needed.
			again := serving(t, p.dir).start(t).ready(t)
			if got := again.rows(t, "slow"); got != 1 {
				t.Errorf("got %d rows, want the one of the request in progress", got)
			}
			again.stop(t)
			log, err := os.ReadFile(filepath.Join(p.dir, "logs", "postgres.logs.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(log), "database system is ready") {
				t.Error("Postgres's log does not mention its start")
			}
			for _, trace := range []string{"not properly shut down", "was interrupted", "redo starts"} {
				if strings.Contains(string(log), trace) {
					t.Errorf("got %q in Postgres's log, want a clean start", trace)
				}
			}
		})
	}
}

// heedHangup restores the usual effect of SIGHUP for the product, even where the
// tests themselves were started to survive it.
func heedHangup(t *testing.T) {
	t.Helper()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(c) })
}

func TestNohupKeepsItRunning(t *testing.T) {
	t.Parallel()
	p := serving(t, t.TempDir())
	p.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$@"`, "sh", p.Path}, p.Args[1:]...)
	p.Path = "/bin/sh"
	p.start(t).ready(t)
	p.signal(t, syscall.SIGHUP)
	for range 3 {
		if a := send(t, http.MethodGet, p.url+"/api/health", "", nil); a.Status != http.StatusOK {
			t.Errorf("got %+v, want 200", a)
		}
	}
	p.stop(t)
}

func TestASecondSignalEndsItAtOnce(t *testing.T) {
	t.Parallel()
	p := serving(t, t.TempDir()).start(t).ready(t)
	if a := p.createTable(t, "kept"); a.Status != http.StatusCreated {
		t.Fatalf("got %+v, want 201", a)
	}
	if a := p.insert(t, "kept"); a.Status != http.StatusCreated {
		t.Fatalf("got %+v, want 201", a)
	}
	blocked(t, p, "kept") // its session ends with the server
	done := insertBlocked(t, p, "kept")
	p.signal(t, syscall.SIGTERM)
	p.awaitClosedPort(t)
	p.signal(t, syscall.SIGTERM)
	p.exitCode(t)
	if s := p.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGTERM {
		t.Errorf("got %v, want death by the signal", p.ProcessState)
	}
	if a := <-done; a.Err == nil {
		t.Errorf("got %+v for the request that was cut off, want none", a)
	}
	p.awaitNoPostgres(t)
	again := serving(t, p.dir).start(t).ready(t)
	// The row of the request that was cut off may be there or not.
	if got := again.rows(t, "kept"); got != 1 && got != 2 {
		t.Errorf("got %d rows, want the one that was acknowledged", got)
	}
	again.stop(t)
}

func TestASignalDuringTheStartLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for name, begun := range map[string]func(dir string) bool{
		"at once":                       func(string) bool { return true },
		"while the cluster is made":     func(dir string) bool { return exists(dir, "secrets.json") },
		"while Postgres starts":         func(dir string) bool { return exists(dir, "postgres", "PG_VERSION") },
		"while the schema is installed": func(dir string) bool { return exists(dir, "postgres", "postmaster.pid") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			p := serving(t, dir).start(t)
			apptest.Eventually(t, patience, "the start gets there", func() error {
				if !begun(dir) {
					return errors.New("not yet")
				}
				return nil
			})
			p.signal(t, syscall.SIGTERM)
			code := p.exitCode(t)
			// Until the command line handles signals, it dies of them.
			if code != 0 && (name != "at once" || code != -1) {
				t.Errorf("got exit code %d, want 0", code)
			}
			if strings.Contains(p.output(), "insforge: ") {
				t.Errorf("got %q, want no complaint about a stop that was asked for", p.output())
			}
			if left := apptest.Postmasters(dir); len(left) > 0 {
				t.Errorf("got Postgres %v, want none", left)
			}
			if leftovers, _ := filepath.Glob(filepath.Join(dir, "postgres?*")); len(leftovers) > 1 { // its lock
				t.Errorf("got %v beside the cluster, want nothing", leftovers)
			}
			serving(t, dir).start(t).ready(t).stop(t)
		})
	}
}

func exists(elem ...string) bool {
	_, err := os.Stat(filepath.Join(elem...))
	return err == nil
}

func TestTheReaderOfItsOutputMayGoAway(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := serving(t, t.TempDir())
	p.start(t).ready(t)
	p.stop(t)

	p = serving(t, p.dir)
	p.Stdout, p.Stderr = w, w
	if p.exited, err = apptest.Launch(p.Cmd); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r.Close() // every line it writes is an error from now on
	var note struct{ URL string }
	apptest.Eventually(t, patience, "it serves", func() error {
		text, err := os.ReadFile(filepath.Join(p.dir, "instance.json"))
		if err == nil {
			err = json.Unmarshal(text, &note)
		}
		if err == nil {
			err = send(t, http.MethodGet, note.URL+"/api/health", "", nil).Err
		}
		return err
	})
	for range 3 { // each is logged
		if a := send(t, http.MethodGet, note.URL+"/api/health", "", nil); a.Status != http.StatusOK {
			t.Errorf("got %+v, want 200", a)
		}
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
}
