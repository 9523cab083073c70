package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/insforge/insforge-go/embed/bundle"
	"github.com/insforge/insforge-go/embed/supervise"
)

// place is a data directory together with who works on it and with what.
type place struct {
	dir     string // absolute, links resolved
	account account
	runtime bundle.Runtime
}

// newPlace checks that the account can run the runtime's programs at all.
func newPlace(dir string, a account, rt bundle.Runtime) (place, error) {
	program := filepath.Join(rt.BinDir, "postgres")
	if real, err := filepath.EvalSymlinks(program); err == nil {
		program = real
	}
	if !a.reaches(program) {
		return place{}, &Error{Kind: KindPermission, Message: fmt.Sprintf(
			"the database's user (uid %d) cannot reach the Postgres programs in %s; "+
				"set %s to a folder that everyone may enter", a.uid, rt.BinDir, bundle.CacheDirEnv)}
	}
	if !a.reaches(dir) && runtime.GOOS != "linux" {
		return place{}, &Error{Kind: KindPermission, Message: fmt.Sprintf(
			"the database's user (uid %d) cannot reach %s; choose a data directory whose parent folders everyone may enter",
			a.uid, dir)}
	}
	return place{dir: dir, account: a, runtime: rt}, nil
}

// command builds a call of one of the runtime's programs on the data directory.
// args gets the directory as the program must name it. The command's ExtraFiles
// are inherited first, and the caller that starts it must close them.
func (p place) command(program string, inherited []*os.File, args func(dir string) []string) (*exec.Cmd, error) {
	name := p.dir
	files := inherited
	if !p.account.reaches(p.dir) {
		// Linux resolves this name straight to the open directory, regardless of
		// the permissions of the folders above it. It means the same in every
		// process that inherits the descriptor, so in all of the server's.
		open, err := os.Open(p.dir)
		if err != nil {
			return nil, fileError("open", p.dir, err)
		}
		files = append(files[:len(files):len(files)], open)
		name = fmt.Sprintf("/proc/self/fd/%d", 2+len(files))
	}
	cmd := exec.Command(filepath.Join(p.runtime.BinDir, program), args(name)...)
	cmd.Dir = "/"
	cmd.Env = environment(searchPath)
	cmd.ExtraFiles = files
	cmd.SysProcAttr = p.account.attributes()
	return cmd, nil
}

// searchPath is where the server finds programs of the system, such as locale.
const searchPath = "/usr/local/bin:/usr/bin:/bin"

// environment is all that the server sees of ours: our variables may hold
// secrets, and PG… and LD_… would change what it does.
func environment(path string) []string {
	env := []string{"PATH=" + path, "LC_ALL=C", "TZ=UTC"}
	if tmp := os.Getenv("TMPDIR"); tmp != "" {
		env = append(env, "TMPDIR="+tmp)
	}
	return env
}

// run executes a program that ends by itself and returns its output lines, of
// both streams. It is killed when ctx ends.
func run(ctx context.Context, cmd *exec.Cmd, stdin io.Reader) ([]string, error) {
	out := &boundedBuffer{limit: 64 << 10}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, out, out
	err := supervise.Run(ctx, cmd)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n"), runError(cmd.Path, err)
}

// runError explains why a program could not be started, which for a program that
// is there means that the machine cannot run it.
func runError(program string, err error) error {
	var path *fs.PathError
	if !errors.As(err, &path) {
		return err
	}
	if why := bundle.Missing(err, ""); why != "" {
		return &Error{Kind: KindRuntime, Message: "cannot run " + program + ": " + why}
	}
	return &Error{Kind: KindRuntime, Message: "cannot run " + program, Err: err}
}

// boundedBuffer keeps the last bytes written to it. exec uses one writer from
// one goroutine when both streams are the same.
type boundedBuffer struct {
	kept  []byte
	limit int
}

// Write never fails.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p...)
	if extra := len(b.kept) - b.limit; extra > 0 {
		b.kept = append(b.kept[:0], b.kept[extra:]...)
	}
	return len(p), nil
}

// String returns what is kept.
func (b *boundedBuffer) String() string { return string(b.kept) }
