package postgres

import "golang.org/x/sys/unix"

// minSharedMemory is what parallel queries may need below /dev/shm. Container
// engines give 64 MiB unless told otherwise.
const minSharedMemory = 256 * mib

// sharedMemory makes the server use files of the data directory for the memory
// that parallel queries share where /dev/shm is missing or small. There such
// queries would fail with "No space left on device".
func sharedMemory() []setting {
	var fs unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &fs); err == nil && int64(fs.Blocks)*fs.Bsize >= minSharedMemory {
		return []setting{{"dynamic_shared_memory_type", "posix"}}
	}
	return []setting{{"dynamic_shared_memory_type", "mmap"}}
}
