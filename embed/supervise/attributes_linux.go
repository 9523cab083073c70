package supervise

import (
	"os/exec"
	"syscall"
)

// setAttributes puts the process into its own group and asks the kernel to
// signal it when this program is gone, however that happened.
func setAttributes(cmd *exec.Cmd, deathSignal syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = deathSignal
}
