package app

import (
	"os"
	"path/filepath"
	"strconv"
)

// timerSlack is how late the kernel may end a sleep of this process, in
// nanoseconds.
const timerSlack = 300_000

// relaxTimers lets the kernel coalesce sleeps. The Go scheduler supervises a
// busy process in naps of 20 microseconds; on a small machine they cost a
// twentieth of the throughput, and nothing here needs a clock that fine. Later
// threads and child processes inherit the value. Where the kernel does not
// allow it, nothing changes.
func relaxTimers() {
	threads, _ := filepath.Glob("/proc/self/task/*")
	for _, t := range threads {
		_ = os.WriteFile("/proc/"+filepath.Base(t)+"/timerslack_ns", strconv.AppendInt(nil, timerSlack, 10), 0)
	}
}
