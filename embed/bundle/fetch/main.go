// Command fetch obtains the runtimes that runtimes.json pins and prepares them:
//
//   - <cache>/postgres-<version>-<hash>/ is what "go run" and "go test" use;
//   - postgres_<os>_<arch>.tar.zst and .json beside the package is what
//     "go build -tags bundled" embeds.
//
// It runs as "go generate" in embed/bundle and does nothing when both are there.
// The packages come through the npm client, from whatever registry it is set up
// for, and are compared with the pinned hash before anything in them is used.
//
// The extension vector is compiled for Linux from the pinned source in Debian's
// archive, against Debian's headers of the same major, where there is a C
// compiler and Debian's apt; nothing is installed. For another architecture
// that takes Debian's cross compiler. Elsewhere one line says that the server
// goes without it, and a later run adds it.
//
// INSFORGE_TARGET=linux/arm64 prepares another platform's archive instead.
// INSFORGE_CACHE_DIR moves the cache.
//
// Exit status: 0 when all is there, 1 with one line on what went wrong.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/insforge/insforge-go/embed/bundle"
)

// targetEnv names the platform to prepare; empty means this one.
const targetEnv = "INSFORGE_TARGET"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "fetch runtimes:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	target := bundle.Host()
	if name := os.Getenv(targetEnv); name != "" {
		var err error
		if target, err = bundle.ParsePlatform(name); err != nil {
			return err
		}
	}
	cache, err := bundle.CacheDir()
	if err != nil {
		return err
	}
	pin, err := bundle.PinFor(bundle.PostgresName, target)
	if err != nil {
		return err
	}
	g := generator{cache: cache, npm: npmPack, vector: buildVector}
	dir, err := g.postgres(ctx, pin)
	if err != nil {
		return err
	}
	return writeArchive(".", dir, pin)
}
