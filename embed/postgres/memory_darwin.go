package postgres

import "golang.org/x/sys/unix"

// UsableMemory is the memory of the machine in bytes.
func UsableMemory() int64 {
	total, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return unknownMemory
	}
	return int64(total)
}
