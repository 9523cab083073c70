package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// How long a start and a stop may take on a loaded machine, a cold cache of
// runtimes and crash recovery included.
const (
	startTimeout = 2 * time.Minute
	stopTimeout  = time.Minute
	pollInterval = 20 * time.Millisecond
)

// maxAnswer bounds what is read of one response.
const maxAnswer = 16 << 20

// Product is a running process of the product.
type Product struct {
	// Dir is its data directory.
	Dir string
	// URL is where it serves, without a slash at the end.
	URL string
	// APIKey and AnonKey are the project's keys.
	APIKey, AnonKey string
	// PostgresPort is the TCP port of its Postgres on loopback.
	PostgresPort int

	cmd    *exec.Cmd
	exited <-chan struct{} // closed when the process is gone
	stderr string          // path of its log
	client *http.Client
}

// Start starts the product on a data directory, with environment variables of
// the form NAME=value, and waits until it answers. It is stopped when the
// test ends, if it still runs.
func Start(t testing.TB, dir string, env ...string) *Product {
	t.Helper()
	p := &Product{
		Dir: dir, stderr: filepath.Join(t.TempDir(), "stderr"),
		client: &http.Client{Timeout: startTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 32}},
	}
	log, err := os.Create(p.stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	// A file, not a pipe: it stays writable and needs no reader even if a
	// child outlives the process.
	p.cmd = Command(t, "serve", "--data-dir", dir, "--port", "0")
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if p.exited, err = Launch(p.cmd); err != nil {
		t.Fatalf("apptest: start: %v", err)
	}
	t.Cleanup(func() { p.cleanUp(t) })
	p.awaitReady(t)
	return p
}

// Command returns the product's command line, ready to run, in an environment
// that says nothing about settings or another project.
func Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(Executable(t), args...)
	cmd.Env = environment()
	cmd.Dir = t.TempDir()
	return cmd
}

func environment() (env []string) {
	kept := []string{"PATH", "HOME", "TMPDIR", "USER", "LANG", "XDG_CACHE_HOME", "INSFORGE_CACHE_DIR", "INSFORGE_POSTGRES_DIR"}
	for _, line := range os.Environ() {
		if name, _, _ := strings.Cut(line, "="); slices.Contains(kept, name) {
			env = append(env, line)
		}
	}
	return env
}

// awaitReady waits for the note of this process in the data directory, and
// for its first healthy answer.
func (p *Product) awaitReady(t testing.TB) {
	t.Helper()
	var note struct {
		PID          int    `json:"pid"`
		URL          string `json:"url"`
		PostgresPort int    `json:"postgresPort"`
	}
	Eventually(t, startTimeout, "the product answers", func() error {
		select {
		case <-p.exited:
			t.Fatalf("apptest: the product exited: %s\n%s", p.cmd.ProcessState, p.Log())
		default:
		}
		text, err := os.ReadFile(filepath.Join(p.Dir, "instance.json"))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &note); err != nil { // being written
			return err
		}
		if note.PID != p.PID() {
			return fmt.Errorf("the note is of process %d", note.PID)
		}
		p.URL, p.PostgresPort = note.URL, note.PostgresPort
		_, err = p.Call(t.Context(), http.MethodGet, "/api/health", "", nil)
		return err
	})
	var keys struct{ APIKey, AnonKey string }
	out, err := p.command(t, "keys", "show", "--json").Output()
	if err == nil {
		err = json.Unmarshal(out, &keys)
	}
	if err != nil {
		t.Fatalf("apptest: keys show: %v", err)
	}
	p.APIKey, p.AnonKey = keys.APIKey, keys.AnonKey
}

func (p *Product) command(t testing.TB, args ...string) *exec.Cmd {
	return Command(t, append(args, "--data-dir", p.Dir)...)
}

// PID is the number of the process.
func (p *Product) PID() int { return p.cmd.Process.Pid }

