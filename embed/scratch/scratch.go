// Package scratch gives a test binary a folder for everything that its tests
// write: in memory where there is room, since a Postgres cluster is a thousand
// files and tests make hundreds of them. Only tests use it.
//
// The folder of a test binary that was killed is deleted by the next run.
package scratch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Run makes the folder, runs the tests in it and deletes it. It returns the
// exit code of the test binary:
//
//	func TestMain(m *testing.M) { os.Exit(scratch.Run(m.Run)) }
//
// While they run, os.TempDir is the folder, for child processes too. Every user
// may enter it, because servers that root starts run as another one.
func Run(tests func() int) (code int) {
	remove, err := enter(root())
	if err != nil {
		fmt.Fprintln(os.Stderr, "scratch folder of the tests:", err)
		return 1
	}
	defer func() {
		if err := remove(); err != nil {
			fmt.Fprintln(os.Stderr, "scratch folder of the tests:", err)
			code = max(code, 1)
		}
	}()
	return tests()
}

// enter makes a folder below root and makes it the one for temporary files.
func enter(root string) (leave func() error, err error) {
	prefix := filepath.Join(root, "insforge-test-"+strconv.Itoa(os.Geteuid()))
	// Held while folders are made and looked through, so that no one takes one
	// that has no lock yet for a leftover.
	all, err := os.OpenFile(prefix+".lock", os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	defer all.Close()
	if err := syscall.Flock(int(all.Fd()), syscall.LOCK_EX); err != nil {
		return nil, err
	}
	removeLeftovers(prefix)
	dir, err := os.MkdirTemp(root, filepath.Base(prefix)+"-")
	if err != nil {
		return nil, err
	}
	lock, free, err := lockFolder(dir)
	if err == nil && !free {
		err = errors.New(dir + " is locked by another process")
	}
	previous, set := os.LookupEnv("TMPDIR")
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.Setenv("TMPDIR", dir)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return func() error {
		defer lock.Close()
		if set {
			return errors.Join(os.Setenv("TMPDIR", previous), os.RemoveAll(dir))
		}
		return errors.Join(os.Unsetenv("TMPDIR"), os.RemoveAll(dir))
	}, nil
}

// removeLeftovers deletes the folders of test binaries that are gone.
func removeLeftovers(prefix string) {
	found, _ := filepath.Glob(prefix + "-*") // the pattern is valid
	for _, dir := range found {
		lock, free, err := lockFolder(dir)
		if err != nil {
			continue
		}
		if free {
			_ = os.RemoveAll(dir) // a server that is just ending may be in the way
		}
		lock.Close()
	}
}

// lockFolder takes the lock of a folder unless a test binary holds it. The lock
// ends with the returned file, at the latest with this program.
func lockFolder(dir string) (lock *os.File, free bool, err error) {
	if lock, err = os.Open(dir); err != nil {
		return nil, false, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, false, errors.Join(err, lock.Close())
	}
	return lock, err == nil, nil
}
