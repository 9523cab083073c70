package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/insforge/insforge-go/embed/bundle"
	"github.com/insforge/insforge-go/embed/postgres"
	"github.com/jackc/pgx/v5"
)

const password = `it's a "secret" \ pässword`

// runtime is the Postgres under test.
func runtime(t *testing.T) bundle.Runtime {
	t.Helper()
	rt, err := bundle.FindPostgres(t.Context(), bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

// logBook collects what a server says.
type logBook struct {
	mu    sync.Mutex
	lines []postgres.Line
}

func (l *logBook) add(line postgres.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// text is all messages, one per line.
func (l *logBook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, line := range l.lines {
		fmt.Fprintf(&b, "%s [%s@%s] %s\n", line.Level, line.Application, line.Database, line.Message)
	}
	return b.String()
}

// options for a durable server in dir; the log is shown when the test fails.
func options(t *testing.T, dir string) (postgres.Options, *logBook) {
	t.Helper()
	book := &logBook{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("server log:\n" + book.text())
		}
	})
	return postgres.Options{
		DataDir: dir, Runtime: runtime(t), Password: password, NoTCP: true,
		MemoryBytes: 512 << 20, Log: book.add,
	}, book
}

// start runs a server until the end of the test.
func start(t *testing.T, o postgres.Options) *postgres.Server {
	t.Helper()
	s, err := postgres.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *postgres.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// connect logs in through the unix socket as the superuser.
func connect(t *testing.T, s *postgres.Server) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DSN(postgres.Superuser, password, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// value runs a query of one row and column and returns it as text.
func value(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	var v any
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return fmt.Sprint(v)
}

// wantKind fails unless err is an *Error of that kind.
func wantKind(t *testing.T, err error, kind postgres.Kind) *postgres.Error {
	t.Helper()
	var e *postgres.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want an Error of kind %s", err, kind)
	}
	if e.Kind != kind {
		t.Fatalf("got kind %s (%v), want %s", e.Kind, e, kind)
	}
	if strings.Contains(e.Error(), "\n") {
		t.Errorf("message has more than one line: %q", e.Error())
	}
	return e
}

// snapshot describes all files of a directory, to show that it was left alone.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v %d %v\n", path, info.Mode(), info.Size(), info.ModTime().UnixNano())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("still not true after two minutes: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
