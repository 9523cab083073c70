package supervise_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/embed/supervise"
)

// parentEnv makes the test binary a program that supervises a shell command, for
// the test that kills it.
const parentEnv = "SUPERVISE_TEST_PARENT"

func TestMain(m *testing.M) {
	if script := os.Getenv(parentEnv); script != "" {
		p, err := supervise.Start(context.Background(), supervise.Spec{Command: shell(script), DeathSignal: syscall.SIGTERM})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(p.PID())
		<-p.Done()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func shell(script string) func(context.Context) (*exec.Cmd, error) {
	return func(context.Context) (*exec.Cmd, error) { return exec.Command("/bin/sh", "-c", script), nil }
}

// recorder collects output and events.
type recorder struct {
	mu     sync.Mutex
	lines  []string
	events []supervise.Event
}

func (r *recorder) line(_ supervise.Stream, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, text)
}

func (r *recorder) event(e supervise.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) seen() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}

func (r *recorder) states() []supervise.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	var states []supervise.State
	for _, e := range r.events {
		states = append(states, e.State)
	}
	return states
}

// printed is a Ready that waits for a line.
func (r *recorder) printed(want string) func(context.Context, int) error {
	return func(context.Context, int) error {
		for _, line := range r.seen() {
			if line == want {
				return nil
			}
		}
		return errors.New("line not seen yet")
	}
}

func start(t *testing.T, spec supervise.Spec) *supervise.Process {
	t.Helper()
	p, err := supervise.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	return p
}

