package app

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/insforge/insforge-go/app/config"
)

func TestARefusedStartLeavesADataDirectoryAsItWas(t *testing.T) {
	t.Parallel()
	write := func(t *testing.T, path string) {
		t.Helper()
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	nothing := func(*testing.T, string) {}
	for _, tt := range []struct {
		name      string
		prepare   func(t *testing.T, dir string)
		meanwhile func(t *testing.T, dir string)
		kept      bool
		want      []string // below the parent
	}{
		{"a new one is removed", nothing, nothing, false, nil},
		{"an empty one is emptied", func(t *testing.T, dir string) {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}, nothing, false, []string{"above", "above/data"}},
		{"one that holds something stays", func(t *testing.T, dir string) {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "mine"))
		}, nothing, false, []string{"above", "above/data", "above/data/insforge.lock", "above/data/mine", "above/data/secrets.json"}},
		{"one with a database stays", nothing, nothing, true,
			[]string{"above", "above/data", "above/data/.gitignore", "above/data/insforge.lock", "above/data/secrets.json"}},
		{"one into which somebody puts a backup stays", nothing, func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "postgres"))
		}, false, []string{"above", "above/data", "above/data/.gitignore", "above/data/insforge.lock", "above/data/postgres", "above/data/secrets.json"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			dir := filepath.Join(parent, "above", "data")
			tt.prepare(t, dir)
			d, err := openDataDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, config.SecretsFile))
			tt.meanwhile(t, dir)
			if tt.kept {
				d.keep()
			}
			d.Close()
			var got []string
			err = filepath.WalkDir(parent, func(path string, _ os.DirEntry, err error) error {
				if path != parent {
					name, _ := filepath.Rel(parent, path) // it is below
					got = append(got, name)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// Processes that start at once on one folder and are refused remove it again
// and again. Never do two of them hold it.
func TestOneProcessHoldsADataDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	var holding sync.Mutex
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 300 {
				d, err := openDataDir(dir)
				if err != nil {
					continue // in use, or removed meanwhile
				}
				if !holding.TryLock() {
					t.Error("two hold the directory")
					d.Close()
					return
				}
				runtime.Gosched()
				holding.Unlock()
				d.Close()
			}
		})
	}
	group.Wait()
	d, err := openDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}

// A link that leads nowhere is said in words.
func TestADataDirectoryBehindALinkThatLeadsNowhere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Symlink(filepath.Join(t.TempDir(), "absent"), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := openDataDir(dir); err == nil || !strings.Contains(err.Error(), "leads nowhere") {
		t.Errorf("got %v, want what to do", err)
	}
}

// Of processes that start at once, the one that is refused may have made the
// folder. Git must not take it all the same.
func TestADataDirectoryThatWasMadeJustNowIsIgnoredByGit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := openDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := os.Stat(filepath.Join(dir, ".gitignore")); err != nil {
		t.Error(err)
	}
}
