package bundle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// manifestName is the file in a runtime directory that lists all others.
const manifestName = "MANIFEST"

// ErrDamaged is wrapped by Check when a runtime directory is not what was
// installed there.
var ErrDamaged = errors.New("runtime is incomplete")

// writeManifest lists the regular files and links of dir with their sizes.
// A size is enough to notice interrupted copies, full disks and cleaners;
// integrity against attackers depends on who may write the directory.
func writeManifest(dir string) error {
	var list bytes.Buffer
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if rel == manifestName { // an unpacked archive brings the one it was packed with
			return nil
		}
		fmt.Fprintf(&list, "%d\t%s\n", info.Size(), filepath.ToSlash(rel))
		return nil
	})
	if err != nil {
		return fmt.Errorf("list runtime: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, manifestName), list.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return os.Chmod(filepath.Join(dir, manifestName), 0o644)
}

// Check reports whether dir holds a complete runtime: it exists, only this user
// or root can have written it, and every file of its manifest has its size.
// The error wraps fs.ErrNotExist when there is no such directory, ErrDamaged
// when files are missing or cut short.
func Check(dir string) error {
	if err := trusted(dir); err != nil {
		return err
	}
	list, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w: no manifest", dir, ErrDamaged)
	}
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(list))
	files := 0
	for lines.Scan() {
		size, name, ok := strings.Cut(lines.Text(), "\t")
		want, err := strconv.ParseInt(size, 10, 64)
		if !ok || err != nil {
			return fmt.Errorf("%s: %w: manifest is unreadable", dir, ErrDamaged)
		}
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil || info.Size() != want {
			return fmt.Errorf("%s: %w: %s", dir, ErrDamaged, name)
		}
		files++
	}
	if files == 0 {
		return fmt.Errorf("%s: %w: manifest is empty", dir, ErrDamaged)
	}
	return lines.Err()
}
