package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// postmasterFile is where the server identifies itself.
const postmasterFile = "postmaster.pid"

// Lines of postmaster.pid, src/include/utils/pidfile.h.
const (
	pidLine    = 0
	statusLine = 7
)

// readPostmasterFile returns the lines of postmaster.pid, nil when there is none.
func (p place) readPostmasterFile() []string {
	text, err := os.ReadFile(filepath.Join(p.dir, postmasterFile))
	if err != nil {
		return nil
	}
	return strings.Split(string(text), "\n")
}

// postmasterPID returns the process number in the file's lines, 0 when there is
// none. A server in single-user mode writes its number negated.
func postmasterPID(lines []string) int {
	if len(lines) == 0 {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(lines[pidLine]))
	if err != nil {
		return 0
	}
	return max(pid, -pid)
}

// verdict is what is known about a process number.
type verdict int

const (
	gone    verdict = iota // no such process, or only its entry is left
	other                  // certainly not a process of this cluster
	ours                   // certainly a Postgres process of this cluster
	unclear                // a Postgres that we may not look into
)

// leftover stops the processes of an earlier server on the cluster: those that
// outlived a kill of this program, and those that outlived their postmaster.
type leftover struct {
	place    place
	mark     string
	patience patience
	log      func(Level, string)

	since    time.Time      // of the first call of stop
	orphaned time.Time      // of the first call that found no postmaster
	sent     syscall.Signal // last
}

// patience is how long the ways to end processes may take before the next is
// tried: a regular shutdown, SIGQUIT to a postmaster, SIGKILL, and SIGQUIT to
// processes without a postmaster.
type patience struct{ shutdown, quit, kill, orphan time.Duration }

const (
	quitPatience = 5 * time.Second
	killPatience = 5 * time.Second
)

// patienceAfter is the usual patience with a regular shutdown that may take so
// long.
func patienceAfter(shutdown time.Duration) patience {
	return patience{shutdown: shutdown, quit: quitPatience, kill: killPatience, orphan: time.Second}
}

// stop is called again and again while the lock is held. Each call sends what
// is due: to a postmaster SIGINT, which ends the sessions and writes a
// checkpoint, later SIGQUIT and SIGKILL, which leave a recovery to the next
// server. Processes without a postmaster are doomed and cannot shut down
// cleanly. No acknowledged write is lost by any of this.
func (l *leftover) stop(now time.Time) error {
	if l.since.IsZero() {
		l.since = now
		l.log(LevelWarn, "processes of an earlier server still use the data directory; stopping them")
	}
	pid := postmasterPID(l.place.readPostmasterFile())
	if pid > 1 && l.place.inspect(pid, l.mark) == ours {
		waited := now.Sub(l.since)
		if waited > l.patience.shutdown+l.patience.quit+l.patience.kill {
			return l.stuck()
		}
		l.send(due(waited, l.patience.shutdown, l.patience.shutdown+l.patience.quit, syscall.SIGINT), pid)
		return nil
	}
	if l.orphaned.IsZero() {
		l.orphaned = now
	}
	orphans := l.place.serverProcesses()
	waited := now.Sub(l.orphaned)
	if waited > l.patience.orphan+l.patience.kill {
		if len(orphans) == 0 {
			return errNotServer
		}
		return l.stuck()
	}
	l.send(due(waited, 0, l.patience.orphan, syscall.SIGQUIT), orphans...)
	return nil
}

// errNotServer means that the lock is held, but by no process of a server that
// can be seen: a program that the server once started, say by COPY … TO PROGRAM,
// has inherited it and lives on.
var errNotServer = errors.New("lock is held by another program")

func (l *leftover) stuck() error {
	return &Error{Kind: KindInUse, Message: fmt.Sprintf(
		"processes of an earlier server still use %s and do not stop; stop them (ps -ef | grep postgres) and start again",
		l.place.dir)}
}

// due is the signal to send after a while: gentle at first, then SIGQUIT, then
// SIGKILL.
func due(waited, quitAfter, killAfter time.Duration, gentle syscall.Signal) syscall.Signal {
	switch {
	case waited > killAfter:
		return syscall.SIGKILL
	case waited > quitAfter:
		return syscall.SIGQUIT
	}
	return gentle
}

// send sends a signal unless it is the one that was sent last.
func (l *leftover) send(signal syscall.Signal, pids ...int) {
	if l.sent == signal {
		return
	}
	l.sent = signal
	for _, pid := range pids {
		_ = syscall.Kill(pid, signal) // it may just have ended, which the lock will show
	}
}

// retirePostmasterFile deals with a postmaster.pid while the server's lock is
// ours. Postgres refuses to start when any process of the same user now has the
// number in it, which in containers is the rule. When that process is certainly
// not a server on this cluster, our own number replaces it: Postgres ignores
// that of its parent, and still makes its second check, of the shared memory.
func (p place) retirePostmasterFile(mark string) error {
	lines := p.readPostmasterFile()
	if lines == nil {
		return nil
	}
	pid := postmasterPID(lines)
	if pid == 0 { // a crash of the machine left it empty; Postgres would give up
		if err := os.Remove(filepath.Join(p.dir, postmasterFile)); err != nil {
			return fileError("remove", filepath.Join(p.dir, postmasterFile), err)
		}
		return nil
	}
	switch p.inspect(pid, mark) {
	case gone, other:
		// A process that has not been reaped yet still answers Postgres's own
		// check, which is why its number goes too.
		lines[pidLine] = strconv.Itoa(os.Getpid())
		return p.writeFile(postmasterFile, strings.Join(lines, "\n"))
	}
	return &Error{Kind: KindInUse, Message: fmt.Sprintf(
		"a Postgres server that was not started by this program (process %d) seems to run on %s; stop it first, for example with pg_ctl stop",
		pid, p.dir)}
}
