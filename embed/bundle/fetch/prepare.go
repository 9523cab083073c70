package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/insforge/insforge-go/embed/bundle"
	"github.com/insforge/insforge-go/embed/postgres"
)

// generator fills the cache.
type generator struct {
	cache string
	// npm downloads a package into a folder and returns the file.
	npm func(ctx context.Context, pin bundle.Pin, dir string) (string, error)
	// vector builds the extension of that name into a folder.
	vector func(ctx context.Context, pin bundle.Pin, into string) error
}

// postgres makes sure that the pinned server is in the cache and returns its
// directory: with the extension vector, or without it where that cannot be
// built, which it reports each time.
func (g generator) postgres(ctx context.Context, pin bundle.Pin) (string, error) {
	if dir := filepath.Join(g.cache, pin.CacheName()); bundle.Check(dir) == nil {
		return dir, nil
	}
	if pin.Vector == (bundle.VectorPin{}) {
		return g.install(ctx, pin, pin.PlainName(), "")
	}
	extras, err := os.MkdirTemp("", "insforge-vector-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(extras)
	err = g.vector(ctx, pin, extras)
	if isUnavailable(err) {
		fmt.Fprintf(os.Stderr, "Postgres for %s lacks the extension vector: %v; "+
			"to include it, run go generate where there is a C compiler and Debian's apt\n", pin.Platform, err)
		return g.install(ctx, pin, pin.PlainName(), "")
	}
	if err != nil {
		return "", fmt.Errorf("build the extension vector: %w", err)
	}
	return g.install(ctx, pin, pin.CacheName(), extras)
}

// install makes the runtime of this name out of the package and, when extras is
// not empty, the files in that folder.
func (g generator) install(ctx context.Context, pin bundle.Pin, name, extras string) (string, error) {
	return bundle.Install(g.cache, name, func(dir string) error {
		fmt.Fprintf(os.Stderr, "fetching %s for %s\n", pin.Spec(), pin.Platform)
		if err := g.unpack(ctx, pin, dir); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o755); err != nil { // initdb may run as another user
			return err
		}
		if err := layOutPostgres(dir, extras); err != nil {
			return fmt.Errorf("prepare %s: %w", pin.Spec(), err)
		}
		return g.template(ctx, pin, dir)
	})
}

// unpack downloads, verifies and extracts the package into dir.
func (g generator) unpack(ctx context.Context, pin bundle.Pin, dir string) error {
	tmp, err := os.MkdirTemp("", "insforge-fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	file, err := g.npm(ctx, pin, tmp)
	if err != nil {
		return err
	}
	if err := verify(file, pin); err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("read %s: %w", pin.Spec(), err)
	}
	return bundle.Untar(ctx, z, dir, nil)
}

// unneeded are patterns, below the installation, of what a server at work never
// opens: what is for compiling against it, embedded SQL in C, and procedural
// languages whose interpreters are not in the package.
var unneeded = []string{
	"include", "lib/*.a", "lib/pkgconfig", "lib/postgresql/pgxs",
	"lib/libecpg*", "lib/libpgtypes*",
	"lib/postgresql/*plperl*", "lib/postgresql/*plpython*", "lib/postgresql/*pltcl*",
	"share/postgresql/extension/*plperl*", "share/postgresql/extension/*plpython*", "share/postgresql/extension/*pltcl*",
	"share/postgresql/*.sample.bak", "share/postgresql/psqlrc.sample", "share/postgresql/pg_service.conf.sample",
	"share/doc", "share/man",
}

