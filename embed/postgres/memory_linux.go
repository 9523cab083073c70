package postgres

import "os"

// UsableMemory is the memory of the machine or, when smaller, of the container,
// in bytes.
func UsableMemory() int64 {
	root := os.DirFS("/")
	total, limit := totalMemory(root), cgroupMemory(root)
	switch {
	case total == 0 && limit == 0:
		return unknownMemory
	case total == 0:
		return limit
	case limit == 0:
		return total
	}
	return min(total, limit)
}
