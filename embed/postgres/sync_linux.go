package postgres

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncTree makes all of dir durable with one flush of its file system, instead
// of one for each of a thousand files.
func syncTree(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}
