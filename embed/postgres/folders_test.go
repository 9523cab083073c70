package postgres_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/embed/postgres"
	"github.com/jackc/pgx/v5"
)

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
