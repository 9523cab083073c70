package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/embed/bundle"
)

// testPackage is an npm package of a few files, as the real ones are laid out.
func testPackage(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, file := range []struct{ name, content string }{
		{"package/LICENSE.md", "license"},
		{"package/package.json", "{}"},
		{"package/native/bin/postgres", "program"},
		{"package/native/lib/libpq.so.5.17", "library"},
		{"package/native/lib/libpq.a", "static library"},
		{"package/native/lib/libecpg.so.6.17", "unneeded"},
		{"package/native/lib/postgresql/plperl.so", "unneeded"},
		{"package/native/lib/postgresql/plpgsql.so", "library"},
		{"package/native/lib/postgresql/pgxs/Makefile", "unneeded"},
		{"package/native/share/postgresql/timezone/Europe/Paris", "zone"},
		{"package/native/pg-symlinks.json", `[
			{"source":"native/lib/libpq.so.5.17","target":"native/lib/libpq.so.5"},
			{"source":"native/lib/libecpg.so.6.17","target":"native/lib/libecpg.so.6"}]`},
	} {
		if err := w.WriteHeader(&tar.Header{Name: file.name, Size: int64(len(file.content)), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(file.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fakeNPM gives out content as the package.
func fakeNPM(content []byte) func(context.Context, bundle.Pin, string) (string, error) {
	return func(_ context.Context, _ bundle.Pin, dir string) (string, error) {
		file := filepath.Join(dir, "package.tgz")
		return file, os.WriteFile(file, content, 0o600)
	}
}

// foreignPin is of a platform for which no template is made.
func foreignPin(content []byte) bundle.Pin {
	sum := sha512.Sum512(content)
	return bundle.Pin{
		Name: "postgres", Version: "1.2.3", Release: "17.0", Package: "@scope/name",
		Integrity: "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
		Platform:  bundle.Platform{OS: "plan9", Arch: "amd64"},
	}
}

func TestPackageBecomesAnInstallation(t *testing.T) {
	t.Parallel()
	content := testPackage(t)
	g := generator{cache: t.TempDir(), npm: fakeNPM(content)}
	dir, err := g.postgres(t.Context(), foreignPin(content))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{
		"bin/postgres": 0o755, "lib/libpq.so.5.17": 0o755, "lib/libpq.so.5": 0o755, "lib/postgresql/plpgsql.so": 0o755,
		"share/postgresql/timezone/Europe/Paris": 0o644, "LICENSE.md": 0o644,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v, want mode %v", name, info, err, want)
		}
	}
	for _, name := range []string{"package", "lib/libpq.a", "lib/libecpg.so.6", "lib/libecpg.so.6.17", "lib/postgresql/plperl.so", "lib/postgresql/pgxs"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	g.npm = func(context.Context, bundle.Pin, string) (string, error) {
		return "", errors.New("asked again though nothing changed")
	}
	if _, err := g.postgres(t.Context(), foreignPin(content)); err != nil {
		t.Error(err)
	}
}

func TestPackageWithAnotherHashIsNotUsed(t *testing.T) {
	t.Parallel()
	content := testPackage(t)
	pin := foreignPin(content)
	content[len(content)/2] ^= 1
	g := generator{cache: t.TempDir(), npm: fakeNPM(content)}
	_, err := g.postgres(t.Context(), pin)
	if err == nil || !strings.Contains(err.Error(), "not the pinned file") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one line about the hash", err)
	}
	if entries, _ := os.ReadDir(g.cache); len(entries) != 0 {
		t.Errorf("cache holds %v, want nothing", entries)
	}
	for _, bad := range []string{"", "sha1-abc", "sha512-", "sha512-!!", "sha512-YWJj"} {
		pin.Integrity = bad
		if _, err := g.postgres(t.Context(), pin); err == nil {
			t.Errorf("integrity %q was accepted", bad)
		}
	}
}

func TestLinksOfThePackageStayInside(t *testing.T) {
	t.Parallel()
	for _, list := range []string{
		`[{"source":"native/lib/a","target":"../../evil"}]`,
		`[{"source":"../../etc/passwd","target":"native/lib/evil"}]`,
		`[{"source":"native/lib/a","target":"/tmp/evil"}]`,
		`{`,
	} {
		base := t.TempDir()
		pkg := filepath.Join(base, "x", "package")
		if err := os.MkdirAll(filepath.Join(pkg, "native", "lib"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(
			os.WriteFile(filepath.Join(pkg, "native", "lib", "a"), nil, 0o600),
			os.WriteFile(filepath.Join(pkg, "native", "pg-symlinks.json"), []byte(list), 0o600)); err != nil {
			t.Fatal(err)
		}
		if err := restoreLinks(pkg); err == nil {
			t.Errorf("%s was accepted", list)
		}
	}
}

func TestRuntimeGetsTheExtensionOnceItCanBeBuilt(t *testing.T) {
	t.Parallel()
	content := testPackage(t)
	pin := foreignPin(content)
	pin.Vector = bundle.VectorPin{Version: "0.8.0", Source: "pgvector=0.8.0-1", SHA256: "00"}
	built := 0
	failure := error(unavailable("there is no C compiler"))
	g := generator{cache: t.TempDir(), npm: fakeNPM(content), vector: func(_ context.Context, _ bundle.Pin, into string) error {
		built++
		library := filepath.Join(into, "lib", "postgresql", "vector.so")
		return errors.Join(failure, os.MkdirAll(filepath.Dir(library), 0o700), os.WriteFile(library, []byte("code"), 0o600))
	}}
	plain, err := g.postgres(t.Context(), pin)
	if err != nil || filepath.Base(plain) != pin.PlainName() {
		t.Fatalf("without a compiler: got %s, %v, want %s", plain, err, pin.PlainName())
	}
	if _, err := os.Stat(filepath.Join(plain, "lib", "postgresql", "vector.so")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a compiler: got %v, want no library", err)
	}

	failure = nil
	full, err := g.postgres(t.Context(), pin)
	if err != nil || filepath.Base(full) != pin.CacheName() || full == plain {
		t.Fatalf("with a compiler: got %s, %v, want %s", full, err, pin.CacheName())
	}
	for name, mode := range map[string]os.FileMode{"lib/postgresql": 0o755, "lib/postgresql/vector.so": 0o755, "bin/postgres": 0o755} {
		if info, err := os.Stat(filepath.Join(full, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: got %v, %v, want mode %v", name, info, err, mode)
		}
	}
	if _, err := g.postgres(t.Context(), pin); err != nil || built != 2 {
		t.Errorf("got %v and %d builds, want no further one", err, built)
	}

	// The fault of a source is not a machine's.
	g.cache, failure = t.TempDir(), errors.New("not the pinned file")
	if _, err := g.postgres(t.Context(), pin); err == nil {
		t.Error("a source that is not the pinned one was accepted")
	}
	if entries, _ := os.ReadDir(g.cache); len(entries) != 0 {
		t.Errorf("cache holds %v, want nothing", entries)
	}
}

func TestSourceWithAnotherHashIsNotUsed(t *testing.T) {
	t.Parallel()
	archive, to := filepath.Join(t.TempDir(), "a.tar.gz"), filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(archive, testPackage(t), 0o600); err != nil {
		t.Fatal(err)
	}
	pin, err := bundle.PinFor(bundle.PostgresName, bundle.Platform{OS: "linux", Arch: "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	for _, sum := range []string{pin.Vector.SHA256, "", "zz"} {
		err := unpackVector(t.Context(), bundle.VectorPin{File: "a.tar.gz", SHA256: sum}, archive, to)
		if err == nil || !strings.Contains(err.Error(), "not the pinned file") || isUnavailable(err) {
			t.Errorf("sha256 %q: got %v, want the end of it", sum, err)
		}
		if _, err := os.Stat(to); err == nil {
			t.Errorf("sha256 %q: something was unpacked", sum)
		}
	}
}

// TestMissingToolsAreReportedInOneLine uses programs that fail as the real ones do.
func TestMissingToolsAreReportedInOneLine(t *testing.T) {
	pin := bundle.Pin{Platform: bundle.Host(), Vector: bundle.VectorPin{Version: "1", Suite: "stable", Source: "x=1", File: "x"}}
	const mirror = "case \"$*\" in indextargets*) echo http://mirror.example/debian/; exit 0;; esac; "
	for _, test := range []struct {
		name, apt, want string
		platform        bundle.Platform
	}{
		{"another system", "exit 0", "only on Linux", bundle.Platform{OS: "darwin", Arch: "arm64"}},
		{"no cross compiler", "exit 0", "no C compiler for linux/riscv64", bundle.Platform{OS: "linux", Arch: "riscv64"}},
		{"no apt", "", "apt-get was not found", bundle.Host()},
		{"apt of another distribution", "echo http://mirror.example/ubuntu/", "no source of Debian", bundle.Host()},
		{"apt without sources", "exit 0", "no source of Debian", bundle.Host()},
		{"offline", mirror + "echo 'W: odd'; echo 'E: Temporary failure resolving' >&2; exit 100", "Temporary failure resolving", bundle.Host()},
		{"version gone", mirror + "case \"$*\" in *update) exit 0;; esac; echo \"E: Can't find version '1'\" >&2; exit 100", "Can't find version", bundle.Host()},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := t.TempDir()
			for name, script := range map[string]string{"cc": "exit 0", "apt-get": test.apt} {
				if script == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(path, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			scratch := t.TempDir()
			t.Setenv("PATH", path)
			t.Setenv("CC", "")
			t.Setenv("TMPDIR", scratch)
			pin.Platform = test.platform
			err := buildVector(t.Context(), pin, path)
			if !isUnavailable(err) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, test.want)
			}
			if left, _ := os.ReadDir(scratch); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestNPMProblemsAreOneLine uses programs that fail as npm does.
func TestNPMProblemsAreOneLine(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"not installed", "", "install Node.js"},
		{"offline", "echo 'npm error code ENOTFOUND' >&2; echo 'npm error network' >&2; exit 1", "check the network connection"},
		{"proxy refuses", "echo 'npm error code ECONNREFUSED' >&2; exit 1", "check the network connection"},
		{"unknown package", "echo 'npm error code E404' >&2; exit 1", "does not have @scope/name@1.2.3"},
		{"silent", "case \"$*\" in *--silent*) exit 1;; esac; echo 'npm error code EAI_AGAIN'; exit 1", "check the network connection"},
		{"something else", "echo 'npm warn old' >&2; echo 'npm error disk on fire' >&2; echo more >&2; exit 1", "disk on fire"},
		{"no file", "exit 0", "produced no package file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := t.TempDir()
			if test.script != "" {
				if err := os.WriteFile(filepath.Join(path, "npm"), []byte("#!/bin/sh\n"+test.script+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", path)
			_, err := npmPack(t.Context(), foreignPin(nil), t.TempDir())
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, test.want)
			}
		})
	}
}

func TestArchiveIsWrittenOnceAndRenewedWhenNeeded(t *testing.T) {
	t.Parallel()
	content := testPackage(t)
	pin := foreignPin(content)
	g := generator{cache: t.TempDir(), npm: fakeNPM(content)}
	dir, err := g.postgres(t.Context(), pin)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	archive := filepath.Join(out, "postgres_plan9_amd64.tar.zst")
	write := func() os.FileInfo {
		t.Helper()
		if err := writeArchive(out, dir, pin); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(archive)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	first := write()
	if again := write(); !os.SameFile(first, again) {
		t.Error("an unchanged archive was written again")
	}
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked := t.TempDir()
	if err := bundle.Unpack(t.Context(), f, unpacked, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(unpacked, "bin", "postgres")); err != nil || string(got) != "program" {
		t.Errorf("got %q, %v, want the program", got, err)
	}
	if err := os.Truncate(archive, 10); err != nil {
		t.Fatal(err)
	}
	if repaired := write(); repaired.Size() != first.Size() {
		t.Error("a damaged archive was kept")
	}
	before := write()
	other := dir + "-other"
	if err := os.Rename(dir, other); err != nil {
		t.Fatal(err)
	}
	dir = other
	if after := write(); os.SameFile(before, after) {
		t.Error("the archive of another package was kept")
	}
	if entries, _ := os.ReadDir(out); len(entries) != 2 {
		t.Errorf("folder holds %v, want the archive and its description", entries)
	}
}
