package bundle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// PostgresDirEnv names a Postgres installation to use instead of any other.
const PostgresDirEnv = "INSFORGE_POSTGRES_DIR"

// Majors of Postgres the product runs on.
const (
	MinMajor       = 15
	MaxMajor       = 18
	PreferredMajor = 17
)

// ErrNotFound is wrapped by FindPostgres when there is no usable Postgres. The
// message says where it looked and what to do.
var ErrNotFound = errors.New("no usable Postgres")

// Source says where a runtime came from, for doctor and the log.
type Source string

// Where runtimes come from.
const (
	SourceBundled Source = "bundled" // unpacked from this executable
	SourceCache   Source = "cache"   // put there by go generate
	SourceSystem  Source = "system"  // installed on the machine
	SourceSetting Source = "setting" // named by INSFORGE_POSTGRES_DIR
)

// Runtime is an unpacked program that is ready to run.
type Runtime struct {
	Name     string // "postgres"
	Version  string // "17.10"
	Major    int    // 17
	Dir      string // of the installation
	BinDir   string // holds postgres and initdb
	Template string // archive of an initialised data directory, "" when there is none
	Source   Source
}

// Options configure FindPostgres; the zero value is right outside tests.
type Options struct {
	// PostgresDir is an installation (with bin/postgres) or its bin folder. Empty
	// means the environment's INSFORGE_POSTGRES_DIR, and when that is empty too,
	// search.
	PostgresDir string
	// CacheDir holds unpacked runtimes; empty means CacheDir().
	CacheDir string
	// FallbackDir is where a release build unpacks when there is no cache or it
	// cannot be written, usually a folder of the data directory. Empty means no
	// fallback.
	FallbackDir string
	// Major asks for one major version of Postgres, that of an existing data
	// directory. Zero prefers 17, then the newest. Another one is returned when
	// it is missing; the caller has to report that.
	Major int
}

// FindPostgres returns a Postgres server of a supported major that runs on this
// machine. A release build unpacks its own on first use. The error wraps
// ErrNotFound when the machine has none, or lacks what it needs to run it; ctx
// bounds unpacking and the version queries.
func FindPostgres(ctx context.Context, o Options) (Runtime, error) {
	dir := o.PostgresDir
	if dir == "" {
		dir = os.Getenv(PostgresDirEnv)
	}
	if dir != "" {
		rt, err := installed(ctx, dir, SourceSetting)
		if err != nil {
			return Runtime{}, fmt.Errorf("%w at %s=%s: %w", ErrNotFound, PostgresDirEnv, dir, err)
		}
		return rt, nil
	}
	if o.CacheDir == "" {
		cache, err := CacheDir()
		if err != nil && o.FallbackDir == "" {
			return Runtime{}, err
		}
		o.CacheDir = cmp.Or(cache, o.FallbackDir)
	}
	rt, err := find(ctx, o)
	if err != nil {
		return Runtime{}, err
	}
	if _, err := askVersion(ctx, filepath.Join(rt.BinDir, "postgres")); err != nil {
		return Runtime{}, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return rt, nil
}

// ownRuntime describes a runtime that our generator laid out in dir.
func ownRuntime(dir, release string, source Source) (Runtime, error) {
	major, err := parseMajor(release)
	if err != nil {
		return Runtime{}, err
	}
	rt := Runtime{
		Name: PostgresName, Version: release, Major: major,
		Dir: dir, BinDir: filepath.Join(dir, "bin"), Source: source,
	}
	template := filepath.Join(dir, TemplateName)
	if _, err := os.Stat(template); err == nil {
		rt.Template = template
	}
	return rt, nil
}

// TemplateName is the data directory archive inside a runtime directory.
const TemplateName = "template.tar.zst"

// parseMajor reads 17 from "17.10", "18beta1" and "17".
func parseMajor(version string) (int, error) {
	digits := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(version)
	}
	major, err := strconv.Atoi(version[:digits])
	if err != nil {
		return 0, fmt.Errorf("version %q has no major number", version)
	}
	return major, nil
}
