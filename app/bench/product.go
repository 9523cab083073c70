package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	apiKey        = "ik_benchmark0000000000000000000000000000000000000000000000000000000000"
	adminPassword = "benchmark-administrator"
	pgPassword    = "benchmark-superuser"
)

func build(ctx context.Context, to string) error {
	c := exec.CommandContext(ctx, "go", "build", "-tags", "bundled", "-trimpath", "-ldflags", "-s -w", "-o", to, ".")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("build the release executable (run in the source tree, after go generate ./...): %w", err)
	}
	return nil
}

// product is one running executable.
type product struct {
	cmd  *exec.Cmd
	url  string
	dir  string
	took time.Duration // from exec to the first answered query
}

// start runs the product on dir and waits until a query through Postgres is
// answered.
func start(ctx context.Context, binary, dir string) (*product, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &product{dir: dir, url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	p.cmd = exec.CommandContext(ctx, binary, "serve", "--data-dir", dir, "--port", fmt.Sprint(port))
	p.cmd.Env = append(os.Environ(), "ACCESS_API_KEY="+apiKey, "POSTGRES_PASSWORD="+pgPassword,
		"ROOT_ADMIN_PASSWORD="+adminPassword, "LOG_LEVEL=info",
		// Its own cache: the first start pays for unpacking Postgres.
		"INSFORGE_CACHE_DIR="+dir+"-cache")
	// A file, as for a service: with a pipe this process would have to read
	// each line.
	output, err := os.Create(dir + ".out")
	if err != nil {
		return nil, err
	}
	defer output.Close()
	p.cmd.Stdout = output
	// Its own session, as for a service: Linux divides the cores among
	// sessions, and every Postgres process has its own.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(began) < time.Minute {
		if p.call(ctx, http.MethodGet, "/api/database/tables", nil, nil) == nil {
			p.took = time.Since(began)
			return p, nil
		}
		if ctx.Err() != nil {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	p.stop()
	return nil, errors.New("the product did not answer within a minute")
}

func (p *product) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// call makes one request as the administrator and decodes the answer.
func (p *product) call(ctx context.Context, method, path string, body, answer any) error {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, p.url+path, sent)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+apiKey)
	r.Header.Set("Content-Type", "application/json")
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		return err
	}
	if w.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, w.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// postgresPort is the TCP port of the product's Postgres.
func (p *product) postgresPort() (int, error) {
	var note struct {
		PostgresPort int `json:"postgresPort"`
	}
	text, err := os.ReadFile(filepath.Join(p.dir, "instance.json"))
	if err != nil {
		return 0, err
	}
	return note.PostgresPort, json.Unmarshal(text, &note)
}

// tree returns the product's processes: the executable's first, then all its
// descendants.
func (p *product) tree() []int {
	pids := []int{p.cmd.Process.Pid}
	for i := 0; i < len(pids); i++ {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[i]))
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			if err != nil {
				continue // the process just ended
			}
			for _, field := range strings.Fields(string(text)) {
				var pid int
				if _, err := fmt.Sscan(field, &pid); err == nil {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
