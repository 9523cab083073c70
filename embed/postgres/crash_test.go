package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/insforge/insforge-go/embed/bundle"
	"github.com/insforge/insforge-go/embed/postgres"
	"github.com/insforge/insforge-go/embed/scratch"
	"github.com/jackc/pgx/v5"
)

// childEnv makes the test binary a program that runs a server and writes rows,
// for the tests that kill it.
const childEnv = "INSFORGE_TEST_WRITER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := writerProgram(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(scratch.Run(m.Run))
}

// writerProgram starts a server, prints its postmaster's number, then inserts
// numbers from 1 on and prints each when it was acknowledged, until it is killed.
func writerProgram(dir string) error {
	ctx := context.Background()
	rt, err := bundle.FindPostgres(ctx, bundle.Options{})
	if err != nil {
		return err
	}
	s, err := postgres.Start(ctx, postgres.Options{DataDir: dir, Runtime: rt, Password: password, NoTCP: true, MemoryBytes: 512 << 20})
	if err != nil {
		return err
	}
	fmt.Println("postmaster", s.PID())
	conn, err := pgx.Connect(ctx, s.DSN("postgres", password, "postgres"))
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS rows (n int PRIMARY KEY)"); err != nil {
		return err
	}
	var n int
	if err := conn.QueryRow(ctx, "SELECT coalesce(max(n), 0) FROM rows").Scan(&n); err != nil {
		return err
	}
	for {
		n++
		if _, err := conn.Exec(ctx, "INSERT INTO rows VALUES ($1)", n); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// runWriter runs the writer until it has acknowledged rows further rows, kills
// it with SIGKILL, and returns the postmaster's number and the last number that
// was acknowledged.
func runWriter(t *testing.T, dir string, rows int) (postmaster, last int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for seen := 0; lines.Scan(); {
		if pid, ok := strings.CutPrefix(lines.Text(), "postmaster "); ok {
			postmaster, _ = strconv.Atoi(pid)
			continue
		}
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Errorf("writer printed %q", lines.Text())
		}
		if seen++; seen == rows {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() > 0 {
		t.Fatalf("writer was not killed: %v\n%s", err, stderr.String())
	}
	return postmaster, last
}

// running reports whether a process is alive and not a zombie.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil && !exists("/proc/self")
	}
	rest := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
	return !strings.HasPrefix(strings.TrimSpace(rest), "Z")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestKillOfTheProgramLosesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	var last int
	for round := range 3 {
		var postmaster int
		postmaster, last = runWriter(t, dir, 20)
		if round == 0 {
			// The kernel signals the postmaster; no further start is needed.
			eventually(t, "the orphaned postmaster ended", func() bool { return !running(postmaster) })
		}
	}
	o, _ := options(t, dir)
	conn := connect(t, start(t, o))
	var count, highest int
	if err := conn.QueryRow(t.Context(), "SELECT count(*), max(n) FROM rows").Scan(&count, &highest); err != nil {
		t.Fatal(err)
	}
	// The one insert under way when the kill came may or may not be there.
	if highest < last || highest > last+1 || count != highest {
		t.Errorf("got %d rows up to %d, want all up to %d", count, highest, last)
	}
}

