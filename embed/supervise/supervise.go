package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Stream is one of the two outputs of a process.
type Stream int

// The outputs.
const (
	Stdout Stream = iota
	Stderr
)

// State is what a supervised process is doing.
type State string

// States, in the order of a life. Exited and Failed are followed by Starting
// again unless the process was stopped.
const (
	Starting State = "starting" // the process runs and is not ready yet
	Ready    State = "ready"
	Exited   State = "exited" // ended unasked
	Failed   State = "failed" // could not be started again
	Stopped  State = "stopped"
)

// Event is a change of state.
type Event struct {
	State   State
	PID     int           // of the process that the event is about, 0 when there is none
	Err     error         // why, for Exited and Failed
	RetryIn time.Duration // pause before the next start, for Exited and Failed
}

// StopStep is one attempt at ending a process: a signal and how long it has.
type StopStep struct {
	Signal syscall.Signal
	Wait   time.Duration
}

// Backoff says how long to wait between starts: Min after the first death, twice
// as long after each further one up to Max, and Min again after a process ran
// for Stable.
type Backoff struct{ Min, Max, Stable time.Duration }

// Spec describes a process. Command is required.
type Spec struct {
	// Command returns a new command for every start, after whatever must be done
	// first. Its ExtraFiles are closed here once the process has them; its Stdout
	// and Stderr are set by this package.
	Command func(ctx context.Context) (*exec.Cmd, error)
	// Ready is polled until it returns nil. A nil Ready means ready at once.
	Ready func(ctx context.Context, pid int) error
	// ReadyTimeout bounds the polling; 0 means a minute.
	ReadyTimeout time.Duration
	// Line gets each line of output, one call at a time per stream. It must not
	// block: the process waits for it.
	Line func(stream Stream, line string)
	// MaxLineBytes cuts longer lines; 0 means 16 KiB.
	MaxLineBytes int
	// OnEvent gets each change of state, one at a time. It must not call Stop.
	OnEvent func(Event)
	// Backoff between starts; zero fields mean 100 ms, 30 s and a minute.
	Backoff Backoff
	// Stop lists what ends the process before SIGKILL does; nil means SIGTERM and
	// ten seconds.
	Stop []StopStep
	// DeathSignal is sent by the kernel when this program dies (Linux only);
	// 0 means SIGKILL.
	DeathSignal syscall.Signal
}

// ErrExitedEarly is wrapped by Start when the process ended before it was ready.
var ErrExitedEarly = errors.New("process ended before it was ready")

// ErrNotReady is wrapped by Start when the process ran but did not get ready in
// time; it has been ended.
var ErrNotReady = errors.New("process did not become ready in time")

// Process is a supervised process. Its methods may be called concurrently.
type Process struct {
	spec     Spec
	restarts atomic.Int64
	ctx      context.Context // ends when Stop is called
	cancel   context.CancelFunc
	hurry    chan struct{} // closed to kill at once
	hurried  sync.Once
	done     chan struct{}

	mu    sync.Mutex
	child *child
}

// Start runs the process, waits until it is ready, and keeps it running until
// Stop. ctx bounds only this first start. When the first start fails nothing is
// left running and nothing is retried; the error wraps ErrExitedEarly,
// ErrNotReady, what Command returned, or ctx's error.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	p := &Process{spec: withDefaults(spec), hurry: make(chan struct{}), done: make(chan struct{})}
	// The process outlives ctx, so this is not derived from it.
	p.ctx, p.cancel = context.WithCancel(context.Background())
	c, err := p.launch(ctx)
	if err != nil {
		p.cancel()
		return nil, err
	}
	go p.keepRunning(c)
	return p, nil
}

func withDefaults(s Spec) Spec {
	orDuration := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	orDuration(&s.ReadyTimeout, time.Minute)
	orDuration(&s.Backoff.Min, 100*time.Millisecond)
	orDuration(&s.Backoff.Max, 30*time.Second)
	orDuration(&s.Backoff.Stable, time.Minute)
	if s.MaxLineBytes == 0 {
		s.MaxLineBytes = 16 << 10
	}
	if s.Line == nil {
		s.Line = func(Stream, string) {}
	}
	if s.OnEvent == nil {
		s.OnEvent = func(Event) {}
	}
	if s.Stop == nil {
		s.Stop = []StopStep{{syscall.SIGTERM, 10 * time.Second}}
	}
	if s.DeathSignal == 0 {
		s.DeathSignal = syscall.SIGKILL
	}
	return s
}