// Log returns what the process said so far.
func (p *Product) Log() string {
	text, err := os.ReadFile(p.stderr)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Stop ends the process as a user does and fails the test unless it went
// well and left nothing running.
func (p *Product) Stop(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("apptest: stop: %v", err)
	}
	p.awaitExit(t)
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the product exited with %s after SIGTERM, want 0\n%s", p.cmd.ProcessState, p.Log())
	}
	if left := Postmasters(p.Dir); len(left) > 0 {
		t.Errorf("after a graceful stop Postgres still runs: %v", left)
	}
}

// Kill ends the process with SIGKILL. Its Postgres may live on.
func (p *Product) Kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatalf("apptest: kill: %v", err)
	}
	p.awaitExit(t)
}

func (p *Product) awaitExit(t testing.TB) {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		t.Fatalf("apptest: the product did not exit\n%s", p.Log())
	}
}

// cleanUp ends everything that the test left running.
func (p *Product) cleanUp(t testing.TB) {
	select {
	case <-p.exited:
	default:
		p.Stop(t)
	}
	for _, pid := range Postmasters(p.Dir) { // of a product that was killed
		_ = syscall.Kill(pid, syscall.SIGINT) // fast shutdown
	}
	Eventually(t, stopTimeout, "Postgres is gone", func() error {
		if left := Postmasters(p.Dir); len(left) > 0 {
			return fmt.Errorf("processes %v", left)
		}
		return nil
	})
}

// Postmasters returns the process numbers of the servers that run on a data
// directory: at most one, unless the product is at fault.
func Postmasters(dir string) []int {
	dir = filepath.Join(dir, "postgres")
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(entries) == 0 {
		return noted(dir)
	}
	parents := map[int]int{} // of the processes that work in dir
	for _, entry := range entries {
		// Every Postgres process works in its data directory.
		if cwd, err := os.Readlink(entry + "/cwd"); err != nil || cwd != dir {
			continue
		}
		stat, err := os.ReadFile(entry + "/stat")
		if err != nil {
			continue
		}
		// "pid (name) state ppid …", where the name may hold anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(entry))
		parents[pid], _ = strconv.Atoi(fields[1])
	}
	var roots []int
	for pid, parent := range parents {
		if _, ok := parents[parent]; !ok {
			roots = append(roots, pid)
		}
	}
	slices.Sort(roots)
	return roots
}

// noted is Postmasters where the system shows no process table: the one that
// the data directory itself names, if it lives.
func noted(dir string) []int {
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return nil
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || syscall.Kill(pid, 0) != nil {
		return nil
	}
	return []int{pid}
}

// Secret returns a member of the project's secrets file.
func (p *Product) Secret(t testing.TB, name string) string {
	t.Helper()
	var all map[string]string
	text, err := os.ReadFile(filepath.Join(p.Dir, "secrets.json"))
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil || all[name] == "" {
		t.Fatalf("apptest: secret %s: %v", name, errors.Join(err, errors.New("not in the file")))
	}
	return all[name]
}

// DSN is the connection string that the start shows for tools: the database's
// owner over TCP.
func (p *Product) DSN(t testing.TB) string {
	t.Helper()
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", p.Secret(t, "postgresPassword")),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(p.PostgresPort)), Path: "/insforge",
	}
	return u.String()
}

// Answer is a response of the product.
type Answer struct {
	Status int
	Body   []byte
}

// Call sends a request with a credential ("" for none) and a JSON body (nil
// for none). The error is nil for a status below 400 only.
func (p *Product) Call(ctx context.Context, method, path, credential string, body any) (Answer, error) {
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return Answer{}, err
		}
		payload = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, p.URL+path, payload)
	if err != nil {
		return Answer{}, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	w, err := p.client.Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer w.Body.Close()
	a := Answer{Status: w.StatusCode}
	if a.Body, err = io.ReadAll(io.LimitReader(w.Body, maxAnswer)); err != nil {
		return a, err
	}
	if a.Status >= http.StatusBadRequest {
		return a, fmt.Errorf("%s %s: status %d: %s", method, path, a.Status, a.Body)
	}
	return a, nil
}

// Eventually waits until check returns nil, and fails the test when that
// takes longer than limit.
func Eventually(t testing.TB, limit time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("apptest: %s: not within %s: %v", what, limit, err)
		}
		time.Sleep(pollInterval)
	}
}
