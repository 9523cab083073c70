// Command bench measures the product on this machine and prints its figures:
// start-up, idle memory, and the record layer beside pgbench on the same
// server, interleaved, so that ratios hold on a noisy machine.
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
	rounds := flag.Int("rounds", 5, "interleaved rounds of each measurement")
	span := flag.Duration("span", 2*time.Second, "length of one round")
	binary := flag.String("binary", "", "executable to measure (default: build one with -tags bundled)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *binary, *rounds, *span); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary string, rounds int, span time.Duration) error {
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
	if err := measureStarts(ctx, binary, dir, rounds); err != nil {
		return err
	}
	return measureRecords(ctx, binary, dir, rounds, span)
}
