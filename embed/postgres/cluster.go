package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/insforge/insforge-go/embed/bundle"
)

// ClusterMajor returns the major of the data directory dir, for choosing a
// runtime: 0 when dir is missing or empty. A directory with something else in it
// gives an Error of KindDirectory.
func ClusterMajor(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return 0, nil
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return 0, notCluster(dir, "is not a folder")
	}
	if err != nil {
		return 0, fileError("read", dir, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, notCluster(dir, "has files in it but is not a Postgres data directory (no PG_VERSION)")
	}
	if err != nil {
		return 0, fileError("read", filepath.Join(dir, "PG_VERSION"), err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, notCluster(dir, "has an unreadable PG_VERSION")
	}
	for _, name := range []string{"global/pg_control", "postgresql.conf", "base"} {
		if !exists(dir, filepath.FromSlash(name)) {
			return 0, notCluster(dir, "lacks "+name+", so it is damaged or incomplete")
		}
	}
	return major, nil
}

func notCluster(dir, what string) error {
	return &Error{Kind: KindDirectory, Message: dir + " " + what +
		"; it was left unchanged: choose another data directory, or restore this one from a backup"}
}

// checkMajor refuses a cluster that the runtime cannot serve.
func checkMajor(dir string, rt bundle.Runtime, major int) error {
	if major == rt.Major {
		return nil
	}
	return &Error{Kind: KindMajor, Message: fmt.Sprintf(
		"%s was created by PostgreSQL %d and this server is PostgreSQL %d; it was left unchanged: "+
			"set %s to an installation of PostgreSQL %d, or dump it there and restore into a new data directory",
		dir, major, rt.Major, bundle.PostgresDirEnv, major)}
}

// create makes the cluster that o asks for, under another name beside its
// place, and renames it. The caller holds the owner's lock.
func create(ctx context.Context, o Options, a account) (err error) {
	removeLeftovers(o.DataDir)
	tmp, err := os.MkdirTemp(filepath.Dir(o.DataDir), filepath.Base(o.DataDir)+leftoverMark)
	if err != nil {
		return fileError("create a folder in", filepath.Dir(o.DataDir), err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(tmp)
		}
	}()
	p, err := newPlace(tmp, a, o.Runtime)
	if err != nil {
		return err
	}
	if err := a.own(tmp); err != nil {
		return fileError("create", tmp, err)
	}
	if err := p.fill(ctx); err != nil {
		return err
	}
	if err := p.configure(o); err != nil {
		return err
	}
	// None of it counts yet, so the server need not sync.
	if err := p.setPassword(ctx, o.Password, nil, "-F"); err != nil {
		return err
	}
	return p.publish(o.DataDir, o.Disposable)
}

// fill puts a cluster into the empty directory.
func (p place) fill(ctx context.Context) error {
	if p.runtime.Template == "" {
		return p.initdb(ctx, searchPath)
	}
	archive, err := os.Open(p.runtime.Template)
	if err != nil {
		return fileError("open", p.runtime.Template, err)
	}
	defer archive.Close()
	var owner *bundle.Owner
	if p.account.drop {
		owner = &bundle.Owner{UID: p.account.uid, GID: p.account.gid}
	}
	if err := bundle.Unpack(ctx, archive, p.dir, owner); err != nil {
		return fileError("unpack the template into", p.dir, err)
	}
	return p.renewIdentity()
}

// publish makes the cluster durable and gives it its name.
func (p place) publish(final string, disposable bool) error {
	if !disposable {
		if err := syncTree(p.dir); err != nil {
			return fileError("write", p.dir, err)
		}
	}
	// Unlike os.Rename this replaces an empty directory, and only that.
	err := syscall.Rename(p.dir, final)
	if errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV) {
		return &Error{Kind: KindDirectory, Message: final +
			" is a mount point; choose a folder inside it as the data directory", Err: err}
	}
	if err != nil {
		return fileError("create", final, err)
	}
	if disposable {
		return nil
	}
	if err := syncDir(filepath.Dir(final)); err != nil {
		return fileError("write", filepath.Dir(final), err)
	}
	return nil
}

// leftoverMark separates the name of a data directory from the random end of
// its unfinished predecessor.
const leftoverMark = ".tmp-"

// removeLeftovers deletes what killed creations left behind. No one else uses
// them: the caller holds the lock.
func removeLeftovers(dir string) {
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		return
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), filepath.Base(dir)+leftoverMark) {
			os.RemoveAll(filepath.Join(filepath.Dir(dir), entry.Name()))
		}
	}
}
