package postgres

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/insforge/insforge-go/embed/bundle"
)

// Superuser is the name of the role that owns the cluster.
const Superuser = "postgres"

// builtinLocaleMajor is the first major with a locale provider that depends on
// no library, so that sorting never changes under an index.
const builtinLocaleMajor = 17

// InitTemplate makes a data directory in dir, which must not exist, for use as a
// runtime's template: no one can log in to it, and it holds no settings of the
// machine it was made on. It is not synced to disk. The directory belongs to the
// account that a server started by this user would run as.
func InitTemplate(ctx context.Context, rt bundle.Runtime, dir string) error {
	a, err := accountFor(dir)
	if err != nil {
		return err
	}
	p, err := newPlace(dir, a, rt)
	if err != nil {
		return err
	}
	if err := p.makeEmpty(); err != nil {
		return err
	}
	// Without a way to the system's programs, initdb cannot ask for the system's
	// locales; a start from the template does that where it runs.
	return p.initdb(ctx, "/nonexistent")
}

// makeEmpty creates the directory for the account.
func (p place) makeEmpty() error {
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return fileError("create", p.dir, err)
	}
	if err := p.account.own(p.dir); err != nil {
		return fileError("create", p.dir, err)
	}
	return nil
}

// initdb fills the empty directory. Until our pg_hba.conf is in place the one it
// writes rejects everyone, and the superuser has no password.
func (p place) initdb(ctx context.Context, path string) error {
	lines, err := p.runInitdb(ctx, path, p.localeFlags("C.UTF-8"))
	if err != nil && p.runtime.Major < builtinLocaleMajor && strings.Contains(strings.Join(lines, "\n"), "locale name") {
		// The system has no C.UTF-8: case folding is ASCII only then.
		if err := os.RemoveAll(p.dir); err != nil {
			return fileError("clear", p.dir, err)
		}
		if err := p.makeEmpty(); err != nil {
			return err
		}
		lines, err = p.runInitdb(ctx, path, p.localeFlags("C"))
	}
	if err != nil {
		return serverError("create the database in "+p.dir, lines, err)
	}
	return nil
}

func (p place) runInitdb(ctx context.Context, path string, locale []string) ([]string, error) {
	cmd, err := p.command("initdb", nil, func(dir string) []string {
		return append([]string{
			"-D", dir,
			"--username=" + Superuser,
			"--auth=reject",
			"--encoding=UTF8",
			"--data-checksums",
			"--no-sync", // the whole directory is synced once, later
			"--no-instructions",
		}, locale...)
	})
	if err != nil {
		return nil, err
	}
	cmd.Env = environment(path)
	return run(ctx, cmd, nil)
}

// localeFlags choose the order of code points everywhere, and Unicode case
// mapping from ctype, or from Postgres itself where it can.
func (p place) localeFlags(ctype string) []string {
	if p.runtime.Major >= builtinLocaleMajor {
		return []string{"--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"}
	}
	return []string{"--locale=C", "--lc-ctype=" + ctype}
}

// exists reports whether a file of any kind is there.
func exists(elem ...string) bool {
	_, err := os.Lstat(filepath.Join(elem...))
	return err == nil
}
