package apptest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// module is the package of the executable.
const module = "github.com/insforge/insforge-go"

const buildTimeout = 10 * time.Minute

// executable is shared by the tests of one binary, which is why it is a
// variable; Main removes it.
var executable struct {
	once sync.Once
	dir  string
	err  error
}

// Main runs the tests of a package and removes what Start built. It does not
// return.
func Main(m *testing.M) {
	code := m.Run()
	if executable.dir != "" {
		os.RemoveAll(executable.dir)
	}
	os.Exit(code)
}

// Executable returns the path of the product, built on the first call.
func Executable(t testing.TB) string {
	t.Helper()
	executable.once.Do(func() { executable.err = build() })
	if executable.err != nil {
		t.Fatalf("apptest: build the product: %v", executable.err)
	}
	return filepath.Join(executable.dir, "insforge")
}

func build() (err error) {
	if executable.dir, err = os.MkdirTemp("", "apptest-"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(executable.dir, "insforge"), module)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
