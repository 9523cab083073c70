package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/insforge/insforge-go/app/apptest"
	"github.com/insforge/insforge-go/embed/bundle"
)

func TestMain(m *testing.M) { apptest.Main(m) }

const (
	patience = 2 * time.Minute
	// nobody is the user that the product runs as where it must not be root.
	nobody = 65534
)

// process is a run of the product that may also fail, be signalled while it
// starts, run as another user or on another disk.
type process struct {
	*exec.Cmd
	dir    string
	url    string
	out    string          // path of both its outputs
	exited <-chan struct{} // closed when it is gone
}

// serving returns the command that serves a data directory, with environment
// variables of the form NAME=value.
func serving(t *testing.T, dir string, env ...string) *process {
	t.Helper()
	cmd := apptest.Command(t, "serve", "--data-dir", dir, "--port", "0")
	cmd.Env = append(cmd.Env, env...)
	return &process{Cmd: cmd, dir: dir, out: filepath.Join(t.TempDir(), "out")}
}

// start starts it. It is stopped when the test ends, and must leave no
// Postgres behind.
func (p *process) start(t *testing.T) *process {
	t.Helper()
	out, err := os.Create(p.out)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.Stdout, p.Stderr = out, out
	if p.exited, err = apptest.Launch(p.Cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Signal(syscall.SIGTERM)
		p.exitCode(t)
		p.awaitNoPostgres(t)
		if t.Failed() {
			out := p.output()
			t.Logf("end of the output of %v:\n%s", p.Args, out[max(0, len(out)-4000):])
		}
	})
	return p
}

var banner = regexp.MustCompile(`(?m)^ +API +(http\S+)$`)

// ready waits until it serves.
func (p *process) ready(t *testing.T) *process {
	t.Helper()
	apptest.Eventually(t, patience, "the product is ready", func() error {
		select {
		case <-p.exited:
			t.Fatalf("the product exited: %s", p.ProcessState)
		default:
		}
		m := banner.FindStringSubmatch(p.output())
		if m == nil {
			return errors.New("no banner yet")
		}
		p.url = m[1]
		return nil
	})
	return p
}

// getsReady waits until it serves or has ended.
func (p *process) getsReady(t *testing.T) (ready bool) {
	t.Helper()
	apptest.Eventually(t, patience, "the product is ready or gives up", func() error {
		ready = banner.MatchString(p.output())
		select {
		case <-p.exited:
			return nil
		default:
		}
		if !ready {
			return errors.New("neither")
		}
		return nil
	})
	return ready
}

func (p *process) output() string {
	text, err := os.ReadFile(p.out)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// exitCode waits for its end; -1 is a death by signal.
func (p *process) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		t.Fatal("the product did not exit")
	}
	return p.ProcessState.ExitCode()
}

// stop ends it as a service manager does.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t); code != 0 {
		t.Errorf("got exit code %d after SIGTERM, want 0", code)
	}
	if left := apptest.Postmasters(p.dir); len(left) > 0 {
		t.Errorf("got Postgres %v after a regular stop, want none", left)
	}
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func (p *process) awaitNoPostgres(t *testing.T) {
	t.Helper()
	apptest.Eventually(t, patience, "Postgres is gone", func() error {
		if left := apptest.Postmasters(p.dir); len(left) > 0 {
			return fmt.Errorf("processes %v", left)
		}
		return nil
	})
}

// refused waits for its end and wants exit code 1 and one line with all parts.
func (p *process) refused(t *testing.T, parts ...string) {
	t.Helper()
	if code := p.exitCode(t); code != 1 {
		t.Errorf("got exit code %d, want 1", code)
	}
	var complaints []string
	for line := range strings.Lines(p.output()) {
		// A log file on a full disk causes a complaint too.
		if !strings.HasPrefix(line, `{"level"`) && !strings.HasPrefix(line, "zerolog:") {
			complaints = append(complaints, line)
		}
	}
	if len(complaints) != 1 || !strings.HasPrefix(complaints[0], "insforge: ") {
		t.Fatalf("got %q, want one line of complaint", complaints)
	}
	for _, part := range parts {
		if !strings.Contains(complaints[0], part) {
			t.Errorf("got %q, want %q in it", complaints[0], part)
		}
	}
}

// apiKey is the project's key with full rights.
func (p *process) apiKey(t *testing.T) string { return p.secret(t, "apiKey") }

// secret returns a member of the secrets file.
func (p *process) secret(t *testing.T, name string) string {
	t.Helper()
	var all map[string]string
	text, err := os.ReadFile(filepath.Join(p.dir, "secrets.json"))
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil || all[name] == "" {
		t.Fatalf("no secret %s: %v", name, err)
	}
	return all[name]
}

// answer is a response; Err is that of a request without one.
type answer struct {
	Status int
	Body   string
	Err    error
}

// call sends a JSON request as the project's administrator.
func (p *process) call(t *testing.T, method, path string, body any) answer {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, method, p.url+path, p.apiKey(t), text)
}

func send(t *testing.T, method, url, key string, body []byte) answer {
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		return answer{Err: err}
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: patience}
	w, err := client.Do(r)
	if err != nil {
		return answer{Err: err}
	}
	defer w.Body.Close()
	text, err := io.ReadAll(io.LimitReader(w.Body, 1<<20))
	return answer{Status: w.StatusCode, Body: string(text), Err: err}
}

// createTable makes a table through the API.
func (p *process) createTable(t *testing.T, name string) answer {
	t.Helper()
	return p.call(t, http.MethodPost, "/api/database/tables", map[string]any{
		"tableName": name,
		"columns":   []any{map[string]any{"columnName": "n", "type": "integer", "isNullable": true, "isUnique": false}},
	})
}

// tables returns the names of the tables.
func (p *process) tables(t *testing.T) (names []string) {
	t.Helper()
	a := p.call(t, http.MethodGet, "/api/database/tables", nil)
	if err := json.Unmarshal([]byte(a.Body), &names); a.Status != http.StatusOK || err != nil {
		t.Fatalf("got %+v, want the names of the tables", a)
	}
	return names
}

// insert adds a row to a table through the API.
func (p *process) insert(t *testing.T, table string) answer {
	t.Helper()
	return p.call(t, http.MethodPost, "/api/database/records/"+table, []any{map[string]int{"n": 7}})
}

// rows counts the rows of a table through the API.
func (p *process) rows(t *testing.T, table string) int {
	t.Helper()
	a := p.call(t, http.MethodGet, "/api/database/records/"+table+"?select=n", nil)
	var rows []struct{ N int }
	if err := json.Unmarshal([]byte(a.Body), &rows); a.Status != http.StatusOK || err != nil {
		t.Fatalf("got %+v, want rows", a)
	}
	return len(rows)
}

// openFolder returns a new folder that everybody may enter and that nobody
// owns, unlike those of testing.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "insforge-app-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// asNobody makes it run as an unprivileged user. Where the tests do not
// run as root there is nothing to do.
func (p *process) asNobody(t *testing.T) *process {
	t.Helper()
	if os.Geteuid() != 0 {
		return p
	}
	cache, err := bundle.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	p.Dir = "/"
	p.Env = append(p.Env, "HOME=/nonexistent", bundle.CacheDirEnv+"="+cache)
	p.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return p
}
