package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// settle is how long an idle process has to return memory.
const settle = 5 * time.Second

func measureStarts(ctx context.Context, binary, dir string, rounds int) error {
	var first, later []time.Duration
	var own, tree float64
	for round := range rounds {
		data := filepath.Join(dir, fmt.Sprintf("start-%d", round))
		for i := range 2 {
			p, err := start(ctx, binary, data)
			if err != nil {
				return err
			}
			if i == 0 {
				first = append(first, p.took)
			} else {
				later = append(later, p.took)
				if round == rounds-1 {
					time.Sleep(settle)
					own, tree = memory(p.tree())
				}
			}
			p.stop()
		}
		if err := errors.Join(os.RemoveAll(data), os.RemoveAll(data+"-cache")); err != nil {
			return err
		}
	}
	fmt.Printf("first start to first query          %6.0f ms   (at most 1500; unpacks Postgres)\n", ms(median(first)))
	fmt.Printf("later start to first query          %6.0f ms   (at most 600)\n", ms(median(later)))
	fmt.Printf("idle memory of the executable       %6.1f MB   (PSS, at most 40)\n", own)
	fmt.Printf("idle memory with Postgres           %6.1f MB   (PSS, at most 120)\n", tree)
	return nil
}

// memory returns the proportional set size, in MB, of the first process and
// of all of them.
func memory(pids []int) (own, tree float64) {
	for i, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // the process just ended
		}
		for _, line := range strings.Split(string(text), "\n") {
			var kb float64
			if _, err := fmt.Sscanf(line, "Pss: %f kB", &kb); err == nil {
				tree += kb * 1024 / 1e6
				if i == 0 {
					own = kb * 1024 / 1e6
				}
			}
		}
	}
	return own, tree
}

func median[T ~int64 | ~float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