func stop(t *testing.T, p *supervise.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("still not true after two minutes: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestOutputArrivesLineByLineAndBounded(t *testing.T) {
	t.Parallel()
	var r recorder
	p := start(t, supervise.Spec{
		Command: shell(`printf 'one\r\n\ntwo\n'; head -c 100000 /dev/zero | tr '\0' x; echo; printf 'done\nno end'; exec sleep 1000 >/dev/null 2>&1`),
		Line:    r.line, Ready: r.printed("done"), MaxLineBytes: 10,
	})
	stop(t, p)
	want := []string{"one", "", "two", "xxxxxxxxxx [line cut]", "done", "no end"}
	if diff := cmp.Diff(want, r.seen()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestFailedStartIsReportedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	never := func(context.Context, int) error { return errors.New("not yet") }
	var pid int
	remember := func(_ context.Context, p int) error { pid = p; return errors.New("not yet") }

	_, err := supervise.Start(t.Context(), supervise.Spec{Command: shell("exit 3"), Ready: never})
	if !errors.Is(err, supervise.ErrExitedEarly) || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("early exit: got %v", err)
	}
	_, err = supervise.Start(t.Context(), supervise.Spec{Command: shell("exec sleep 1000"), Ready: remember, ReadyTimeout: 50 * time.Millisecond})
	if !errors.Is(err, supervise.ErrNotReady) || alive(pid) {
		t.Errorf("not ready: got %v, process alive: %v", err, alive(pid))
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = supervise.Start(ctx, supervise.Spec{Command: shell("exec sleep 1000"), Ready: func(_ context.Context, p int) error {
		pid = p
		cancel()
		return errors.New("not yet")
	}})
	if !errors.Is(err, context.Canceled) || alive(pid) {
		t.Errorf("cancelled: got %v, process alive: %v", err, alive(pid))
	}
	missing := func(context.Context) (*exec.Cmd, error) { return exec.Command("/nonexistent/program"), nil }
	if _, err = supervise.Start(t.Context(), supervise.Spec{Command: missing}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing program: got %v", err)
	}
	refused := errors.New("refused")
	none := func(context.Context) (*exec.Cmd, error) { return nil, refused }
	if _, err = supervise.Start(t.Context(), supervise.Spec{Command: none}); !errors.Is(err, refused) {
		t.Errorf("refused command: got %v", err)
	}
}

func TestDeadProcessIsStartedAgainWithGrowingPauses(t *testing.T) {
	t.Parallel()
	var r recorder
	state := filepath.Join(t.TempDir(), "count")
	// The first and the fifth run stay, those between end at once.
	script := `n=$(cat ` + state + ` 2>/dev/null || echo 0); n=$((n+1)); echo $n >` + state + `
		case $n in 2|3|4) exit 7;; esac; echo up $n; exec sleep 1000`
	ready := func(_ context.Context, _ int) error {
		if lines := r.seen(); len(lines) > 0 && (lines[len(lines)-1] == "up 1" && len(r.states()) < 3 || lines[len(lines)-1] == "up 5") {
			return nil
		}
		return errors.New("not up")
	}
	p := start(t, supervise.Spec{
		Command: shell(script), Line: r.line, OnEvent: r.event, Ready: ready,
		Backoff: supervise.Backoff{Min: 4 * time.Millisecond, Max: 10 * time.Millisecond, Stable: time.Hour},
	})
	first := p.PID()
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs again", func() bool { return p.Restarts() == 1 })
	if p.PID() == first {
		t.Error("the number of the process did not change")
	}
	stop(t, p)
	want := []supervise.State{
		supervise.Starting, supervise.Ready, supervise.Exited,
		supervise.Starting, supervise.Failed, supervise.Starting, supervise.Failed, supervise.Starting, supervise.Failed,
		supervise.Starting, supervise.Ready, supervise.Stopped,
	}
	if diff := cmp.Diff(want, r.states()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	var pauses []time.Duration
	for _, e := range r.events {
		if e.RetryIn > 0 {
			pauses = append(pauses, e.RetryIn/time.Millisecond)
		}
	}
	if diff := cmp.Diff([]time.Duration{4, 8, 10, 10}, pauses); diff != "" {
		t.Errorf("pauses in ms (-want +got):\n%s", diff)
	}
}

func TestPauseIsShortAgainAfterAStableRun(t *testing.T) {
	t.Parallel()
	var r recorder
	p := start(t, supervise.Spec{
		Command: shell("exec sleep 1000"), OnEvent: r.event,
		Backoff: supervise.Backoff{Min: time.Millisecond, Max: time.Hour, Stable: time.Nanosecond},
	})
	for i := range 20 { // doubling each time would take minutes
		if err := p.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it runs again", func() bool { return p.Restarts() == i+1 })
	}
}

func TestStopIsGentleFirst(t *testing.T) {
	t.Parallel()
	var r recorder
	p := start(t, supervise.Spec{
		Command: shell(`trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done`),
		Line:    r.line, Ready: r.printed("up"),
	})
	stop(t, p)
	if diff := cmp.Diff([]string{"up", "bye"}, r.seen()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if err := p.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signal after the end: got %v, want os.ErrProcessDone", err)
	}
}

func TestStopEscalatesToTheWholeGroup(t *testing.T) {
	t.Parallel()
	var r recorder
	p := start(t, supervise.Spec{
		Command: shell(`trap '' TERM INT; sleep 1000 & echo $!; echo up; while :; do sleep 0.01; done`),
		Line:    r.line, Ready: r.printed("up"),
		Stop: []supervise.StopStep{{syscall.SIGINT, 10 * time.Millisecond}, {syscall.SIGTERM, 10 * time.Millisecond}},
	})
	descendant, err := strconv.Atoi(r.seen()[0])
	if err != nil {
		t.Fatal(err)
	}
	pid := p.PID()
	stop(t, p)
	if alive(pid) {
		t.Error("the process is still there, alive or as a zombie")
	}
	eventually(t, "its child is gone", func() bool { return !running(descendant) })
}

// running is alive without being a zombie that its new parent has yet to reap.
func running(pid int) bool {
	out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	state := strings.TrimSpace(string(out))
	return state != "" && !strings.HasPrefix(state, "Z")
}

func TestStopWithEndedContextKillsAtOnce(t *testing.T) {
	t.Parallel()
	var r recorder
	p := start(t, supervise.Spec{
		Command: shell(`trap '' TERM; echo up; while :; do sleep 0.01; done`),
		Line:    r.line, Ready: r.printed("up"),
		Stop: []supervise.StopStep{{syscall.SIGTERM, time.Hour}},
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	pid := p.PID()
	if err := p.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if alive(pid) {
		t.Error("the process is still there")
	}
}

func TestStopInterruptsAPauseAndMayBeCalledOften(t *testing.T) {
	t.Parallel()
	var r recorder
	p := start(t, supervise.Spec{
		Command: shell("exec sleep 1000"), OnEvent: r.event,
		Backoff: supervise.Backoff{Min: time.Hour},
	})
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it pauses", func() bool { return len(r.states()) == 3 })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { stop(t, p) })
	}
	wg.Wait()
	<-p.Done()
}

func TestDescendantHoldingTheOutputDoesNotDelay(t *testing.T) {
	t.Parallel()
	var r recorder
	// The descendant is out of the group and keeps the output open.
	var starts atomic.Int64
	p := start(t, supervise.Spec{
		Command: func(ctx context.Context) (*exec.Cmd, error) {
			starts.Add(1)
			return shell(`setsid sleep 1000 & echo $!; exec sleep 1000`)(ctx)
		},
		Line: r.line,
		Ready: func(context.Context, int) error {
			if len(r.seen()) < int(starts.Load()) {
				return errors.New("nothing printed yet")
			}
			return nil
		},
		Backoff: supervise.Backoff{Min: time.Millisecond},
	})
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs again", func() bool { return p.Restarts() == 1 })
	stop(t, p)
	for _, line := range r.seen() {
		if pid, err := strconv.Atoi(line); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func TestKilledParentTakesItsProcessAlong(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		return // there is no parent-death signal elsewhere; see setAttributes
	}
	for range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), parentEnv+"=exec sleep 1000")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		lines.Scan()
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		if !running(pid) {
			t.Error("the process ended before its parent was killed")
		}
		cmd.Process.Kill()
		cmd.Wait()
		eventually(t, "the process is gone", func() bool { return !running(pid) })
	}
}

// TestProcessSurvivesTheEndOfTheStartingThread: the parent-death signal belongs
// to a thread, and Go ends idle threads.
func TestProcessSurvivesTheEndOfTheStartingThread(t *testing.T) {
	t.Parallel()
	started := make(chan *supervise.Process)
	go func() {
		runtime.LockOSThread() // without unlocking: the thread ends with the goroutine
		p, err := supervise.Start(context.Background(), supervise.Spec{Command: shell("exec sleep 1000")})
		if err != nil {
			t.Error(err)
		}
		started <- p
	}()
	p := <-started
	defer stop(t, p)
	var wg sync.WaitGroup
	for range 50 { // threads come and go
		wg.Go(func() { runtime.LockOSThread(); time.Sleep(time.Millisecond) })
	}
	wg.Wait()
	if p.Restarts() != 0 || !running(p.PID()) {
		t.Error("the process was signalled though its parent lives")
	}
}

func TestRunKillsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	cmd := exec.Command("/bin/sh", "-c", "trap '' TERM INT; while :; do sleep 0.01; done")
	if err := supervise.Run(ctx, cmd); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
	if alive(cmd.Process.Pid) {
		t.Error("the process is still there")
	}
	var exit *exec.ExitError
	if err := supervise.Run(t.Context(), exec.Command("/bin/sh", "-c", "exit 4")); !errors.As(err, &exit) || exit.ExitCode() != 4 {
		t.Errorf("got %v, want exit status 4", err)
	}
}
