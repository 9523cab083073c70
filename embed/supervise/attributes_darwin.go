package supervise

import (
	"os/exec"
	"syscall"
)

// setAttributes puts the process into its own group. macOS has no parent-death
// signal: callers must be able to find and stop an orphan at their next start.
func setAttributes(cmd *exec.Cmd, _ syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
}
