package apptest

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Launch starts a command, which does not outlive the test binary, however
// that ends (Linux only). exited is closed when it was waited for and its
// ProcessState is set.
func Launch(cmd *exec.Cmd) (exited <-chan struct{}, err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	endWithParent(cmd.SysProcAttr)
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		// The kernel watches the thread that started the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			defer close(ended)
			_ = cmd.Wait() // the state says it too
		}
	}()
	return ended, <-started
}
