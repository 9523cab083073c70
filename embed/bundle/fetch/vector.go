package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/embed/bundle"
)

// compilers name a C compiler of Debian by the platform it makes code for.
var compilers = map[bundle.Platform]string{
	{OS: "linux", Arch: "amd64"}: "x86_64-linux-gnu-gcc",
	{OS: "linux", Arch: "arm64"}: "aarch64-linux-gnu-gcc",
}

// vectorFlags compile the extension as its Makefile and Postgres's do, for
// every processor of the architecture: what depends on the processor is chosen
// at run time. Without _GNU_SOURCE the headers of a new C library do not ask
// for functions that older ones lack.
var vectorFlags = []string{
	"-std=gnu17", "-O2", "-ftree-vectorize", "-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math",
	"-fno-strict-aliasing", "-fwrapv", "-fexcess-precision=standard",
	"-fPIC", "-shared", "-fvisibility=hidden", "-s", "-Wl,-z,relro,-z,now", "-w",
}

// oldestLog makes the extension use the first version of the C library's log():
// the server runs with libraries that lack the one a compiler takes today.
var oldestLog = map[string]string{
	"amd64": `__asm__(".symver log, log@GLIBC_2.2.5");`,
	"arm64": `__asm__(".symver log, log@GLIBC_2.17");`,
}

// vectorFixes correct the pinned source where Debian's stable release has not:
// a parallel build of an HNSW index reserved less shared memory than it used
// when maintenance_work_mem was below a mebibyte (CVE-2026-3172).
var vectorFixes = []struct{ file, old, new string }{
	{"hnswbuild.c", "esthnswarea = maintenance_work_mem * 1024L;", "esthnswarea = Max(maintenance_work_mem, 4096) * 1024L;"},
}

// buildVector builds the extension vector for the pinned server and puts its
// files into the folder into, laid out as in an installation. The error is
// unavailable where this machine cannot.
func buildVector(ctx context.Context, pin bundle.Pin, into string) error {
	cc, err := compiler(pin.Platform)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "insforge-vector-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	fmt.Fprintf(os.Stderr, "building the extension vector %s for %s\n", pin.Vector.Version, pin.Platform)
	s, err := openSuite(ctx, tmp, pin.Vector.Suite, pin.Platform.Arch)
	if err != nil {
		return err
	}
	archive, err := s.source(ctx, pin.Vector.Source, pin.Vector.File)
	if err != nil {
		return err
	}
	source := filepath.Join(tmp, "source")
	if err := unpackVector(ctx, pin.Vector, archive, source); err != nil {
		return err
	}
	major := fmt.Sprint(bundle.PreferredMajor)
	if err := s.unpack(ctx, "postgresql-server-dev-"+major, tmp); err != nil {
		return err
	}
	headers := filepath.Join(tmp, "usr", "include", "postgresql", major, "server")
	library := filepath.Join(into, "lib", "postgresql", "vector.so")
	if err := os.MkdirAll(filepath.Dir(library), 0o755); err != nil {
		return err
	}
	if err := compileVector(ctx, cc, pin.Platform, source, headers, library); err != nil {
		return err
	}
	return describeVector(pin.Vector, source, into)
}

// compiler finds a C compiler for the platform: CC or cc for this one, Debian's
// cross compiler for others.
func compiler(p bundle.Platform) (string, error) {
	if p.OS != "linux" {
		return "", unavailable("it is built only on Linux and for Linux")
	}
	names := []string{compilers[p]}
	if p == bundle.Host() {
		names = []string{cmp.Or(os.Getenv("CC"), "cc"), "gcc"}
	}
	for _, name := range names {
		if cc, err := exec.LookPath(name); err == nil {
			return cc, nil
		}
	}
	return "", unavailable("there is no C compiler for " + p.String() + " (" + names[0] + ")")
}

// unpackVector extracts the source when it is the pinned file.
func unpackVector(ctx context.Context, pin bundle.VectorPin, archive, to string) error {
	content, err := os.ReadFile(archive)
	if err != nil {
		return fmt.Errorf("apt-get source %s left no %s", pin.Source, pin.File)
	}
	sum := sha256.Sum256(content)
	if want, err := hex.DecodeString(pin.SHA256); err != nil || subtle.ConstantTimeCompare(sum[:], want) != 1 {
		return fmt.Errorf("%s is not the pinned file: its sha256 differs from runtimes.json; it was not used", pin.File)
	}
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("read %s: %w", pin.File, err)
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	return bundle.Untar(ctx, z, to, nil)
}

func compileVector(ctx context.Context, cc string, p bundle.Platform, source, headers, library string) error {
	sources, err := filepath.Glob(filepath.Join(source, "*", "src", "*.c"))
	if err != nil || len(sources) == 0 {
		return errors.New("the source of vector has no C files")
	}
	if err := fixVector(filepath.Dir(sources[0])); err != nil {
		return err
	}
	compat := filepath.Join(source, "compat.h")
	if err := os.WriteFile(compat, []byte(oldestLog[p.Arch]+"\n"), 0o644); err != nil {
		return err
	}
	args := slices.Concat(vectorFlags, []string{"-include", compat, "-I" + headers, "-I" + filepath.Dir(sources[0]), "-o", library}, sources, []string{"-lm"})
	cmd := exec.CommandContext(ctx, cc, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return unavailable(cc + ": " + lastLine(out, err))
	}
	return nil
}

func fixVector(dir string) error {
	for _, fix := range vectorFixes {
		file := filepath.Join(dir, fix.file)
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if bytes.Count(text, []byte(fix.old)) != 1 {
			return fmt.Errorf("the patch for %s does not apply to the pinned source of vector", fix.file)
		}
		if err := os.WriteFile(file, bytes.Replace(text, []byte(fix.old), []byte(fix.new), 1), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// describeVector adds the control file, the scripts and the license. The
// scripts define types, functions and operators of their own and run nothing,
// so the project's admin may create the extension without being superuser:
// that is what "trusted" says.
func describeVector(pin bundle.VectorPin, source, into string) error {
	trees, err := filepath.Glob(filepath.Join(source, "*", "vector.control"))
	if err != nil || len(trees) != 1 {
		return errors.New("the source of vector has no control file")
	}
	control, err := os.ReadFile(trees[0])
	if err != nil {
		return err
	}
	if !strings.Contains(string(control), "default_version = '"+pin.Version+"'") {
		return fmt.Errorf("the source of vector is not of version %s", pin.Version)
	}
	tree := filepath.Dir(trees[0])
	extension := filepath.Join(into, "share", "postgresql", "extension")
	licenses := filepath.Join(into, "share", "doc", "vector")
	if err := errors.Join(os.MkdirAll(extension, 0o755), os.MkdirAll(licenses, 0o755)); err != nil {
		return err
	}
	control = append(bytes.TrimRight(control, "\n"), "\ntrusted = true\n"...)
	return errors.Join(
		os.WriteFile(filepath.Join(extension, "vector.control"), control, 0o644),
		copyFile(filepath.Join(extension, "vector--"+pin.Version+".sql"), filepath.Join(tree, "sql", "vector.sql")),
		copyFile(filepath.Join(licenses, "LICENSE"), filepath.Join(tree, "LICENSE")))
}
