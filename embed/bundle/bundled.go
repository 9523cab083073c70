//go:build bundled

package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// find unpacks the runtime inside this executable, or finds it unpacked.
func find(ctx context.Context, o Options) (Runtime, error) {
	var info ArchiveInfo
	if err := json.Unmarshal([]byte(postgresInfo), &info); err != nil {
		return Runtime{}, fmt.Errorf("read bundled runtime: %w", err)
	}
	dir, err := installBundled(ctx, o.CacheDir, info)
	if err != nil && unwritable(err) && o.FallbackDir != "" {
		var again error
		dir, again = installBundled(ctx, o.FallbackDir, info)
		err = join(err, again)
	}
	if err != nil {
		return Runtime{}, fmt.Errorf("unpack Postgres: %w; set %s to a folder with 80 MB of space", err, CacheDirEnv)
	}
	return ownRuntime(dir, info.Release, SourceBundled)
}

// join reports both failures, and none when the second attempt went well.
func join(first, second error) error {
	if second == nil {
		return nil
	}
	return fmt.Errorf("%w, and instead of it: %w", first, second)
}

func installBundled(ctx context.Context, cacheDir string, info ArchiveInfo) (string, error) {
	return Install(cacheDir, info.DirName(), func(tmp string) error {
		defer releasePages(postgresArchive)
		return Unpack(ctx, strings.NewReader(postgresArchive), tmp, nil)
	})
}

func unwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.ENOTDIR)
}
