package postgres

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/insforge/insforge-go/embed/bundle"
)

// bareServer makes a cluster and runs a server on it that nobody looks after, as
// after a kill of this program.
func bareServer(t *testing.T) (place, *exec.Cmd) {
	t.Helper()
	rt, err := bundle.FindPostgres(t.Context(), bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{DataDir: filepath.Join(t.TempDir(), "data"), Runtime: rt, Password: "x", NoTCP: true, Disposable: true,
		// What a killed server shared goes with its folder, not left in /dev/shm.
		Settings: map[string]string{"dynamic_shared_memory_type": "mmap"}}
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	cmd, err := s.command(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	for s.place.ready(t.Context(), cmd.Process.Pid) != nil {
		select {
		case <-ended:
			t.Fatal("the server ended")
		case <-time.After(time.Millisecond):
		}
	}
	return s.place, cmd
}

// TestFrozenServerIsReplaced: a stopped process acts on no signal but SIGKILL.
func TestFrozenServerIsReplaced(t *testing.T) {
	t.Parallel()
	p, cmd := bareServer(t)
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var said []string
	lock, _, err := p.lockServer(t.Context(), patience{shutdown: time.Millisecond, quit: time.Millisecond, kill: 2 * time.Minute}, func(_ Level, text string) { said = append(said, text) })
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
	if len(said) != 1 || !strings.Contains(said[0], "earlier server") {
		t.Errorf("got log %q, want one line about the earlier server", said)
	}
	// It gave up the lock; the last of it the system may still be clearing away.
	for deadline := time.Now().Add(2 * time.Minute); len(p.serverProcesses()) != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("processes %v still run", p.serverProcesses())
		}
	}
}

// TestProgramThatInheritedTheLockDoesNotBlock: COPY … TO PROGRAM may leave
// programs behind.
func TestProgramThatInheritedTheLockDoesNotBlock(t *testing.T) {
	t.Parallel()
	p := place{dir: t.TempDir()}
	short := patience{kill: time.Millisecond, orphan: time.Millisecond}
	lock, mark, err := p.lockServer(t.Context(), short, func(Level, string) {})
	if err != nil {
		t.Fatal(err)
	}
	program := exec.Command("sleep", "1000")
	program.ExtraFiles = []*os.File{lock}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Process.Kill(); program.Wait() })
	lock.Close()
	again, newMark, err := p.lockServer(t.Context(), short, func(Level, string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if newMark == mark {
		t.Error("the new lock has the mark of the old one")
	}
	if program.ProcessState != nil || syscall.Kill(program.Process.Pid, 0) != nil {
		t.Error("the program was killed")
	}
}

func TestWaitingForAnEarlierServerEndsWithTheContext(t *testing.T) {
	t.Parallel()
	p, cmd := bareServer(t)
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, _, err := p.lockServer(ctx, patienceAfter(time.Hour), func(Level, string) {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestProcessesAreDistinguished(t *testing.T) {
	t.Parallel()
	p, cmd := bareServer(t)
	_, mark, err := p.openServerLock()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := p
	elsewhere.dir = t.TempDir()
	for _, test := range []struct {
		name  string
		place place
		pid   int
		want  verdict
	}{
		{"the server", p, cmd.Process.Pid, ours},
		{"the server of another folder", elsewhere, cmd.Process.Pid, other},
		{"this program", p, os.Getpid(), other},
		{"no process", p, 1 << 22, gone},
	} {
		m := mark
		if test.place.dir != p.dir {
			m = newMark()
		}
		if got := test.place.inspect(test.pid, m); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}

func TestSignalsGrowStronger(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		waited time.Duration
		want   syscall.Signal
	}{
		{0, syscall.SIGINT}, {3 * time.Second, syscall.SIGINT}, {4 * time.Second, syscall.SIGQUIT}, {10 * time.Second, syscall.SIGKILL},
	} {
		if got := due(test.waited, 3*time.Second, 8*time.Second, syscall.SIGINT); got != test.want {
			t.Errorf("after %v: got %v, want %v", test.waited, got, test.want)
		}
	}
}

// TestAccountsWithoutANameGetAPasswordToo: single-user mode refuses them.
func TestAccountsWithoutANameGetAPasswordToo(t *testing.T) {
	t.Parallel()
	rt, err := bundle.FindPostgres(t.Context(), bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{DataDir: filepath.Join(t.TempDir(), "data"), Runtime: rt, Password: "first", NoTCP: true}
	if os.Geteuid() == 0 {
		// The owner of the folder is who the server runs as.
		if err := errors.Join(os.Mkdir(o.DataDir, 0o700), os.Chown(o.DataDir, 54321, 54321)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	verifier, err := ScramVerifier("second")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.place.privately(t.Context(), "ALTER ROLE postgres PASSWORD '"+verifier+"'", nil, nil); err != nil {
		t.Fatal(err)
	}
	if exists(o.DataDir, openFile) {
		t.Error("the open pg_hba.conf is still there")
	}
	if err := s.place.privately(t.Context(), "ALTER ROLE nobody_there PASSWORD 'x'", nil, nil); err == nil {
		t.Error("an error of the server was lost")
	}
	if err := s.place.writeFile(superuserFile, verifier+"\n"); err != nil {
		t.Fatal(err)
	}
	o.Password = "second"
	s, err = Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if os.Geteuid() == 0 && s.place.account.uid != 54321 {
		t.Errorf("server ran as uid %d, want 54321", s.place.account.uid)
	}
}
