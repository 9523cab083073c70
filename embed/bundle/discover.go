package bundle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// installFolders are where distributions put the server programs, as patterns.
var installFolders = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // Fedora, RHEL with the PGDG packages
	"/usr/lib/postgresql*/bin",                           // openSUSE, Alpine before 3.19
	"/usr/libexec/postgresql*",                           // Alpine
	"/opt/homebrew/opt/postgresql@*/bin",                 // Homebrew on Apple silicon
	"/usr/local/opt/postgresql@*/bin",                    // Homebrew on Intel
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
}

// fromCache returns what go generate put into the cache for this platform,
// preferably with the extension vector.
func fromCache(cacheDir string) (Runtime, error) {
	pin, err := PinFor(PostgresName, Host())
	if err != nil {
		return Runtime{}, err
	}
	dir := filepath.Join(cacheDir, pin.CacheName())
	if Check(dir) != nil {
		dir = filepath.Join(cacheDir, pin.PlainName())
	}
	if err := Check(dir); err != nil {
		return Runtime{}, err
	}
	return ownRuntime(dir, pin.Release, SourceCache)
}

// fromSystem returns the best server that is installed on the machine: the
// wanted major, else 17, else the newest. Those on PATH win a tie.
func fromSystem(ctx context.Context, wanted int, folders []string) (Runtime, error) {
	var found []Runtime
	var unsupported []string
	for _, dir := range candidates(folders) {
		rt, err := installed(ctx, dir, SourceSystem)
		if errors.Is(err, context.Canceled) {
			return Runtime{}, err
		}
		if errors.Is(err, errMajor) {
			unsupported = append(unsupported, err.Error())
		}
		if err == nil {
			found = append(found, rt)
		}
	}
	if len(found) == 0 {
		return Runtime{}, notFound(unsupported)
	}
	rank := func(rt Runtime) int {
		switch rt.Major {
		case wanted:
			return 2
		case PreferredMajor:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(found, func(a, b Runtime) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(b.Major, a.Major))
	})
	return found[0], nil
}

func notFound(unsupported []string) error {
	seen := ""
	if len(unsupported) > 0 {
		seen = " (found only " + strings.Join(unsupported, "; ") + ")"
	}
	return fmt.Errorf("%w on this machine%s: run \"go generate ./...\" in the source tree to fetch one, "+
		"use a release build, which carries its own, install PostgreSQL %d to %d, "+
		"or set %s to an installation", ErrNotFound, seen, MinMajor, MaxMajor, PostgresDirEnv)
}

// candidates lists folders that hold a postgres program, PATH first, each once.
func candidates(folders []string) []string {
	var dirs []string
	add := func(dir string) {
		program, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
		if err != nil {
			return
		}
		if bin := filepath.Dir(program); !slices.Contains(dirs, bin) {
			dirs = append(dirs, bin)
		}
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(dir) { // a relative entry would trust the current folder
			add(dir)
		}
	}
	for _, pattern := range folders {
		matches, _ := filepath.Glob(pattern) // the patterns are constants and valid
		for _, dir := range matches {
			add(dir)
		}
	}
	return dirs
}

var errMajor = errors.New("not a supported major version")

// installed describes the server in dir or dir/bin after asking for its version.
// The error wraps errMajor when that is not one we run on.
func installed(ctx context.Context, dir string, source Source) (Runtime, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Runtime{}, err
	}
	bin := dir
	if _, err := os.Stat(filepath.Join(dir, "bin", "postgres")); err == nil {
		bin = filepath.Join(dir, "bin")
	}
	for _, program := range []string{"postgres", "initdb"} {
		if _, err := exec.LookPath(filepath.Join(bin, program)); err != nil {
			return Runtime{}, fmt.Errorf("no %s program in %s", program, bin)
		}
	}
	version, err := askVersion(ctx, filepath.Join(bin, "postgres"))
	if err != nil {
		return Runtime{}, err
	}
	major, err := parseMajor(version)
	if err != nil {
		return Runtime{}, err
	}
	if major < MinMajor || major > MaxMajor {
		return Runtime{}, fmt.Errorf("PostgreSQL %s in %s is %w", version, bin, errMajor)
	}
	rt := Runtime{
		Name: PostgresName, Version: version, Major: major,
		Dir: filepath.Dir(bin), BinDir: bin, Source: source,
	}
	return rt, nil
}

// cannotRun explains why a program failed to print its version.
func cannotRun(program string, err error) error {
	exit := new(exec.ExitError)
	errors.As(err, &exit)
	wrote := strings.TrimSpace(string(exit.Stderr))
	if why := Missing(err, wrote); why != "" {
		return fmt.Errorf("%s does not run here: %s", program, why)
	}
	if wrote != "" {
		err = fmt.Errorf("%w: %s", err, wrote)
	}
	return fmt.Errorf("%s does not run here: %w", program, err)
}

// askVersion returns "17.10" from "postgres (PostgreSQL) 17.10 (Debian 17.10-1)".
func askVersion(ctx context.Context, program string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--version")
	cmd.Env = []string{"LC_ALL=C"} // as the server gets it, without LD_LIBRARY_PATH
	out, err := cmd.Output()
	if ctx.Err() != nil { // it was killed, which says nothing about it
		return "", fmt.Errorf("ask %s for its version: %w", program, ctx.Err())
	}
	if err != nil {
		return "", cannotRun(program, err)
	}
	words := strings.Fields(string(out))
	if len(words) < 3 || words[0] != "postgres" {
		return "", fmt.Errorf("%s is not a Postgres server", program)
	}
	return words[2], nil
}
