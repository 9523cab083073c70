package scratch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The tests change the environment, so they do not run in parallel.

func TestTheFolderIsThereForTheTestsOnly(t *testing.T) {
	root := t.TempDir()
	t.Setenv("TMPDIR", root)
	leave, err := enter(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := os.TempDir()
	if !strings.HasPrefix(dir, root+string(filepath.Separator)) {
		t.Errorf("got %s for temporary files, want a folder below %s", dir, root)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("got %v, %v, want mode 0755", info.Mode(), err)
	}
	if err := leave(); err != nil {
		t.Fatal(err)
	}
	if os.TempDir() != root {
		t.Errorf("got %s afterwards, want %s again", os.TempDir(), root)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("got %v, want no folder any more", err)
	}
}

func TestOnlyFoldersWithoutATestBinaryAreDeleted(t *testing.T) {
	root := t.TempDir()
	t.Setenv("TMPDIR", root)
	leave, err := enter(root)
	if err != nil {
		t.Fatal(err)
	}
	running := os.TempDir()
	dead := running + "dead"
	if err := os.MkdirAll(filepath.Join(dead, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	again, err := enter(root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("got %v, want the folder of a run that ended deleted", err)
	}
	if _, err := os.Stat(running); err != nil {
		t.Errorf("the folder of a run in progress: %v", err)
	}
	for _, leave := range []func() error{again, leave} {
		if err := leave(); err != nil {
			t.Error(err)
		}
	}
}
