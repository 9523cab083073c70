package postgres_test

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/insforge/insforge-go/embed/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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

func TestExtensionsOfTheRuntimeWork(t *testing.T) {
	t.Parallel()
	o, _ := options(t, filepath.Join(t.TempDir(), "data"))
	conn := connect(t, start(t, o))
	for _, name := range []string{
		"pgcrypto", "uuid-ossp", "pg_trgm", "citext", "hstore", "ltree", "unaccent", "btree_gin", "btree_gist",
		"fuzzystrmatch", "postgres_fdw", "dblink", "pg_stat_statements", "tablefunc", "xml2", "amcheck",
	} {
		if _, err := conn.Exec(t.Context(), "CREATE EXTENSION "+pgx.Identifier{name}.Sanitize()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for sql, want := range map[string]string{
		"SELECT encode(digest('x', 'sha1'), 'hex')":      "11f6ad8ec52a2984abaafd7c3b516503785c2072",
		"SELECT uuid_generate_v4() IS NOT NULL":          "true",
		"SELECT unaccent('Hôtel')":                       "Hotel",
		"SELECT count(*) > 0 FROM pg_stat_statements":    "true",
		"SELECT 'ä' < 'z' COLLATE \"de-x-icu\"":          "true",
		"SELECT count(*) > 100 FROM pg_timezone_names":   "true",
		"SELECT to_tsvector('english', 'running')::text": "'run':1",
	} {
		if got := value(t, conn, sql); got != want {
			t.Errorf("%s: got %s, want %s", sql, got, want)
		}
	}
}

// TestVectorNeedsNoMoreThanTheServer: what was compiled here must load on every
// system that runs the server, with a C library as old.
func TestVectorNeedsNoMoreThanTheServer(t *testing.T) {
	t.Parallel()
	rt := runtime(t)
	library := filepath.Join(rt.Dir, "lib", "postgresql", "vector.so")
	if goruntime.GOOS != "linux" { // it is built for Linux only
		if _, err := os.Stat(library); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want no %s", err, library)
		}
		return
	}
	server, vector := newestGLIBC(t, filepath.Join(rt.BinDir, "postgres")), newestGLIBC(t, library)
	if vector > server {
		t.Errorf("vector needs the C library 2.%d, the server only 2.%d", vector, server)
	}
}

// newestGLIBC returns the minor of the newest version of the C library, 2.x,
// that a program or library asks for.
func newestGLIBC(t *testing.T, file string) (newest int) {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatalf("%v: run go generate where there are a C compiler and Debian's apt", err)
	}
	defer f.Close()
	symbols, err := f.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, symbol := range symbols {
		var minor int
		if _, err := fmt.Sscanf(symbol.Version, "GLIBC_2.%d", &minor); err == nil {
			newest = max(newest, minor)
		}
	}
	if newest == 0 {
		t.Fatalf("%s asks for no version of the C library", file)
	}
	return newest
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

func TestForeignDirectoriesAreRefusedAndUntouched(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		kind postgres.Kind
		make func(dir string) error
	}{
		{"a folder with other files", postgres.KindDirectory, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "holiday.jpg"), []byte("x"), 0o600)
		}},
		{"a cluster without its control file", postgres.KindDirectory, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "PG_VERSION"), []byte("17\n"), 0o600)
		}},
		{"an unreadable version", postgres.KindDirectory, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "PG_VERSION"), []byte{0, 1, 2}, 0o600)
		}},
		{"a cluster of another major", postgres.KindMajor, func(dir string) error {
			for _, sub := range []string{"global", "base"} {
				if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
					return err
				}
			}
			return errors.Join(
				os.WriteFile(filepath.Join(dir, "PG_VERSION"), []byte("13\n"), 0o600),
				os.WriteFile(filepath.Join(dir, "postgresql.conf"), nil, 0o600),
				os.WriteFile(filepath.Join(dir, "global", "pg_control"), nil, 0o600))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o, _ := options(t, filepath.Join(t.TempDir(), "data"))
			if err := os.Mkdir(o.DataDir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := test.make(o.DataDir); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, o.DataDir)
			_, err := postgres.Start(t.Context(), o)
			e := wantKind(t, err, test.kind)
			if test.kind == postgres.KindMajor && (!strings.Contains(e.Message, "PostgreSQL 13") || !strings.Contains(e.Message, "PostgreSQL "+strconv.Itoa(o.Runtime.Major))) {
				t.Errorf("message does not name both majors: %s", e.Message)
			}
			if after := snapshot(t, o.DataDir); after != before {
				t.Errorf("directory changed:\n%s\nwas\n%s", after, before)
			}
		})
	}
	t.Run("a link to a disk that is missing", func(t *testing.T) {
		o, _ := options(t, filepath.Join(t.TempDir(), "data"))
		if err := os.Symlink("/nonexistent/disk/data", o.DataDir); err != nil {
			t.Fatal(err)
		}
		_, err := postgres.Start(t.Context(), o)
		wantKind(t, err, postgres.KindDirectory)
		if target, err := os.Readlink(o.DataDir); err != nil || target != "/nonexistent/disk/data" {
			t.Errorf("the link is now %q, %v", target, err)
		}
	})
	t.Run("a file", func(t *testing.T) {
		o, _ := options(t, filepath.Join(t.TempDir(), "data"))
		if err := os.WriteFile(o.DataDir, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := postgres.Start(t.Context(), o)
		wantKind(t, err, postgres.KindDirectory)
	})
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	if taken > 65000 {
		t.Fatalf("the system chose port %d, too high for this test", taken)
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

func TestPathsThatAreLongOrStrangeWork(t *testing.T) {
	t.Parallel()
	for name, folder := range map[string]string{
		"long":    strings.Repeat("a-long-folder-name/", 12),
		"strange": `it's a "folder" with \ and % and ü`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, _ := options(t, filepath.Join(t.TempDir(), folder, "data"))
			s := start(t, o)
			if got := value(t, connect(t, s), "SELECT 1"); got != "1" {
				t.Errorf("got %s, want 1", got)
			}
			stop(t, s)
			if name == "long" {
				if _, err := os.Lstat(s.SocketDir); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the short folder %s is still there", s.SocketDir)
				}
			}
		})
	}
}

