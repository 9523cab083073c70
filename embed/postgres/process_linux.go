package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// inspect finds out whether pid is a Postgres process of this cluster. The proof
// is its current folder, which all of them keep at the data directory; where a
// container denies access to it, the proof is the cluster's mark among the
// postmaster's arguments.
func (p place) inspect(pid int, mark string) verdict {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return gone
	}
	proc := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(proc + "/stat")
	if errors.Is(err, os.ErrNotExist) {
		return gone
	}
	name, state := parseStat(string(stat))
	switch {
	case err != nil:
		return unclear
	case state == "Z" || state == "X":
		return gone
	case name != "postgres" && name != "postmaster":
		return other
	}
	cwd, err := os.Stat(proc + "/cwd")
	if err == nil {
		return p.sameDir(cwd)
	}
	if errors.Is(err, os.ErrNotExist) {
		return gone
	}
	arguments, err := os.ReadFile(proc + "/cmdline")
	if err != nil || len(arguments) == 0 {
		return unclear
	}
	if bytes.Contains(arguments, []byte(markSetting+"="+mark)) {
		return ours
	}
	if bytes.Contains(arguments, []byte(markSetting+"=")) {
		return other
	}
	return unclear
}

func (p place) sameDir(cwd os.FileInfo) verdict {
	dir, err := os.Stat(p.dir)
	switch {
	case err != nil:
		return unclear
	case os.SameFile(cwd, dir):
		return ours
	}
	return other
}

// parseStat reads the name and the state from /proc/<pid>/stat. The name is in
// parentheses and may contain any character.
func parseStat(stat string) (name, state string) {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return "", ""
	}
	if fields := strings.Fields(stat[end+1:]); len(fields) > 0 {
		state = fields[0]
	}
	return stat[open+1 : end], state
}

// serverProcesses lists the Postgres processes whose current folder is the data
// directory.
func (p place) serverProcesses() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil || strings.TrimSpace(string(name)) != "postgres" {
			continue
		}
		cwd, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
		if err == nil && p.sameDir(cwd) == ours {
			pids = append(pids, pid)
		}
	}
	return pids
}
