package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/insforge/insforge-go/app"
	"github.com/insforge/insforge-go/app/apptest"
	"github.com/insforge/insforge-go/app/cli"
	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/embed/bundle"
	"github.com/insforge/insforge-go/embed/scratch"
	"github.com/rogpeppe/go-internal/testscript"
)

// nobody is the user that scripts run the product as to lack permissions. Where
// the tests do not run as root, that is the current user.
const nobody = 65534

const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	testscript.Main(inScratch{m}, map[string]func(){
		"insforge": func() {
			endWithParent()
			os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
		},
	})
}

// inScratch runs the tests in a folder of their own.
type inScratch struct{ *testing.M }

func (m inScratch) Run() int { return scratch.Run(m.M.Run) }

func TestHelpOfServeListsEverySetting(t *testing.T) {
	t.Parallel()
	var out, complaints bytes.Buffer
	if code := cli.Main([]string{"serve", "--help"}, &out, &complaints); code != 0 {
		t.Fatalf("got exit code %d: %s", code, complaints.String())
	}
	for _, s := range config.Settings() {
		if !regexp.MustCompile(`(?m)^  ` + s.Name + `( \(default .+\))?\n +` + regexp.QuoteMeta(s.Help()) + `$`).Match(out.Bytes()) {
			t.Errorf("the help has no lines for %s", s.Name)
		}
	}
}

// TestScripts runs the command line as testdata/*.txtar say. Besides
// testscript's own commands there are those in the table below.
func TestScripts(t *testing.T) {
	t.Parallel()
	cache, err := bundle.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: nobody has to get in.
	root, err := os.MkdirTemp("", "insforge-cli-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:         "testdata",
		WorkdirRoot: root,
		Setup: func(e *testscript.Env) error {
			e.Setenv("INSFORGE_CACHE_DIR", cache)
			e.Values[backendKey{}] = &backend{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":        exits,
			"unprivileged": unprivileged,
			"ready":        ready,
			"freeport":     freeport,
			"takeport":     takeport,
			"once":         once,
			"oneline":      oneline,
			"hidden":       hidden,
			"stopped":      stopped,
			"signal":       sendSignal,
			"hold":         hold,
			"signin":       signin,
			"backend":      startBackend,
			"asked":        asked,
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Geteuid() == 0, nil
			case "network": // there are other machines
				addresses, err := net.InterfaceAddrs()
				return slices.ContainsFunc(addresses, func(a net.Addr) bool {
					network, ok := a.(*net.IPNet)
					return ok && network.IP.IsGlobalUnicast()
				}), err
			case "lowports": // are for root only
				text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
				return err == nil && string(text) != "0\n", nil
			}
			return false, fmt.Errorf("unknown condition %s", name)
		},
	})
}

// exits CODE PROGRAM ARG… runs a program and compares its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got, err = exit.ExitCode(), nil
	}
	ts.Check(err)
	if got != want {
		ts.Fatalf("got exit code %d, want %d", got, want)
	}
}

// unprivileged CODE ARG… runs insforge as a user who is not root, with an empty
// environment where BARE is set.
func unprivileged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: unprivileged code args...")
	}
	if os.Geteuid() != 0 {
		exits(ts, false, append([]string{args[0], "insforge"}, args[1:]...))
		return
	}
	// The program of the scripts is in a folder of root's, so it is handed over
	// as an open file.
	self, err := os.Executable()
	ts.Check(err)
	program, err := os.Open(self)
	ts.Check(err)
	defer program.Close()
	environ := []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.MkAbs("."), "INSFORGE_CACHE_DIR=" + ts.Getenv("INSFORGE_CACHE_DIR")}
	if ts.Getenv("BARE") != "" {
		environ = []string{}
	}
	cmd := &exec.Cmd{
		Path:        "/proc/self/fd/3",
		Args:        append([]string{"insforge"}, args[1:]...),
		Dir:         ts.MkAbs("."),
		Env:         environ,
		Stdout:      ts.Stdout(),
		Stderr:      ts.Stderr(),
		ExtraFiles:  []*os.File{program},
		SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}},
	}
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[0] {
		ts.Fatalf("got exit code %s, want %s", got, args[0])
	}
}

