package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Stamps hold the hash of what the folder beside them was made from.
const (
	packagesStamp = "node_modules/.packages-stamp"
	buildStamp    = "dist/.build-stamp"
	builtPage     = "dist/app/index.html"
)

// builder brings node_modules and dist/app in dir up to date, and reports its
// steps to say.
type builder struct {
	dir string
	say io.Writer
}

// run does what is out of date and nothing else. Its error is complete for the reader: a missing tool is one line
// that says what to install, a failed step carries the output of that step.
func (b builder) run() error {
	packages, err := b.hash("package.json", "package-lock.json", ".npmrc")
	if err != nil {
		return err
	}
	sources, err := b.hash("package.json", "package-lock.json", "vite.config.ts", "tsconfig.json", "index.html", "public", "src")
	if err != nil {
		return err
	}
	if b.stamped(buildStamp, sources) && b.exists(builtPage) {
		return nil
	}

	if err := b.checkTools(); err != nil {
		return err
	}
	// A production NODE_ENV would leave the compiler out, hence --include=dev.
	if err := b.step("install the npm packages", packagesStamp, packages, "ci", "--include=dev"); err != nil {
		return err
	}
	return b.step("build the dashboard", buildStamp, sources, "run", "build")
}

// step runs npm unless the stamp already names want. The stamp goes away first, so that an interrupted step is done again.
func (b builder) step(what, stamp, want string, npmArgs ...string) error {
	if b.stamped(stamp, want) && (stamp != buildStamp || b.exists(builtPage)) {
		return nil
	}
	if err := os.Remove(b.path(stamp)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fmt.Fprintf(b.say, "web: %s\n", what)
	cmd := exec.Command("npm", npmArgs...)
	cmd.Dir = b.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: npm %s: %w\n%s", what, strings.Join(npmArgs, " "), err, out)
	}
	return os.WriteFile(b.path(stamp), []byte(want), 0o644)
}

func (b builder) stamped(stamp, want string) bool {
	got, err := os.ReadFile(b.path(stamp))
	return err == nil && string(got) == want
}

func (b builder) exists(name string) bool {
	_, err := os.Stat(b.path(name))
	return err == nil
}

func (b builder) path(name string) string {
	return filepath.Join(b.dir, filepath.FromSlash(name))
}