// layOutPostgres turns an unpacked npm package in dir into a plain installation:
// bin, lib, share and the license, with the files of extras, if any, in it.
func layOutPostgres(dir, extras string) error {
	pkg := filepath.Join(dir, "package")
	native := filepath.Join(pkg, "native")
	for _, pattern := range unneeded {
		matches, err := filepath.Glob(filepath.Join(native, filepath.FromSlash(pattern)))
		if err != nil {
			return err
		}
		for _, match := range matches {
			if err := os.RemoveAll(match); err != nil {
				return err
			}
		}
	}
	if err := restoreLinks(pkg); err != nil {
		return err
	}
	for _, name := range []string{"bin", "lib", "share"} {
		if err := os.Rename(filepath.Join(native, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := os.Rename(filepath.Join(pkg, "LICENSE.md"), filepath.Join(dir, "LICENSE.md")); err != nil {
		return err
	}
	if err := os.RemoveAll(pkg); err != nil {
		return err
	}
	if extras != "" {
		if err := os.CopyFS(dir, os.DirFS(extras)); err != nil {
			return err
		}
	}
	return normaliseModes(dir)
}

// restoreLinks creates the symbolic links that npm packages cannot carry; the
// package lists them in native/pg-symlinks.json, relative to its root.
func restoreLinks(pkg string) error {
	list, err := os.ReadFile(filepath.Join(pkg, "native", "pg-symlinks.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(list, &links); err != nil {
		return fmt.Errorf("read pg-symlinks.json: %w", err)
	}
	root, err := os.OpenRoot(pkg)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, link := range links {
		source, target := path.Clean(link.Source), path.Clean(link.Target)
		if !filepath.IsLocal(source) || !filepath.IsLocal(target) {
			return fmt.Errorf("pg-symlinks.json leads outside: %q", link.Target)
		}
		if _, err := root.Stat(source); errors.Is(err, fs.ErrNotExist) {
			continue // dropped as unneeded
		}
		rel, err := filepath.Rel(path.Dir(target), source)
		if err != nil {
			return err
		}
		if err := root.Symlink(rel, target); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// normaliseModes makes everything readable by everyone and programs and
// libraries executable, regardless of the package and the umask.
func normaliseModes(dir string) error {
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		mode := fs.FileMode(0o644)
		name := d.Name()
		if d.IsDir() || filepath.Base(filepath.Dir(file)) == "bin" ||
			strings.Contains(name, ".so") || strings.HasSuffix(name, ".dylib") {
			mode = 0o755
		}
		return os.Chmod(file, mode)
	})
}

// template adds an initialised data directory as an archive, so that a first
// start need not run initdb.
//
// initdb runs only for this platform. The files it makes are the same on every
// little-endian 64-bit machine with the same build options, and the packages of
// one system for amd64 and arm64 are built alike with the same ICU, so the
// template of this platform serves the other architecture of the same system.
// Another system's has other collations; there the first start runs initdb.
func (g generator) template(ctx context.Context, pin bundle.Pin, dir string) error {
	host := bundle.Host()
	if pin.Platform.OS != host.OS {
		return nil
	}
	if pin.Platform != host {
		return g.borrowTemplate(ctx, dir)
	}
	scratch, err := os.MkdirTemp(dir, "template-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := os.Chmod(scratch, 0o755); err != nil {
		return err
	}
	rt := bundle.Runtime{
		Name: pin.Name, Version: pin.Release, Major: bundle.PreferredMajor,
		Dir: dir, BinDir: filepath.Join(dir, "bin"), Source: bundle.SourceCache,
	}
	data := filepath.Join(scratch, "data")
	if err := postgres.InitTemplate(ctx, rt, data); err != nil {
		return err
	}
	return pack(filepath.Join(dir, bundle.TemplateName), data)
}

// borrowTemplate copies the template of this platform.
func (g generator) borrowTemplate(ctx context.Context, dir string) error {
	pin, err := bundle.PinFor(bundle.PostgresName, bundle.Host())
	if err != nil {
		return err
	}
	own, err := g.postgres(ctx, pin)
	if err != nil {
		return err
	}
	return copyFile(filepath.Join(dir, bundle.TemplateName), filepath.Join(own, bundle.TemplateName))
}
