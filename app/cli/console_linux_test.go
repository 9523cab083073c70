package cli_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal returns both ends of a terminal: what is written to inside is read
// from outside.
func terminal(t *testing.T) (outside, inside *os.File) {
	t.Helper()
	outside, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { outside.Close() })
	if err := unix.IoctlSetPointerInt(int(outside.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(outside.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	inside, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inside.Close() })
	return outside, inside
}

func TestServeLogsReadablyOnATerminal(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, env string
		want      string
	}{
		{"in colour", "TERM=xterm", `^\d\d:\d\d:\d\d \x1b\[\d+mINFO \x1b\[0m insforge is ready \x1b\[36mstarted_in_ms=\x1b\[0m\d+ \x1b\[36murl=\x1b\[0m\S+\r\n$`},
		{"without colour", "NO_COLOR=1", `^\d\d:\d\d:\d\d INFO  insforge is ready started_in_ms=\d+ url=http://localhost:\d+\r\n$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			outside, inside := terminal(t)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, self)
			cmd.Args = []string{"insforge", "serve", "--port", "0", "--data-dir", t.TempDir()}
			cmd.Env = append(os.Environ(), "NO_COLOR=", tt.env)
			cmd.Stderr = inside
			err := cmd.Start()
			if err != nil {
				t.Fatal(err)
			}
			// Another line may come first: Postgres says when a port is taken.
			lines, line := bufio.NewReader(outside), ""
			for err == nil && !strings.Contains(line, "insforge is ready") {
				line, err = lines.ReadString('\n')
			}
			if stop := cmd.Process.Signal(syscall.SIGTERM); stop != nil {
				t.Error(stop)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			if err != nil || !regexp.MustCompile(tt.want).MatchString(line) {
				t.Errorf("got %q, %v, want %s", line, err, tt.want)
			}
		})
	}
}

func TestErrorsHaveALineForEachProblemOnATerminal(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	outside, inside := terminal(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = []string{"insforge", "serve", "--data-dir", t.TempDir()}
	cmd.Env = append(os.Environ(), "PORT=seventy", "MAILBOX=ja")
	cmd.Stderr = inside
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	inside.Close()
	var got strings.Builder
	io.Copy(&got, outside) // a terminal that nobody holds any more is an error
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want exit code 1", err)
	}
	want := "insforge: PORT is \"seventy\": want a number from 0 to 65535\r\n" +
		"          MAILBOX is \"ja\": want true or false\r\n"
	if got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}
