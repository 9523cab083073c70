package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// socketPrefix starts the names of the server's sockets and their lock files.
const socketPrefix = ".s.PGSQL."

// maxSocketPath is the longest path of a socket that a client can name: the
// address has 104 bytes on macOS and 108 on Linux, one of them a final zero.
const maxSocketPath = 103

// socketDir returns a folder through which clients reach the sockets in dir, and
// what must be removed at the end. Usually that is dir itself. When its name is
// too long for a socket's address, it is a link to dir in a short private
// folder; the limit counts only the name that is given.
func socketDir(dir string) (path string, cleanup func(), err error) {
	if len(filepath.Join(dir, socketPrefix+strconv.Itoa(65535))) <= maxSocketPath {
		return dir, func() {}, nil
	}
	sum := sha256.Sum256([]byte(dir))
	name := "insforge-" + hex.EncodeToString(sum[:6])
	var failed error
	for _, base := range shortFolders() {
		private, err := privateFolder(base, name)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		link := filepath.Join(private, "s")
		if len(link)+len("/"+socketPrefix+"65535") > maxSocketPath {
			continue
		}
		if err := pointTo(link, dir); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		return link, func() { os.Remove(link); os.Remove(private) }, nil
	}
	return "", nil, &Error{Kind: KindPermission, Message: "the path of the data directory " + dir +
		" is too long for a socket and no short folder is writable; choose a data directory with a shorter path", Err: failed}
}

// shortFolders are where a private folder may be made, best first.
func shortFolders() []string {
	var folders []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		folders = append(folders, dir)
	}
	if os.Geteuid() == 0 {
		folders = append(folders, "/run")
	}
	return append(folders, "/tmp")
}

// privateFolder returns base/name, created for this user only. In a shared
// folder another user may have created that name first; then it returns a folder
// whose name cannot be guessed.
func privateFolder(base, name string) (string, error) {
	dir := filepath.Join(base, name)
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		return dir, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(dir) // not through a link
	if err != nil {
		return "", err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && info.IsDir() && int(st.Uid) == os.Geteuid() && info.Mode().Perm() == 0o700 {
		return dir, nil
	}
	return os.MkdirTemp(base, "insforge-")
}

// pointTo makes link a symbolic link to dir.
func pointTo(link, dir string) error {
	if target, err := os.Readlink(link); err == nil && target == dir {
		return nil
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(dir, link)
}
