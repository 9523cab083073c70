package postgres

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// inspect finds out whether pid is the postmaster of this cluster: it carries
// the cluster's mark among its arguments.
func (p place) inspect(pid int, mark string) verdict {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return gone
	}
	out, err := exec.Command("/bin/ps", "-ww", "-o", "stat=,command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return gone
	}
	state, arguments, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	switch {
	case strings.HasPrefix(state, "Z"):
		return gone
	case !strings.Contains(arguments, "postgres"):
		return other
	case strings.Contains(arguments, markSetting+"="+mark):
		return ours
	case strings.Contains(arguments, markSetting+"="):
		return other
	}
	return unclear
}

// serverProcesses returns nothing: macOS does not show the current folder of a
// process. Sessions notice the end of their postmaster by themselves.
func (p place) serverProcesses() []int { return nil }
