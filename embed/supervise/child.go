package supervise

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// outputGrace is how long after the end of a process its output is still read:
// descendants may hold the pipe open, and must not delay a restart.
const outputGrace = 250 * time.Millisecond

// child is one run of a process.
type child struct {
	process *os.Process
	started time.Time
	exited  chan struct{} // closed when the process was waited for
	err     error         // of Wait; read after exited
}

// Run starts cmd, waits for its end and returns what cmd.Wait returns. When ctx
// ends first, the process and its group are killed and ctx's error is returned.
// It closes cmd.ExtraFiles, and like every process of this package this one does
// not outlive this program (Linux only).
func Run(ctx context.Context, cmd *exec.Cmd) error {
	c, err := spawn(cmd, syscall.SIGKILL, func() {})
	if err != nil {
		return err
	}
	select {
	case <-c.exited:
		return c.err
	case <-ctx.Done():
		c.killGroup()
		return ctx.Err()
	}
}

// spawn starts cmd and returns when it runs; onExit is called before exited
// closes. The goroutine keeps its thread until the process ends: Linux sends
// the parent-death signal when the *thread* that forked ends, and Go ends
// threads when it likes.
func spawn(cmd *exec.Cmd, deathSignal syscall.Signal, onExit func()) (*child, error) {
	setAttributes(cmd, deathSignal)
	cmd.WaitDelay = outputGrace
	c := &child{exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		for _, f := range cmd.ExtraFiles {
			f.Close() // the process has its own copy
		}
		if err == nil {
			c.process, c.started = cmd.Process, time.Now()
		}
		started <- err
		if err != nil {
			return
		}
		c.err = cmd.Wait()
		if errors.Is(c.err, exec.ErrWaitDelay) {
			c.err = nil // the process itself ended well
		}
		onExit()
		close(c.exited)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// hasExited reports whether the process was waited for.
func (c *child) hasExited() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

// terminate ends the process: each step's signal, then its wait, and SIGKILL to
// the whole group at last or as soon as hurry closes. It returns when the
// process was waited for.
func (c *child) terminate(steps []StopStep, hurry <-chan struct{}) {
	for _, step := range steps {
		// An error means it has just ended, which the wait below sees.
		_ = c.process.Signal(step.Signal)
		timer := time.NewTimer(step.Wait)
		select {
		case <-c.exited:
			timer.Stop()
			return
		case <-hurry:
			timer.Stop()
			c.killGroup()
			return
		case <-timer.C:
		}
	}
	c.killGroup()
}

func (c *child) killGroup() {
	// The group's number stays reserved while the leader is not waited for.
	if !c.hasExited() {
		_ = syscall.Kill(-c.process.Pid, syscall.SIGKILL)
	}
	<-c.exited
}
