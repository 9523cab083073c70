package postgres_test

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/embed/postgres"
	"github.com/jackc/pgx/v5"
)

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
		t.Fatalf("%v: run go generate where there is a C compiler and Debian's apt", err)
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