func TestPrivateParentFoldersStayPrivate(t *testing.T) {
	t.Parallel()
	private := filepath.Join(t.TempDir(), "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	o, _ := options(t, filepath.Join(private, "project", "data"))
	s := start(t, o)
	conn := connect(t, s)
	if _, err := conn.Exec(t.Context(), "CREATE TABLE t (n int); SELECT pg_reload_conf(); CREATE DATABASE other"); err == nil {
		t.Error("CREATE DATABASE inside a batch was accepted")
	}
	for _, sql := range []string{"CREATE TABLE t (n int)", "CREATE DATABASE other", "CHECKPOINT", "SELECT pg_reload_conf()"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	other, err := pgx.Connect(t.Context(), s.DSN("postgres", password, "other"))
	if err != nil {
		t.Fatal(err)
	}
	other.Close(t.Context())
	stop(t, s)
	start(t, o)
	for _, dir := range []string{private, filepath.Join(private, "project")} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: got %v, %v, want mode 0700", dir, info.Mode(), err)
		}
	}
}

func TestPasswordFollowsTheOptions(t *testing.T) {
	t.Parallel()
	o, book := options(t, filepath.Join(t.TempDir(), "data"))
	stop(t, start(t, o))

	o.Password = "the-second-password"
	s := start(t, o)
	login := func(password string) error {
		conn, err := pgx.Connect(t.Context(), s.DSN("postgres", password, "postgres"))
		if err != nil {
			return err
		}
		return conn.Close(t.Context())
	}
	if err := login("the-second-password"); err != nil {
		t.Fatal(err)
	}
	var refused *pgconn.PgError
	if err := login(password); !errors.As(err, &refused) || refused.Code != "28P01" {
		t.Errorf("old password: got %v, want 28P01", err)
	}
	conn, err := pgx.Connect(t.Context(), s.DSN("postgres", "the-second-password", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "ALTER ROLE postgres PASSWORD 'by-sql'"); err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
	stop(t, s)

	s = start(t, o)
	if err := login("the-second-password"); err != nil {
		t.Errorf("after a change by SQL: %v", err)
	}
	stop(t, s)
	noSecrets(t, book.text(), o.DataDir, "the-second-password", password)
}

// noSecrets fails when a secret is in the log or in our files.
func noSecrets(t *testing.T, log, dir string, secrets ...string) {
	t.Helper()
	texts := map[string]string{"log": log}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil {
			texts[file] = string(content)
		}
	}
	for name, text := range texts {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s contains the secret %q", name, secret)
			}
		}
	}
}

func TestStatementsAndValuesStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	o, book := options(t, filepath.Join(t.TempDir(), "data"))
	conn := connect(t, start(t, o))
	const secret = "hunter2secret"
	if _, err := conn.Exec(t.Context(), "CREATE TABLE t (email text UNIQUE CHECK (email <> 'x'), n int NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct {
		sql  string
		args []any
	}{
		{"INSERT INTO t VALUES ($1, NULL)", []any{secret}},
		{"SELECT 1/0, '" + secret + "'", nil},
		{"ALTER ROLE nobody_there PASSWORD '" + secret + "'", nil},
		{"DO $$ BEGIN EXECUTE 'SELECT ''" + secret + "'' FROM missing'; END $$", nil},
	} {
		if _, err := conn.Exec(t.Context(), try.sql, try.args...); err == nil {
			t.Errorf("%s did not fail", try.sql)
		}
	}
	eventually(t, "the errors are in the log", func() bool { return strings.Contains(book.text(), "missing") })
	noSecrets(t, book.text(), o.DataDir, secret)
	if text := book.text(); !strings.Contains(text, "error [@postgres] division by zero") {
		t.Errorf("log lacks the error with its level and database:\n%s", text)
	}
}

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

func TestProgramsThatCannotRunAreExplained(t *testing.T) {
	t.Parallel()
	// A script without its interpreter fails like a program without its C library.
	bin, err := os.MkdirTemp("", "runtime") // reachable for every user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(bin) })
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/nonexistent/ld-linux.so\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, template := range []string{"", runtime(t).Template} {
		o, _ := options(t, filepath.Join(t.TempDir(), "data"))
		o.Runtime.BinDir, o.Runtime.Template = bin, template
		_, err = postgres.Start(t.Context(), o)
		if e := wantKind(t, err, postgres.KindRuntime); !strings.Contains(e.Message, "INSFORGE_POSTGRES_DIR") {
			t.Errorf("message does not say what to do: %s", e.Message)
		}
	}
	if os.Geteuid() != 0 {
		return // the rest is about the user that root changes to
	}
	if err := os.Chmod(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	o, _ := options(t, filepath.Join(t.TempDir(), "data"))
	o.Runtime.BinDir = filepath.Join(bin, "sub")
	if err := errors.Join(os.Mkdir(o.Runtime.BinDir, 0o755), os.WriteFile(filepath.Join(o.Runtime.BinDir, "postgres"), nil, 0o755)); err != nil {
		t.Fatal(err)
	}
	_, err = postgres.Start(t.Context(), o)
	if e := wantKind(t, err, postgres.KindPermission); !strings.Contains(e.Message, "INSFORGE_CACHE_DIR") {
		t.Errorf("message does not say what to do: %s", e.Message)
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
