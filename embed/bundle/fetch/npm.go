package main

import (
	"bytes"
	"context"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/insforge/insforge-go/embed/bundle"
)

// npmPack downloads the pinned package into dir through the npm client and
// returns the file. npm runs in the current folder, so that a project's .npmrc
// applies as usual.
func npmPack(ctx context.Context, pin bundle.Pin, dir string) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("npm is not installed: install Node.js 20 or newer, which brings npm, and run go generate again")
	}
	cmd := exec.CommandContext(ctx, npm, "pack", pin.Spec(), "--silent", "--ignore-scripts", "--pack-destination", dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if _, err := cmd.Output(); err != nil {
		return "", npmError(ctx, pin, stderr.String(), npm, dir)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("npm pack %s produced no package file", pin.Spec())
	}
	return files[0], nil
}

// npmError turns npm's report into one line. --silent hides the report, so npm
// runs again without it when the report is needed.
func npmError(ctx context.Context, pin bundle.Pin, stderr, npm, dir string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if strings.TrimSpace(stderr) == "" {
		out, _ := exec.CommandContext(ctx, npm, "pack", pin.Spec(), "--dry-run", "--loglevel=error",
			"--ignore-scripts", "--pack-destination", dir).CombinedOutput()
		stderr = string(out)
	}
	for _, code := range []string{"ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH", "ENOTCACHED"} {
		if strings.Contains(stderr, code) {
			return fmt.Errorf("cannot reach the npm registry for %s (%s): check the network connection and npm's registry and proxy settings", pin.Spec(), code)
		}
	}
	if strings.Contains(stderr, "E404") || strings.Contains(stderr, "ETARGET") {
		return fmt.Errorf("npm's registry does not have %s: check which registry npm is configured for", pin.Spec())
	}
	return fmt.Errorf("npm pack %s: %s", pin.Spec(), firstError(stderr))
}

// firstError is the first line of npm's report that names an error.
func firstError(report string) string {
	for line := range strings.Lines(report) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "npm error"))
		if line != "" && !strings.HasPrefix(line, "npm warn") {
			return line
		}
	}
	return "npm gave no reason"
}

// verify compares the file with the pinned hash.
func verify(file string, pin bundle.Pin) error {
	encoded, ok := strings.CutPrefix(pin.Integrity, "sha512-")
	if !ok {
		return fmt.Errorf("integrity of %s is not a sha512", pin.Spec())
	}
	want, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(want) != sha512.Size {
		return fmt.Errorf("integrity of %s is not a sha512", pin.Spec())
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha512.New()
	if _, err := io.Copy(hash, f); err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(hash.Sum(nil), want) != 1 {
		return fmt.Errorf("%s is not the pinned file: its sha512 differs from runtimes.json; it was not used", pin.Spec())
	}
	return nil
}
