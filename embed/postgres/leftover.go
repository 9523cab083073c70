package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// postmasterFile is where the server writes who it is.
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
// none.
func postmasterPID(lines []string) int {
	if len(lines) == 0 {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(lines[pidLine]))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
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
	patience time.Duration // for a regular shutdown
	log      func(Level, string)

	since time.Time      // of the first call of stop
	sent  syscall.Signal // the strongest signal sent so far
}

// Times after a regular shutdown was waited for: what an immediate one and a
// kill may take.
const (
	quitPatience = 5 * time.Second
	killPatience = 5 * time.Second
)

// stop is called again and again while the lock is held. Each call sends what
// is due: SIGINT ends the sessions and writes a checkpoint; SIGQUIT and SIGKILL
// leave a recovery to the next server. No acknowledged write is lost by any.
func (l *leftover) stop(now time.Time) error {
	if l.since.IsZero() {
		l.since = now
		l.log(LevelWarn, "processes of an earlier server still use the data directory; stopping them")
	}
	waited := now.Sub(l.since)
	signal := syscall.SIGINT
	switch {
	case waited > l.patience+quitPatience+killPatience:
		return &Error{Kind: KindInUse, Message: fmt.Sprintf(
			"processes of an earlier server still use %s and do not end; stop them (ps -ef | grep postgres) and start again",
			l.place.dir)}
	case waited > l.patience+quitPatience:
		signal = syscall.SIGKILL
	case waited > l.patience:
		signal = syscall.SIGQUIT
	}
	pid := postmasterPID(l.place.readPostmasterFile())
	if pid > 1 && l.place.inspect(pid, l.mark) == ours {
		l.send(pid, signal)
		return nil
	}
	// Without a postmaster the sessions are doomed and cannot end regularly.
	if waited > time.Second && signal == syscall.SIGINT {
		signal = syscall.SIGKILL
	} else if signal == syscall.SIGINT {
		signal = syscall.SIGQUIT
	}
	l.sendAll(signal)
	return nil
}

// send signals once with each signal, the strongest so far.
func (l *leftover) send(pid int, signal syscall.Signal) {
	if l.sent == signal {
		return
	}
	l.sent = signal
	// It may just have ended, which the lock will tell.
	_ = syscall.Kill(pid, signal)
}

func (l *leftover) sendAll(signal syscall.Signal) {
	if l.sent == signal {
		return
	}
	l.sent = signal
	for _, pid := range l.place.serverProcesses() {
		_ = syscall.Kill(pid, signal)
	}
}

// retirePostmasterFile deals with a postmaster.pid while the server's lock is
// ours. Postgres refuses to start when any process of the same user now has the
// number in it, which in containers is the rule. When that process is certainly
// not a server on this cluster, our own number replaces it: Postgres ignores
// that of its parent, and still makes its second check, of the shared memory.
func (p place) retirePostmasterFile(mark string) error {
	lines := p.readPostmasterFile()
	pid := postmasterPID(lines)
	if pid <= 0 {
		return nil
	}
	switch p.inspect(pid, mark) {
	case gone:
		return nil
	case other:
		lines[pidLine] = strconv.Itoa(os.Getpid())
		return p.writeFile(postmasterFile, strings.Join(lines, "\n"))
	}
	return &Error{Kind: KindInUse, Message: fmt.Sprintf(
		"a Postgres server that was not started by this program (process %d) seems to run on %s; stop it first, for example with pg_ctl stop",
		pid, p.dir)}
}
