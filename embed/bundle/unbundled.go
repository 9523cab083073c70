//go:build !bundled

package bundle

import "context"

// find looks in the cache, then on the machine. An existing data directory of
// another major than the cache's is served by the machine's server if it fits.
func find(ctx context.Context, o Options) (Runtime, error) {
	cached, err := fromCache(o.CacheDir)
	if err == nil && (o.Major == 0 || o.Major == cached.Major) {
		return cached, nil
	}
	system, systemErr := fromSystem(ctx, o.Major, installFolders)
	if err == nil && (systemErr != nil || system.Major != o.Major) {
		return cached, nil
	}
	return system, systemErr
}
