package postgres_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/insforge/insforge-go/embed/postgres"
	"github.com/jackc/pgx/v5"
)

func TestInvalidOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*postgres.Options){
		"no directory":   func(o *postgres.Options) { o.DataDir = "" },
		"no runtime":     func(o *postgres.Options) { o.Runtime.BinDir = "" },
		"no password":    func(o *postgres.Options) { o.Password = "" },
		"port too high":  func(o *postgres.Options) { o.Port = 70000 },
		"setting's name": func(o *postgres.Options) { o.Settings = map[string]string{"a = b\nc": "d"} },
	} {
		o, _ := options(t, filepath.Join(t.TempDir(), "data"))
		change(&o)
		_, err := postgres.Start(t.Context(), o)
		if e := (*postgres.Error)(nil); !errors.As(err, &e) || e.Kind != postgres.KindOptions {
			t.Errorf("%s: got %v, want kind options", name, err)
		}
	}
}

func TestOnlyOneServerOnADirectory(t *testing.T) {
	t.Parallel()
	o, _ := options(t, filepath.Join(t.TempDir(), "data"))
	var wg sync.WaitGroup
	servers := make(chan *postgres.Server, 4)
	refused := make(chan error, 4)
	for range 4 {
		wg.Go(func() {
			s, err := postgres.Start(t.Context(), o)
			if err != nil {
				refused <- err
				return
			}
			servers <- s
		})
	}
	wg.Wait()
	close(servers)
	close(refused)
	if len(servers) != 1 {
		t.Fatalf("%d servers started, want 1", len(servers))
	}
	s := <-servers
	defer stop(t, s)
	for err := range refused {
		wantKind(t, err, postgres.KindInUse)
	}
	_, err := postgres.Start(t.Context(), o)
	if e := wantKind(t, err, postgres.KindInUse); !strings.Contains(e.Message, strconv.Itoa(os.Getpid())) {
		t.Errorf("message does not name the process: %s", e.Message)
	}
	if got := value(t, connect(t, s), "SELECT 1"); got != "1" {
		t.Errorf("got %s, want 1", got)
	}
}

func TestTakenPortGivesTheNextFreeOne(t *testing.T) {
	t.Parallel()
	taken := 0
	for taken == 0 || taken > 65000 { // there must be some above it
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		taken = l.Addr().(*net.TCPAddr).Port
	}
	o, _ := options(t, filepath.Join(t.TempDir(), "data"))
	o.NoTCP, o.Port = false, taken
	s := start(t, o)
	if s.Port <= taken || s.Port >= taken+100 {
		t.Errorf("got port %d, want one soon after %d", s.Port, taken)
	}
	conn, err := pgx.Connect(t.Context(), s.URL("postgres", password, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
}

func TestCancelledStartLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	o, _ := options(t, filepath.Join(t.TempDir(), "data"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := postgres.Start(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	entries, err := os.ReadDir(filepath.Dir(o.DataDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() != "data.lock" {
			t.Errorf("%s was left behind", entry.Name())
		}
	}
	start(t, o)
}
