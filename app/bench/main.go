// Command bench measures the product on this machine and prints its figures:
// start-up, idle memory, requests beside pgbench and beside the least over
// net/http on the same server, and sign-ins beside their bare hash; with -only
// reload, requests during reloads of a large schema. All sides of a comparison
// take turns, so that ratios hold on a noisy machine.
//
//	go run ./app/bench
//
// It builds the release executable, works in a temporary folder on free ports
// and leaves nothing behind. It needs Linux, and pgbench (Debian:
// postgresql-contrib or postgresql-15) for the comparison.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == floorCommand {
		exit(serveFloor(context.Background()))
	}
	rounds := flag.Int("rounds", 5, "interleaved rounds of each measurement")
	span := flag.Duration("span", 2*time.Second, "length of one round")
	binary := flag.String("binary", "", "executable to measure (default: build one with -tags bundled); one without Postgres measures the machine's")
	only := flag.String("only", "", "one part: starts, records, auth or reload (which runs only when named)")
	kind := flag.String("kind", "", "part of the names of the kinds of request to measure (default: all)")
	tables := flag.Int("tables", 60_000, "tables of the schema that reload reads")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(run(ctx, *binary, *only, *kind, *rounds, *tables, *span))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context, binary, only, kind string, rounds, tables int, span time.Duration) error {
	dir, err := os.MkdirTemp("", "insforge-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	if binary == "" {
		binary = filepath.Join(dir, "insforge")
		if err := build(ctx, binary); err != nil {
			return err
		}
	}
	if info, err := os.Stat(binary); err == nil {
		fmt.Printf("executable                          %6.1f MB\n", float64(info.Size())/1e6)
	}
	for _, part := range []struct {
		name    string
		measure func() error
	}{
		{"starts", func() error { return measureStarts(ctx, binary, dir, rounds) }},
		{"records", func() error { return measureRecords(ctx, binary, dir, kind, rounds, span) }},
		{"reload", func() error { return measureReload(ctx, binary, dir, tables) }},
		{"auth", func() error { return measureAuth(ctx, binary, dir, rounds, span) }},
	} {
		if only != part.name && (only != "" || part.name == "reload") {
			continue
		}
		if err := part.measure(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}
