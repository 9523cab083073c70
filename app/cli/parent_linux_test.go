package cli_test

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// endWithParent makes this process, which a script started, end with the test
// binary, however that ends.
func endWithParent() {
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0, 0, 0)
}
