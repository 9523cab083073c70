package postgres_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/embed/postgres"
	"github.com/jackc/pgx/v5"
)

func TestNewClusterIsDurableAndPrivate(t *testing.T) {
	t.Parallel()
	o, _ := options(t, filepath.Join(t.TempDir(), "data"))
	if err := os.Mkdir(o.DataDir, 0o755); err != nil { // empty is as good as missing
		t.Fatal(err)
	}
	o.NoTCP = false
	o.Port = 20100
	s := start(t, o)
	conn := connect(t, s)
	for setting, want := range map[string]string{
		"data_checksums": "on", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"server_encoding": "UTF8", "TimeZone": "UTC", "jit": "off", "logging_collector": "off",
		"password_encryption": "scram-sha-256", "listen_addresses": "127.0.0.1,::1",
		"log_min_error_statement": "panic", "default_text_search_config": "pg_catalog.english",
	} {
		got := value(t, conn, "SELECT current_setting('"+setting+"')")
		if setting == "listen_addresses" {
			want = got[:min(len(got), len("127.0.0.1"))] // ::1 is missing on some machines
			if want != "127.0.0.1" {
				t.Errorf("listen_addresses: got %q", got)
			}
			continue
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", setting, got, want)
		}
	}
	if got := value(t, conn, "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules"); got != "scram-sha-256" {
		t.Errorf("pg_hba.conf: got %s, want only scram-sha-256", got)
	}
	if got := value(t, conn, "SELECT upper('äöü') || (SELECT string_agg(c, '' ORDER BY c) FROM unnest(array['b','A','a','B']) c)"); got != "ÄÖÜABab" {
		t.Errorf("case mapping and order: got %s", got)
	}
	if s.Restarts() != 0 || s.PID() == 0 {
		t.Errorf("got %d restarts and process %d of a new server", s.Restarts(), s.PID())
	}
	info, err := os.Stat(o.DataDir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: got %v, %v, want mode 0700", info.Mode(), err)
	}
	for _, dsn := range []string{
		s.DSN("postgres", "wrong", "postgres"), s.URL("postgres", "wrong", "postgres"),
		s.DSN("postgres", "", "postgres"), s.URL("postgres", "", "postgres"),
	} {
		if c, err := pgx.Connect(t.Context(), dsn); err == nil {
			c.Close(t.Context())
			t.Errorf("logged in with %s", dsn)
		}
	}
	tcp, err := pgx.Connect(t.Context(), s.URL("postgres", password, "postgres"))
	if err != nil {
		t.Fatalf("TCP: %v", err)
	}
	tcp.Close(t.Context())
}

func TestInitdbServesWhereThereIsNoTemplate(t *testing.T) {
	t.Parallel()
	o, _ := options(t, filepath.Join(t.TempDir(), "data"))
	o.Runtime.Template = ""
	conn := connect(t, start(t, o))
	if got := value(t, conn, "SELECT current_setting('data_checksums') || current_setting('server_encoding') || upper('ä')"); got != "onUTF8Ä" {
		t.Errorf("got %s, want onUTF8Ä", got)
	}
}

func TestDamagedTemplateGivesAnErrorAndNoCluster(t *testing.T) {
	t.Parallel()
	o, _ := options(t, filepath.Join(t.TempDir(), "data"))
	content, err := os.ReadFile(o.Runtime.Template)
	if err != nil {
		t.Fatal(err)
	}
	o.Runtime.Template = filepath.Join(t.TempDir(), "template.tar.zst")
	if err := os.WriteFile(o.Runtime.Template, content[:len(content)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = postgres.Start(t.Context(), o)
	wantKind(t, err, postgres.KindInternal)
	if _, err := os.Stat(o.DataDir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a data directory was made")
	}
}

func TestEachClusterHasItsOwnIdentity(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	seen := map[string]bool{}
	for _, name := range []string{"a", "b"} {
		o, _ := options(t, filepath.Join(base, name))
		s := start(t, o)
		conn := connect(t, s)
		id := value(t, conn, "SELECT system_identifier FROM pg_control_system()")
		if seen[id] {
			t.Errorf("identifier %s is there twice", id)
		}
		seen[id] = true
		// The identifier holds the time of creation in its upper half.
		if got := value(t, conn, "SELECT abs(extract(epoch FROM now()) - ("+id+"::bigint >> 32)) < 600"); got != "true" {
			t.Errorf("identifier %s is not of this time", id)
		}
		// New log segments, and a recovery that reads the first one, accept it.
		if _, err := conn.Exec(t.Context(), "CREATE TABLE t AS SELECT 1; SELECT pg_switch_wal(); CHECKPOINT"); err != nil {
			t.Error(err)
		}
	}
}

func TestSettingsComeFromOptionsThenFromTheUser(t *testing.T) {
	t.Parallel()
	o, _ := options(t, filepath.Join(t.TempDir(), "data"))
	o.Settings = map[string]string{"work_mem": "7MB", "search_path": `"$user", public, "it's"`, "geqo": "off"}
	s := start(t, o)
	if got := value(t, connect(t, s), "SHOW search_path"); got != `"$user", public, "it's"` {
		t.Errorf("search_path: got %s", got)
	}
	stop(t, s)

	custom := filepath.Join(o.DataDir, "postgresql.custom.conf")
	f, err := os.OpenFile(custom, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("work_mem = '9MB'\n"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	before, _ := os.ReadFile(custom)
	conn := connect(t, start(t, o))
	if got := value(t, conn, "SHOW work_mem"); got != "9MB" {
		t.Errorf("work_mem: got %s, want the user's 9MB", got)
	}
	if got := value(t, conn, "SHOW geqo"); got != "off" {
		t.Errorf("geqo: got %s, want off", got)
	}
	if after, _ := os.ReadFile(custom); string(after) != string(before) {
		t.Errorf("the user's file changed:\n%s", after)
	}
	main, _ := os.ReadFile(filepath.Join(o.DataDir, "postgresql.conf"))
	if n := strings.Count(string(main), "insforge.conf"); n != 1 {
		t.Errorf("postgresql.conf names insforge.conf %d times, want once", n)
	}
}

func TestBadUserSettingIsReportedWithItsLine(t *testing.T) {
	t.Parallel()
	o, _ := options(t, filepath.Join(t.TempDir(), "data"))
	stop(t, start(t, o))
	if err := os.WriteFile(filepath.Join(o.DataDir, "postgresql.custom.conf"), []byte("shared_buffers = banana\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.Start(t.Context(), o)
	e := wantKind(t, err, postgres.KindStart)
	if log := strings.Join(e.Log, "\n"); !strings.Contains(log, "shared_buffers") {
		t.Errorf("log does not name the setting:\n%s", log)
	}
	if err := os.WriteFile(filepath.Join(o.DataDir, "postgresql.custom.conf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, o) // the failed start left nothing behind
}
