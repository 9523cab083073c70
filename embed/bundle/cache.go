package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// CacheDirEnv overrides the cache directory.
const CacheDirEnv = "INSFORGE_CACHE_DIR"

// rootCacheDir is where root keeps runtimes: the unprivileged user that runs
// the database must be able to reach them, and cannot look into /root.
const rootCacheDir = "/var/cache/insforge"

// CacheDir returns the directory that holds unpacked runtimes: the environment's
// INSFORGE_CACHE_DIR, else /var/cache/insforge for root, else "insforge" in the
// user's cache directory. It creates nothing.
func CacheDir() (string, error) {
	if dir := os.Getenv(CacheDirEnv); dir != "" {
		return filepath.Abs(dir)
	}
	if os.Geteuid() == 0 {
		return rootCacheDir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory: %w; set %s", err, CacheDirEnv)
	}
	return filepath.Join(dir, "insforge"), nil
}

// Install makes dir/name appear, complete or not at all: fill works in a fresh
// directory beside it, which then gets a manifest and is renamed. A directory of
// that name that is already intact is left alone, a damaged one is replaced.
// Concurrent installs of one name are safe; one of them wins.
func Install(dir, name string, fill func(tmp string) error) (string, error) {
	final := filepath.Join(dir, name)
	if Check(final) == nil {
		return final, nil
	}
	if err := ensureDir(dir); err != nil {
		return "", fmt.Errorf("create cache: %w", err)
	}
	if err := trusted(dir); err != nil {
		return "", err
	}
	removeLeftovers(dir, name)
	tmp, err := os.MkdirTemp(dir, name+".tmp-")
	if err != nil {
		return "", fmt.Errorf("create cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := fill(tmp); err != nil {
		return "", err
	}
	if err := writeManifest(tmp); err != nil {
		return "", err
	}
	// MkdirTemp makes it private; the database's user must get in.
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	return final, publish(tmp, final)
}

// ensureDir creates dir, readable by everyone regardless of the umask, and
// leaves an existing one alone.
func ensureDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// removeLeftovers deletes what installs that were killed left behind. An hour is
// longer than any install takes.
func removeLeftovers(dir, name string) {
	old, err := filepath.Glob(filepath.Join(dir, name+".tmp-*"))
	if err != nil {
		return
	}
	for _, path := range old {
		info, err := os.Stat(path)
		if err == nil && time.Since(info.ModTime()) > time.Hour {
			os.RemoveAll(path)
		}
	}
}

// publish renames tmp to final, moving a damaged predecessor out of the way.
func publish(tmp, final string) error {
	for range 3 {
		err := os.Rename(tmp, final)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
			return fmt.Errorf("install runtime: %w", err)
		}
		if Check(final) == nil {
			return nil // another process was faster
		}
		// Renamed first, so that no one finds it half deleted under its name.
		trash := tmp + ".old"
		if err := os.Rename(final, trash); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("replace damaged runtime %s: %w", final, err)
		}
		os.RemoveAll(trash)
	}
	return fmt.Errorf("install runtime: %s keeps changing", final)
}

// trusted returns an error when another user than this one or root could have
// written to dir: a program found there would run with our rights.
func trusted(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user; set %s to a folder of your own", dir, CacheDirEnv)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("%s is writable by everyone; set %s to a folder of your own", dir, CacheDirEnv)
	}
	return nil
}
