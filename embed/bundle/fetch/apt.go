package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// debianKeys are the keys of Debian's archive, where Debian keeps them.
const debianKeys = "/usr/share/keyrings/debian-archive-keyring.gpg"

// suite is one suite of Debian for one architecture, opened apart from what
// the machine is set up for: apt's lists, cache and sources are in a folder of
// its own, and the machine's mirror and proxy are used. Nothing is installed,
// and root is not needed. apt checks signatures as always.
type suite struct {
	dir  string // downloads appear here
	apt  string // program
	args []string
}

// openSuite downloads the lists of a suite into dir, an empty folder. The error
// is unavailable when this machine cannot.
func openSuite(ctx context.Context, dir, name, arch string) (*suite, error) {
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return nil, unavailable("apt-get was not found")
	}
	mirror, err := debianMirror(ctx, apt)
	if err != nil {
		return nil, err
	}
	options := ""
	if _, err := os.Stat(debianKeys); err == nil {
		options = " [signed-by=" + debianKeys + "]"
	}
	var sources bytes.Buffer
	for _, kind := range []string{"deb", "deb-src"} {
		fmt.Fprintf(&sources, "%s%s %s %s main\n", kind, options, mirror, name)
	}
	list := filepath.Join(dir, "sources.list")
	if err := os.WriteFile(list, sources.Bytes(), 0o644); err != nil {
		return nil, err
	}
	for _, folder := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(folder)), 0o755); err != nil {
			return nil, err
		}
	}
	s := &suite{dir: dir, apt: apt}
	for _, option := range []string{
		"Dir::Etc::SourceList=" + list, "Dir::Etc::SourceParts=/dev/null",
		"Dir::State=" + filepath.Join(dir, "state"), "Dir::State::status=/dev/null",
		"Dir::Cache=" + filepath.Join(dir, "cache"),
		"APT::Architecture=" + arch, "APT::Architectures=" + arch,
		"APT::Sandbox::User=", // the folder is private to this user
		"Acquire::Languages=none", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
		"Acquire::Retries=2", "APT::Update::Error-Mode=any",
	} {
		s.args = append(s.args, "-o", option)
	}
	if err := s.run(ctx, "update"); err != nil {
		return nil, err
	}
	return s, nil
}

// debianMirror returns the mirror that the machine's apt takes Debian from.
func debianMirror(ctx context.Context, apt string) (string, error) {
	out, err := exec.CommandContext(ctx, apt, "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").Output()
	if err != nil {
		return "", unavailable("apt does not list its sources")
	}
	for line := range strings.Lines(string(out)) {
		mirror := strings.TrimSpace(line)
		if path.Base(mirror) == "debian" { // as every mirror of Debian itself ends
			return mirror, nil
		}
	}
	return "", unavailable("apt has no source of Debian's main archive")
}

// source downloads one file of a source package, "name=version", and returns
// its path.
func (s *suite) source(ctx context.Context, pkg, file string) (string, error) {
	if err := s.run(ctx, "source", "--download-only", "--only-source", pkg); err != nil {
		return "", err
	}
	return filepath.Join(s.dir, file), nil
}

// unpack downloads a binary package and extracts it into the folder to,
// without installing it.
func (s *suite) unpack(ctx context.Context, pkg, to string) error {
	dpkg, err := exec.LookPath("dpkg-deb")
	if err != nil {
		return unavailable("there is no dpkg-deb")
	}
	if err := s.run(ctx, "download", pkg); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(s.dir, pkg+"_*.deb"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("apt-get download %s left no package", pkg)
	}
	if out, err := exec.CommandContext(ctx, dpkg, "-x", files[0], to).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack %s: %s", pkg, lastLine(out, err))
	}
	return nil
}

func (s *suite) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, s.apt, append(append([]string{"-qq"}, s.args...), args...)...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return unavailable("apt-get " + args[0] + ": " + lastLine(out, err))
	}
	return nil
}

// lastLine is the last line that a program printed, or how it ended if it
// printed nothing.
func lastLine(out []byte, err error) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return err.Error()
}

// unavailable is why this machine cannot build the extension: not a fault of
// the source tree, and no reason to go without a server.
type unavailable string

func (u unavailable) Error() string { return string(u) }

func isUnavailable(err error) bool {
	var u unavailable
	return errors.As(err, &u)
}