// ready DIR waits until a process serves the data directory, and sets URL and
// PID.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready dir")
	}
	await(ts, "a process is ready", func() error {
		i, err := app.ReadInstance(ts.MkAbs(args[0]))
		if err != nil {
			return err
		}
		if err := app.AskHealth(context.Background(), i.URL); err != nil {
			return err
		}
		ts.Setenv("URL", i.URL)
		ts.Setenv("PID", strconv.Itoa(i.PID))
		return nil
	})
}

// stopped DIR waits until no process serves the data directory.
func stopped(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stopped dir")
	}
	await(ts, "no process serves", func() error {
		serving, err := app.Serving(ts.MkAbs(args[0]))
		if err == nil && serving {
			err = errors.New("one does")
		}
		return err
	})
}

// signal NAME sends a signal to the process that ready found.
func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}
	if neg || len(args) != 1 || signals[args[0]] == 0 {
		ts.Fatalf("usage: signal TERM|INT|STOP|CONT")
	}
	pid, err := strconv.Atoi(ts.Getenv("PID"))
	ts.Check(err)
	ts.Check(syscall.Kill(pid, signals[args[0]]))
}

// hold DIR holds the lock of a data directory until the end of the script, as
// a process does that has not said anything yet.
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold dir")
	}
	f, err := os.OpenFile(filepath.Join(ts.MkAbs(args[0]), "insforge.lock"), os.O_RDWR, 0)
	ts.Check(err)
	ts.Defer(func() { f.Close() })
	ts.Check(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
}

// signin STATUS PASSWORD signs in as the administrator of the project that ready
// found, and compares the status of the answer.
func signin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signin status password")
	}
	body, err := json.Marshal(map[string]string{"username": "admin", "password": args[1]})
	ts.Check(err)
	w, err := http.Post(ts.Getenv("URL")+"/api/auth/admin/sessions", "application/json", bytes.NewReader(body))
	ts.Check(err)
	defer w.Body.Close()
	if got := strconv.Itoa(w.StatusCode); got != args[0] {
		ts.Fatalf("got status %s, want %s", got, args[0])
	}
}

func await(ts *testscript.TestScript, what string, check func() error) {
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s: not within %v: %v", what, patience, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// freeport NAME sets a variable to a port that nobody listens on.
func freeport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport name")
	}
	port, err := apptest.FreePort()
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(port))
}

// takeport NAME listens on a port until the end of the script and sets a
// variable to it.
func takeport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: takeport name")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}

// once PATTERN FILE finds the pattern exactly once; its first group becomes
// the variable FOUND.
func once(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: once pattern file")
	}
	found := regexp.MustCompile(args[0]).FindAllStringSubmatch(ts.ReadFile(args[1]), -1)
	if len(found) != 1 {
		ts.Fatalf("got %q %d times, want once", args[0], len(found))
	}
	if len(found[0]) > 1 {
		ts.Setenv("FOUND", found[0][1])
	}
}

// oneline FILE requires one line in the file.
func oneline(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: oneline file")
	}
	if text := ts.ReadFile(args[0]); strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		ts.Fatalf("got %q, want one line", text)
	}
}

// hidden SECRETS DIR requires that no file below the folder holds a value of
// the secrets file, except the administrator's name.
func hidden(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: hidden secrets dir")
	}
	values := regexp.MustCompile(`": "([^"]{12,})"`).FindAllStringSubmatch(ts.ReadFile(args[0]), -1)
	if len(values) < 6 {
		ts.Fatalf("got %d secrets, want 6", len(values))
	}
	files := 0
	err := filepath.WalkDir(ts.MkAbs(args[1]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		for _, value := range values {
			if strings.Contains(string(text), value[1]) {
				return fmt.Errorf("%s holds a secret", path)
			}
		}
		return err
	})
	ts.Check(err)
	if files == 0 {
		ts.Fatalf("got no files below %s", args[1])
	}
}