// TestKillDuringTheFirstStartIsHarmless kills the program as soon as a file of
// the new data directory appears, one after another.
func TestKillDuringTheFirstStartIsHarmless(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{
		"data.tmp-*", "data.tmp-*/PG_VERSION", "data.tmp-*/pg_wal/0*", "data.tmp-*/insforge.conf",
		"data.tmp-*/postmaster.pid", "data.tmp-*/insforge.superuser", "data", "data/insforge.lock", "data/postmaster.pid",
	} {
		t.Run(strings.ReplaceAll(moment, "/", " "), func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"="+filepath.Join(base, "data"))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, moment+" is there", func() bool {
				found, err := filepath.Glob(filepath.Join(base, moment))
				return err != nil || len(found) > 0 || exists(filepath.Join(base, "data", "postmaster.pid"))
			})
			cmd.Process.Kill()
			cmd.Wait()
			o, _ := options(t, filepath.Join(base, "data"))
			conn := connect(t, start(t, o))
			if _, err := conn.Exec(t.Context(), "CREATE TABLE t (n int); INSERT INTO t VALUES (1)"); err != nil {
				t.Error(err)
			}
			if left, _ := filepath.Glob(filepath.Join(base, "data.tmp-*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// writer inserts numbers over new connections as needed and remembers which were
// acknowledged, until its context ends.
type writer struct {
	acknowledged []int
	count        atomic.Int64
}

func (w *writer) run(ctx context.Context, dsn string) {
	var conn *pgx.Conn
	for n := 1; ctx.Err() == nil; n++ {
		if conn == nil || conn.IsClosed() {
			c, err := pgx.Connect(ctx, dsn)
			if err != nil {
				continue
			}
			conn = c
		}
		if _, err := conn.Exec(ctx, "INSERT INTO rows VALUES ($1)", n); err == nil {
			w.acknowledged = append(w.acknowledged, n)
			w.count.Add(1)
		}
	}
	if conn != nil {
		conn.Close(context.Background())
	}
}

// TestKillsUnderLoadLoseNothing kills the postmaster, then a session, again and
// again while rows are written.
func TestKillsUnderLoadLoseNothing(t *testing.T) {
	t.Parallel()
	o, book := options(t, filepath.Join(t.TempDir(), "data"))
	s := start(t, o)
	if _, err := connect(t, s).Exec(t.Context(), "CREATE TABLE rows (n int PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var w writer
	done := make(chan struct{})
	go func() { defer close(done); w.run(ctx, s.DSN("postgres", password, "postgres")) }()

	progress := func() {
		t.Helper()
		from := w.count.Load()
		eventually(t, "more rows are acknowledged", func() bool { return w.count.Load() >= from+10 })
	}
	progress()
	for round := range 3 {
		if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server was started again", func() bool { return s.Restarts() == round+1 })
		progress()
		session := value(t, connect(t, s), "SELECT pg_backend_pid()")
		pid, _ := strconv.Atoi(session)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server noticed", func() bool { return strings.Count(book.text(), "was terminated by signal 9") == round+1 })
		progress()
		if got := s.Restarts(); got != round+1 {
			t.Errorf("a session's death restarted the whole server: got %d restarts, want %d", got, round+1)
		}
	}
	cancel()
	<-done
	conn := connect(t, s)
	missing := value(t, conn, fmt.Sprintf("SELECT count(*) FROM unnest('%s'::int[]) AS a(n) WHERE NOT EXISTS (SELECT FROM rows WHERE rows.n = a.n)",
		strings.NewReplacer("[", "{", "]", "}", " ", ",").Replace(fmt.Sprint(w.acknowledged))))
	if missing != "0" {
		t.Errorf("%s of %d acknowledged rows are missing", missing, len(w.acknowledged))
	}
}

// TestBusyOrphanDoesNotBlockTheRestart kills the postmaster while a session
// computes and would not look up for hours.
func TestBusyOrphanDoesNotBlockTheRestart(t *testing.T) {
	t.Parallel()
	o, _ := options(t, filepath.Join(t.TempDir(), "data"))
	s := start(t, o)
	busy := connect(t, s)
	pid, _ := strconv.Atoi(value(t, busy, "SELECT pg_backend_pid()"))
	go busy.Exec(context.Background(), "DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$")
	watch := connect(t, s)
	eventually(t, "the session is busy", func() bool {
		return value(t, watch, fmt.Sprintf("SELECT state FROM pg_stat_activity WHERE pid = %d", pid)) == "active"
	})
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server was started again", func() bool { return s.Restarts() == 1 })
	// It gave up the lock; the last of it the system may still be clearing away.
	eventually(t, "the session of the old server is gone", func() bool { return !running(pid) })
	if got := value(t, connect(t, s), "SELECT 1"); got != "1" {
		t.Errorf("got %s, want 1", got)
	}
}

// asServerUser runs a command as the user that owns the cluster.
func asServerUser(t *testing.T, dir string, name string, args ...string) *exec.Cmd {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	if os.Geteuid() == 0 {
		owner := info.Sys().(*syscall.Stat_t)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

func TestStalePostmasterFileNeverBlocksNorKills(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	o, _ := options(t, filepath.Join(base, "data"))
	stop(t, start(t, o))
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	// In a folder of its own, because the one of the test may be closed to others.
	folder, err := os.MkdirTemp("", "stale")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	impostor := filepath.Join(folder, "postgres")
	if err := os.WriteFile(impostor, program, 0o755); err != nil {
		t.Fatal(err)
	}
	pidFile := filepath.Join(o.DataDir, "postmaster.pid")
	content := func(pid int) string { return fmt.Sprintf("%d\n%s\n1700000000\n5432\n\n\n\nready\n", pid, o.DataDir) }
	for name, make := range map[string]func() (string, int){
		"empty file":   func() (string, int) { return "", 0 },
		"garbage":      func() (string, int) { return "\x00\x00\x00", 0 },
		"dead process": func() (string, int) { return content(1 << 22), 0 },
		"another program of the same user": func() (string, int) {
			cmd := asServerUser(t, o.DataDir, sleep, "1000")
			return content(cmd.Process.Pid), cmd.Process.Pid
		},
		"another program called postgres": func() (string, int) {
			cmd := asServerUser(t, o.DataDir, impostor, "1000")
			return content(cmd.Process.Pid), cmd.Process.Pid
		},
		"this program": func() (string, int) { return content(os.Getpid()), os.Getpid() },
	} {
		text, pid := make()
		if err := os.WriteFile(pidFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := postgres.Start(t.Context(), o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		stop(t, s)
		if pid != 0 && !running(pid) {
			t.Errorf("%s: it was killed", name)
		}
	}
}

// TestServerStartedByOthersIsLeftAlone runs the same cluster with Postgres's own
// tools.
func TestServerStartedByOthersIsLeftAlone(t *testing.T) {
	t.Parallel()
	base, err := os.MkdirTemp("", "others") // reachable for the server's user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	o, _ := options(t, filepath.Join(base, "data"))
	stop(t, start(t, o))
	foreign := asServerUser(t, o.DataDir, filepath.Join(o.Runtime.BinDir, "postgres"), "-D", o.DataDir,
		"-c", "listen_addresses=", "-c", "unix_socket_directories=.")
	eventually(t, "the foreign server is ready", func() bool {
		text, _ := os.ReadFile(filepath.Join(o.DataDir, "postmaster.pid"))
		return strings.Contains(string(text), "ready")
	})
	_, err = postgres.Start(t.Context(), o)
	if e := wantKind(t, err, postgres.KindInUse); !strings.Contains(e.Message, strconv.Itoa(foreign.Process.Pid)) {
		t.Errorf("message does not name process %d: %s", foreign.Process.Pid, e.Message)
	}
	if !running(foreign.Process.Pid) {
		t.Error("the foreign server was killed")
	}
	foreign.Process.Signal(syscall.SIGINT)
	foreign.Wait()
	start(t, o)
}

func TestStopEndsOpenTransactionsAndIsFinal(t *testing.T) {
	t.Parallel()
	o, _ := options(t, filepath.Join(t.TempDir(), "data"))
	s := start(t, o)
	conn := connect(t, s)
	for _, sql := range []string{"CREATE TABLE t (n int)", "BEGIN", "INSERT INTO t VALUES (1)"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	pid := s.PID()
	stop(t, s)
	stop(t, s)
	select {
	case <-s.Done():
	default:
		t.Error("Done is not closed")
	}
	if running(pid) {
		t.Errorf("process %d still runs", pid)
	}
	if s.Restarts() != 0 {
		t.Errorf("got %d restarts, want 0", s.Restarts())
	}
	if exists(filepath.Join(o.DataDir, "postmaster.pid")) {
		t.Error("postmaster.pid is still there: the shutdown was not regular")
	}
	if got := value(t, connect(t, start(t, o)), "SELECT count(*) FROM t"); got != "0" {
		t.Errorf("got %s rows of the open transaction, want 0", got)
	}
}

func TestStopWithoutPatienceKillsAndRecovers(t *testing.T) {
	t.Parallel()
	o, _ := options(t, filepath.Join(t.TempDir(), "data"))
	s, err := postgres.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, s).Exec(t.Context(), "CREATE TABLE t AS SELECT generate_series(1, 1000)"); err != nil {
		t.Fatal(err)
	}
	pid := s.PID()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil { // it cannot stop regularly
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx); err == nil {
		t.Error("a forced stop gave no error")
	}
	if running(pid) {
		t.Errorf("process %d still runs", pid)
	}
	if got := value(t, connect(t, start(t, o)), "SELECT count(*) FROM t"); got != "1000" {
		t.Errorf("got %s rows, want 1000", got)
	}
}
