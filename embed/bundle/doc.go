// Package bundle finds the native programs the product runs as subprocesses.
//
// A release build (build tag "bundled") carries them inside the executable and
// unpacks them once into a cache. Any other build looks, in this order, at an
// explicit setting, at the cache that "go generate" fills, and at what the
// machine has installed.
//
// A runtime in the cache is a directory named <name>-<version>-<hash> that
// appears by rename when it is complete, so concurrent starts cannot see half
// of one. Its manifest lists every file with its size, which lets a start
// notice a damaged cache and replace it.
//
// The package owns the pinned versions (runtimes.json) and the cache. The only
// program it starts is "postgres --version".
package bundle

//go:generate go run ./fetch