// launch starts the process once and waits until it is ready. On error the
// process is gone.
func (p *Process) launch(ctx context.Context) (*child, error) {
	cmd, err := p.spec.Command(ctx)
	if err != nil {
		return nil, err
	}
	out := &lineWriter{limit: p.spec.MaxLineBytes, emit: func(l string) { p.spec.Line(Stdout, l) }}
	errs := &lineWriter{limit: p.spec.MaxLineBytes, emit: func(l string) { p.spec.Line(Stderr, l) }}
	cmd.Stdout, cmd.Stderr = out, errs
	c, err := spawn(cmd, p.spec.DeathSignal, func() { out.close(); errs.close() })
	if err != nil {
		return nil, err
	}
	p.setChild(c)
	p.spec.OnEvent(Event{State: Starting, PID: c.process.Pid})
	if err := p.awaitReady(ctx, c); err != nil {
		c.terminate(p.spec.Stop, p.hurry)
		return nil, err
	}
	p.spec.OnEvent(Event{State: Ready, PID: c.process.Pid})
	return c, nil
}

// awaitReady polls quickly at first, since most processes are ready within a
// fraction of a second, and more slowly later.
func (p *Process) awaitReady(ctx context.Context, c *child) error {
	if p.spec.Ready == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.spec.ReadyTimeout)
	defer cancel()
	pause := 2 * time.Millisecond
	for {
		err := p.spec.Ready(ctx, c.process.Pid)
		if err == nil && !c.hasExited() {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-c.exited:
			timer.Stop()
			return fmt.Errorf("%w: %s", ErrExitedEarly, exitText(c.err))
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("%w: %w", ErrNotReady, err)
			}
			return ctx.Err()
		case <-timer.C:
		}
		pause = min(pause*3/2, 100*time.Millisecond)
	}
}

func exitText(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// keepRunning waits for the death of the process and starts it again, until
// Stop is called.
func (p *Process) keepRunning(c *child) {
	defer close(p.done)
	defer func() { p.spec.OnEvent(Event{State: Stopped}) }()
	pause := p.spec.Backoff.Min
	for {
		select {
		case <-p.ctx.Done():
			c.terminate(p.spec.Stop, p.hurry)
			return
		case <-c.exited:
		}
		if time.Since(c.started) >= p.spec.Backoff.Stable {
			pause = p.spec.Backoff.Min
		}
		event := Event{State: Exited, PID: c.process.Pid, Err: errors.New(exitText(c.err))}
		c = p.startAgain(event, &pause)
		if c == nil {
			return
		}
	}
}

// startAgain tries until a start succeeds; nil means Stop was called.
func (p *Process) startAgain(event Event, pause *time.Duration) *child {
	for {
		if p.ctx.Err() != nil {
			return nil
		}
		event.RetryIn = *pause
		p.spec.OnEvent(event)
		select {
		case <-p.ctx.Done():
			return nil
		case <-time.After(*pause):
		}
		*pause = min(*pause*2, p.spec.Backoff.Max)
		c, err := p.launch(p.ctx)
		if err == nil {
			p.restarts.Add(1)
			return c
		}
		event = Event{State: Failed, Err: err}
	}
}

func (p *Process) setChild(c *child) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.child = c
}

// Stop ends the process and returns when it is gone. When ctx ends first the
// process is killed, and Stop still waits for that. Further calls do the same.
// The error is ctx's when the process had to be killed because of it.
func (p *Process) Stop(ctx context.Context) error {
	p.cancel()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	p.hurried.Do(func() { close(p.hurry) })
	<-p.done
	return ctx.Err()
}

// Done is closed when the process was stopped and is gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Restarts counts how often the process was started again after it died.
func (p *Process) Restarts() int { return int(p.restarts.Load()) }

// PID is the number of the process that was started last; it may have ended.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.child.process.Pid
}

// Signal sends sig to the process. The error is os.ErrProcessDone when it is
// not running at the moment.
func (p *Process) Signal(sig os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.child.process.Signal(sig)
}
