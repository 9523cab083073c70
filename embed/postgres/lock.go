package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockPoll is how often a lock that is being given up is tried again.
const lockPoll = 10 * time.Millisecond

// lockOwner takes <dir>.lock, which says that a program of ours looks after the
// data directory. It is free again after unlockOwner, at the latest at the end of
// this program.
func lockOwner(dir string) (*os.File, error) {
	path := dir + ".lock"
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fileError("create", path, err)
	}
	taken, err := tryLock(f)
	if err != nil {
		f.Close()
		return nil, fileError("lock", path, err)
	}
	if !taken {
		holder, _ := io.ReadAll(io.LimitReader(f, 32))
		f.Close()
		message := "another program is already using the data directory " + dir
		if pid := strings.TrimSpace(string(holder)); pid != "" {
			message += " (process " + pid + ")"
		}
		return nil, &Error{Kind: KindInUse, Message: message + "; stop it first or choose another data directory"}
	}
	// The number is for the message above only, so an error does not matter.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

// unlockOwner gives the lock of lockOwner back. Closing the file is not enough: a
// process that is being started elsewhere in this program has a copy of it until
// it runs its own program.
func unlockOwner(f *os.File) {
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) // closing it is the next best
	f.Close()
}

// tryLock takes the lock of an open file unless another holds it. A file system
// without locks counts as taken: the server's own checks remain.
func tryLock(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil, errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOSYS):
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, err
		}
	}
}

// serverLockFile is inherited by the server and all its processes. Its content
// is a random mark that the server also carries among its arguments.
const serverLockFile = "insforge.lock"

var serverMark = regexp.MustCompile(`^[0-9a-f]{32}$`)

// openServerLock opens the lock file, creating it when needed, and returns the
// mark in it.
func (p place) openServerLock() (*os.File, string, error) {
	path := filepath.Join(p.dir, serverLockFile)
	open := func() (*os.File, error) {
		return os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	}
	f, err := open()
	if errors.Is(err, os.ErrNotExist) {
		if err := p.writeFile(serverLockFile, newMark()+"\n"); err != nil {
			return nil, "", err
		}
		f, err = open()
	}
	if err != nil {
		return nil, "", fileError("open", path, err)
	}
	content, err := io.ReadAll(io.LimitReader(f, 64))
	mark := strings.TrimSpace(string(content))
	if err == nil && !serverMark.MatchString(mark) {
		err = errors.New("content is not ours; remove the file while no server runs")
	}
	if err != nil {
		f.Close()
		return nil, "", fileError("read", path, err)
	}
	return f, mark, nil
}

func newMark() string {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

// lockServer takes insforge.lock, for the next server to inherit. When
// processes of an earlier one hold it, they are stopped and waited for. The
// caller holds the owner's lock.
func (p place) lockServer(ctx context.Context, patience patience, log func(Level, string)) (*os.File, string, error) {
	f, mark, err := p.waitServerLock(ctx, patience, log)
	if errors.Is(err, errNotServer) {
		// A new file is a new lock. If there are processes of the server that we
		// cannot see, Postgres refuses to start while they use its shared memory.
		log(LevelWarn, "a program that an earlier server started still runs and holds its lock; continuing without waiting for it")
		if err := os.Remove(filepath.Join(p.dir, serverLockFile)); err != nil {
			return nil, "", fileError("remove", filepath.Join(p.dir, serverLockFile), err)
		}
		f, mark, err = p.waitServerLock(ctx, patience, log)
	}
	if err != nil {
		return nil, "", err
	}
	if err := p.retirePostmasterFile(mark); err != nil {
		f.Close()
		return nil, "", err
	}
	p.removeSockets()
	return f, mark, nil
}

// waitServerLock opens insforge.lock and takes its lock, stopping the processes
// that hold it. The error is errNotServer when they are not a server.
func (p place) waitServerLock(ctx context.Context, patience patience, log func(Level, string)) (*os.File, string, error) {
	f, mark, err := p.openServerLock()
	if err != nil {
		return nil, "", err
	}
	leftover := leftover{place: p, mark: mark, patience: patience, log: log}
	for {
		free, err := tryLock(f)
		if free {
			return f, mark, nil
		}
		if err == nil {
			err = leftover.stop(time.Now())
		}
		if err != nil {
			f.Close()
			return nil, "", err
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, "", ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

// removeSockets deletes the sockets of servers that were killed. Nothing
// listens on them: the server's lock is ours.
func (p place) removeSockets() {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), socketPrefix) {
			os.Remove(filepath.Join(p.dir, entry.Name()))
		}
	}
}
