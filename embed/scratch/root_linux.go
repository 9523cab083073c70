package scratch

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// room is what the tests of one processor need at most, with a wide margin.
const room = 1 << 30

// root is the folder for shared memory where it is one, has room, and lets
// programs be run from it; otherwise the system's folder for temporary files.
func root() string {
	const memory = "/dev/shm"
	var fs unix.Statfs_t
	if unix.Statfs(memory, &fs) == nil && fs.Type == unix.TMPFS_MAGIC &&
		fs.Flags&unix.ST_NOEXEC == 0 && int64(fs.Bavail)*fs.Bsize >= int64(runtime.NumCPU())*room && unix.Access(memory, unix.W_OK) == nil {
		return memory
	}
	return os.TempDir()
}
