package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/insforge/insforge-go/app/config"
	"golang.org/x/sys/unix"
)

// Names within the data directory.
const (
	lockFile     = "insforge.lock"
	instanceFile = "instance.json"
	unshownFile  = "password.unshown" // until the administrator's was shown
	ignoreFile   = ".gitignore"
	postgresDir  = "postgres"
	runtimeDir   = "runtime"
)

// early are the names that a start may make before it calls keep.
var early = []string{lockFile, instanceFile, unshownFile, ignoreFile, config.SecretsFile, config.LogsFolder, runtimeDir}

// ErrInUse is wrapped by the error of a second process on one data directory.
var ErrInUse = errors.New("data directory in use")

// Instance describes the process that serves a data directory.
type Instance struct {
	PID       int       `json:"pid"`
	URL       string    `json:"url"`
	Version   string    `json:"version"`
	StartedAt time.Time `json:"startedAt"`
	// PostgresPort is the TCP port for tools; 0 with an external database.
	PostgresPort int `json:"postgresPort,omitempty"`
}

// dataDir is a data directory that this process owns until Close.
type dataDir struct {
	path string
	lock *os.File
	// made are the folders that openDataDir created, the innermost first.
	made []string
	// temporary is set as long as Close removes all that the directory holds.
	temporary bool
}

// openDataDir creates the directory where needed and takes its lock, which the
// system releases however this process ends. A directory that was empty is
// emptied again by Close, and removed if it is new, unless keep was called.
func openDataDir(path string) (_ *dataDir, err error) {
	// Root's Postgres runs as another user, who has to pass through.
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	d := &dataDir{path: path, made: missingFolders(path)}
	defer func() {
		if err != nil {
			d.removeMade()
		}
	}()
	if err := os.MkdirAll(path, mode); err != nil {
		return nil, dataDirError(path, err)
	}
	if d.lock, err = takeLock(path); err != nil {
		return nil, err
	}
	// Under the lock, so that nothing of another process is ever cleared.
	entries, err := os.ReadDir(path)
	if err != nil {
		d.Close()
		return nil, dataDirError(path, err)
	}
	d.temporary = len(entries) == 1 // the lock
	// A process that was killed left its note.
	if err := os.Remove(filepath.Join(path, instanceFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.Close()
		return nil, dataDirError(path, err)
	}
	if d.temporary {
		// Projects keep their data beside their code; git must not take it.
		if err := os.WriteFile(filepath.Join(path, ignoreFile), []byte("*\n"), 0o644); err != nil {
			d.Close()
			return nil, dataDirError(path, err)
		}
	}
	return d, nil
}

// takeLock locks the directory, or returns an error that wraps ErrInUse.
func takeLock(path string) (*os.File, error) {
	name := filepath.Join(path, lockFile)
	lock, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, dataDirError(path, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, inUse(path)
		}
		return nil, fmt.Errorf("lock data directory %s: %w", path, err)
	}
	// A process whose start was refused may have removed the file meanwhile: the
	// next one would lock another.
	held, err := lock.Stat()
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock data directory %s: %w", path, err)
	}
	if named, err := os.Stat(name); err != nil || !os.SameFile(held, named) {
		lock.Close()
		return nil, inUse(path)
	}
	return lock, nil
}

// missingFolders returns the folders of a path that do not exist, the innermost
// first.
func missingFolders(path string) (missing []string) {
	for {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return missing
		}
		missing = append(missing, path)
		path = filepath.Dir(path)
	}
}

// keep makes the directory stay: from here on it holds what a failed start
// may need, a database and its logs.
func (d *dataDir) keep() { d.temporary = false }

// clear removes what this process put into the directory. The lock goes last,
// so that a process which starts meanwhile stays out or finds nothing of ours.
// When there is something else by now, it removes nothing: somebody may be
// restoring a backup.
func (d *dataDir) clear() {
	entries, err := os.ReadDir(d.path)
	if err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !slices.Contains(early, e.Name()) }) {
		return
	}
	for _, e := range entries {
		if e.Name() != lockFile {
			_ = os.RemoveAll(filepath.Join(d.path, e.Name()))
		}
	}
	_ = os.Remove(filepath.Join(d.path, lockFile))
	d.removeMade()
}

// removeMade removes the folders that this process made, if they are empty.
func (d *dataDir) removeMade() {
	for _, dir := range d.made {
		_ = os.Remove(dir)
	}
}

// inUse names the process that serves the directory. One that says nothing of
// itself is starting or stopping, or changes the project without serving it.
func inUse(path string) error {
	if i, err := ReadInstance(path); err == nil {
		return fmt.Errorf("%w: the insforge process %d (%s) already serves %s; stop it, or use another --data-dir", ErrInUse, i.PID, i.URL, path)
	}
	return fmt.Errorf("%w: another insforge process is using %s; stop it or try again in a few seconds, or use another --data-dir", ErrInUse, path)
}

// dataDirError explains what the system reports about a file in the data
// directory.
func dataDirError(path string, err error) error {
	switch {
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("data directory %s cannot be written: it is on a read-only file system; mount it writable or choose another with --data-dir", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("data directory %s cannot be written by this user; give it write permission or choose another with --data-dir", path)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk that holds %s is full; free some space and start again", path)
	case errors.Is(err, fs.ErrNotExist): // below /proc, or removed meanwhile
		return fmt.Errorf("data directory %s cannot be created; choose another with --data-dir", path)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("data directory %s: a link in this path leads nowhere; make the folder that it names or choose another with --data-dir", path)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("data directory %s: a part of this path is a file; choose another with --data-dir", path)
	}
	return err // it names its file
}

// owePassword notes that the administrator's password was generated and not
// shown yet: this start may fail before it can be.
func (d *dataDir) owePassword() error {
	if err := os.WriteFile(filepath.Join(d.path, unshownFile), nil, 0o600); err != nil {
		return dataDirError(d.path, err)
	}
	return nil
}

// owesPassword reports whether the password still has to be shown.
func (d *dataDir) owesPassword() bool {
	_, err := os.Stat(filepath.Join(d.path, unshownFile))
	return err == nil
}

func (d *dataDir) passwordShown() { _ = os.Remove(filepath.Join(d.path, unshownFile)) } // at worst it is shown again

// hasCluster reports whether the directory holds a database of ours.
func (d *dataDir) hasCluster() bool {
	_, err := os.Stat(filepath.Join(d.path, postgresDir))
	return err == nil
}

// announce leaves a note for status, doctor and a second starter.
func (d *dataDir) announce(i Instance) error {
	text, err := json.Marshal(i)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.path, instanceFile), append(text, '\n'), 0o600)
}

// Close removes the note and releases the lock.
func (d *dataDir) Close() {
	_ = os.Remove(filepath.Join(d.path, instanceFile)) // absent before announce
	if d.temporary {
		d.clear()
	}
	// Unlocked first: a process that is being started has a copy of the file for
	// a moment.
	_ = unix.Flock(int(d.lock.Fd()), unix.LOCK_UN)
	_ = d.lock.Close()
}

// ReadInstance returns what the process that serves the directory said about
// itself, once it is ready. The note of a killed process stays: ask Serving
// first.
func ReadInstance(dir string) (Instance, error) {
	var i Instance
	text, err := os.ReadFile(filepath.Join(dir, instanceFile))
	if err != nil {
		return i, err
	}
	return i, json.Unmarshal(text, &i)
}

// Serving reports whether a process holds the directory.
func Serving(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close() // releases the lock if we got it
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
