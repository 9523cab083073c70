//go:build bundled

package bundle

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// releasePages gives back the memory that reading an embedded archive mapped:
// its pages come from the executable file and are never written, so the kernel
// can drop them now and read them again if they are ever needed.
func releasePages(archive string) {
	page := uintptr(os.Getpagesize())
	start := uintptr(unsafe.Pointer(unsafe.StringData(archive)))
	first := (start + page - 1) &^ (page - 1)
	last := (start + uintptr(len(archive))) &^ (page - 1)
	if last <= first {
		return
	}
	inner := archive[first-start : last-start]
	// Best effort: without it the process only looks larger than it is.
	_ = unix.Madvise(unsafe.Slice(unsafe.StringData(inner), len(inner)), unix.MADV_DONTNEED)
}
