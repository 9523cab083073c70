package postgres

import "golang.org/x/sys/unix"

// minSharedMemory is what parallel queries may need below /dev/shm. Container
// engines give 64 MiB unless told otherwise.
const minSharedMemory = 256 * mib

// sharedMemory makes the server use files of the data directory for the memory
// that parallel queries share where /dev/shm is missing, small or closed. There
// such queries would fail with "No space left on device", or the server at once.
func sharedMemory() []setting {
	const folder = "/dev/shm"
	var fs unix.Statfs_t
	var file unix.Stat_t
	if unix.Statfs(folder, &fs) == nil && int64(fs.Blocks)*fs.Bsize >= minSharedMemory &&
		unix.Stat(folder, &file) == nil && file.Mode&0o003 == 0o003 {
		return []setting{{"dynamic_shared_memory_type", "posix"}}
	}
	return []setting{{"dynamic_shared_memory_type", "mmap"}}
}
