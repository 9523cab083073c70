package bundle

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeServer makes a folder with programs that only tell their version.
func fakeServer(t *testing.T, dir, version string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSystemServersAreChosenByMajor(t *testing.T) {
	t.Setenv("PATH", "")
	for _, test := range []struct {
		name     string
		versions []string
		wanted   int
		want     string // version, or part of the error
	}{
		{"17 before newer", []string{"18.1", "17.2", "16.9"}, 0, "17.2"},
		{"the newest without 17", []string{"15.3", "18.1", "16.9"}, 0, "18.1"},
		{"the data directory's major first", []string{"15.3", "17.2", "18.1"}, 15, "15.3"},
		{"another when that is missing", []string{"17.2", "18.1"}, 15, "17.2"},
		{"too old only", []string{"14.9 (Debian 14.9-1)"}, 0, "PostgreSQL 14.9"},
		{"too new only", []string{"19beta1"}, 0, "PostgreSQL 19beta1"},
		{"beta of a supported one", []string{"18beta2"}, 0, "18beta2"},
		{"none", nil, 0, "go generate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := t.TempDir()
			for _, v := range test.versions {
				fakeServer(t, filepath.Join(base, "pg-"+v, "bin"), v)
			}
			rt, err := fromSystem(t.Context(), test.wanted, []string{filepath.Join(base, "*", "bin")})
			if err == nil && rt.Version == test.want {
				return
			}
			if err == nil || !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %+v, %v, want %s", rt, err, test.want)
			}
		})
	}
}

func TestPathIsSearchedThroughLinksAndNeverRelatively(t *testing.T) {
	base := t.TempDir()
	real := fakeServer(t, filepath.Join(base, "real", "bin"), "17.4")
	linked := filepath.Join(base, "linked")
	if err := os.Mkdir(linked, 0o755); err != nil {
		t.Fatal(err)
	}
	// As Homebrew does: only a link to the server is on PATH.
	if err := os.Symlink(filepath.Join(real, "postgres"), filepath.Join(linked, "postgres")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", linked)
	rt, err := fromSystem(t.Context(), 0, nil)
	if want, _ := filepath.EvalSymlinks(real); err != nil || rt.BinDir != want || rt.Source != SourceSystem {
		t.Errorf("got %+v, %v, want the linked server in %s", rt, err, want)
	}
	t.Chdir(real)
	t.Setenv("PATH", ".")
	if rt, err := fromSystem(t.Context(), 0, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("a relative entry was used: %+v, %v", rt, err)
	}
}

func TestSettingComesFirstAndIsChecked(t *testing.T) {
	base := t.TempDir()
	good := fakeServer(t, filepath.Join(base, "good", "bin"), "16.1")
	for _, dir := range []string{good, filepath.Dir(good)} {
		t.Setenv(PostgresDirEnv, dir)
		rt, err := FindPostgres(t.Context(), Options{})
		if err != nil || rt.Version != "16.1" || rt.Major != 16 || rt.Source != SourceSetting || rt.BinDir != good {
			t.Errorf("%s: got %+v, %v", dir, rt, err)
		}
	}
	broken := fakeServer(t, filepath.Join(base, "broken", "bin"), "")
	if err := os.WriteFile(filepath.Join(broken, "postgres"), []byte("#!/bin/sh\nexit 127\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{base, broken, filepath.Join(base, "missing"), fakeServer(t, filepath.Join(base, "old"), "9.6.24")} {
		t.Setenv(PostgresDirEnv, dir)
		if rt, err := FindPostgres(t.Context(), Options{}); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), PostgresDirEnv) {
			t.Errorf("%s: got %+v, %v, want ErrNotFound that names the setting", dir, rt, err)
		}
	}
}

func TestCacheOfGenerateIsFound(t *testing.T) {
	cache := t.TempDir()
	pin, err := PinFor(PostgresName, Host())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fromCache(cache); err == nil {
		t.Error("an empty cache has a runtime")
	}
	// The one without the extension serves until there is one with it.
	for _, name := range []string{pin.PlainName(), pin.CacheName()} {
		dir, err := Install(cache, name, func(tmp string) error {
			fakeServer(t, filepath.Join(tmp, "bin"), pin.Release)
			return os.WriteFile(filepath.Join(tmp, TemplateName), []byte("archive"), 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
		want := Runtime{
			Name: "postgres", Version: pin.Release, Major: PreferredMajor, Dir: dir, BinDir: filepath.Join(dir, "bin"),
			Template: filepath.Join(dir, TemplateName), Source: SourceCache,
		}
		if got, err := fromCache(cache); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}
