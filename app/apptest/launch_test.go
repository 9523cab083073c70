package apptest_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/insforge/insforge-go/app/apptest"
)

// launcherEnv makes the test binary a program that launches another, for the
// test that kills it.
const launcherEnv = "APPTEST_LAUNCHER"

func TestMain(m *testing.M) {
	if os.Getenv(launcherEnv) != "" {
		cmd := exec.Command("sleep", "1000")
		exited, err := apptest.Launch(cmd)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(cmd.Process.Pid)
		<-exited
		os.Exit(0)
	}
	apptest.Main(m)
}

func TestWhatIsLaunchedEndsWithTheTestBinary(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux can tell a process that its parent ended")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), launcherEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	pid, err := strconv.Atoi(lines.Text())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(syscall.Kill(pid, 0), cmd.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	apptest.Eventually(t, recovery, "the launched program is gone", func() error {
		// The link of a process that has ended but is still listed leads nowhere.
		_, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return errors.Join(errors.New("it runs"), err)
	})
}
