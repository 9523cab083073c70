package apptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/insforge/insforge-go/embed/bundle"
	"github.com/insforge/insforge-go/embed/scratch"
)

// module is the package of the executable.
const module = "github.com/insforge/insforge-go"

const buildTimeout = 10 * time.Minute

// executable is shared by the tests of one binary, which is why it is a
// variable.
var executable struct {
	once sync.Once
	path string
	err  error
}

// Main runs the tests of a package in a folder of their own and deletes what
// they made. It does not return.
func Main(m *testing.M) { os.Exit(scratch.Run(m.Run)) }

// Executable returns the path of the product, built on the first call.
func Executable(t testing.TB) string {
	t.Helper()
	executable.once.Do(func() {
		executable.path = filepath.Join(os.TempDir(), "insforge")
		executable.err = build(executable.path)
	})
	if executable.err != nil {
		t.Fatalf("apptest: build the product: %v", executable.err)
	}
	return executable.path
}

// build builds the product the way the tests themselves were built, so that
// both share the compiler's results, and puts a copy at path. What was linked
// stays in the cache, where the go command leaves it alone while it is up to
// date: it is linked once for all packages and runs.
func build(path string) error {
	cache, err := bundle.CacheDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	built := filepath.Join(cache, "apptest-insforge")
	lock, err := os.OpenFile(built+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", built, module)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return copyProgram(path, built)
}

func copyProgram(to, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
