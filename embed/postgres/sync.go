package postgres

import (
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// syncWorkers is how many files are synced at once: file systems with a journal
// serve all that wait with one commit.
const syncWorkers = 32

// syncTree makes all of dir durable. It writes only what is in dir: flushing the
// file system instead would wait for everything else that the machine is
// writing.
func syncTree(dir string) error {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && (d.IsDir() || d.Type().IsRegular()) {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := each(paths, startWriting); err != nil {
		return err
	}
	return each(paths, (*os.File).Sync)
}

// each does something with all files, many at once, and returns the first error.
func each(paths []string, do func(*os.File) error) error {
	var group errgroup.Group
	group.SetLimit(syncWorkers)
	for _, path := range paths {
		group.Go(func() error {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			return do(f)
		})
	}
	return group.Wait()
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
