package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"golang.org/x/crypto/bcrypt"
)

const benchPassword = "benchmark-user"

// measureAuth prints how fast tokens are checked, how close sign-ins come to
// what their hash allows, and what other requests take meanwhile.
func measureAuth(ctx context.Context, binary, dir string, rounds int, span time.Duration) error {
	p, err := startFilled(ctx, binary, filepath.Join(dir, "auth"))
	if err != nil {
		return err
	}
	defer p.stop()
	signIn := func() error {
		return p.call(ctx, http.MethodPost, "/api/auth/sessions?client_type=server", credentials, nil)
	}

	fmt.Println("\nauth")
	if err := measureTokens(rounds, span); err != nil {
		return err
	}
	for _, n := range []int{1, 8} {
		if err := compareSignIns(n, rounds, span, signIn); err != nil {
			return err
		}
	}
	return measureFlood(p.product, rounds, span, kinds()[0].requests(p.url, p.token), signIn)
}

// measureTokens checks access tokens on one core, in this process and without
// the product's cache.
func measureTokens(rounds int, span time.Duration) error {
	pair, err := tokens.GenerateKey()
	if err != nil {
		return err
	}
	a, err := tokens.New(tokens.Config{Secret: "the secret of the benchmark", Signing: pair, Now: time.Now})
	if err != nil {
		return err
	}
	own, err := a.Access("3a3a3a3a-3a3a-3a3a-3a3a-3a3a3a3a3a3a", "bench@example.com", string(identity.RoleAuthenticated), "")
	if err != nil {
		return err
	}
	now := time.Now()
	shared, err := tokens.SharedAccess("the secret of the benchmark", "user", string(identity.RoleAuthenticated), now, now.Add(time.Hour))
	if err != nil {
		return err
	}
	for _, t := range []struct{ name, token string }{{"token checked, RS256, one core", own}, {"token checked, HS256, one core", shared}} {
		var rates []float64
		for range rounds {
			rate, err := repeat(1, span, func() error {
				_, err := a.VerifyAccess(t.token)
				return err
			})
			if err != nil {
				return err
			}
			rates = append(rates, rate)
		}
		fmt.Printf("%-38s %10.0f /s\n", t.name, median(rates))
	}
	return nil
}

// repeat runs f on n goroutines for span and returns the calls per second.
func repeat(n int, span time.Duration, f func() error) (float64, error) {
	var group sync.WaitGroup
	counts, errs := make([]int, n), make([]error, n)
	began := time.Now()
	for i := range n {
		group.Go(func() {
			for time.Since(began) < span && errs[i] == nil {
				errs[i] = f()
				counts[i]++
			}
		})
	}
	group.Wait()
	lasted := time.Since(began).Seconds()
	total := 0
	for i := range n {
		if errs[i] != nil {
			return 0, errs[i]
		}
		total += counts[i]
	}
	return float64(total) / lasted, nil
}

// compareSignIns compares sign-ins with the bare comparison of the hash. The two
// take turns, and the comparison runs on as many cores as the product gives to
// hashes: all but one. One client keeps one of them busy.
func compareSignIns(clients, rounds int, span time.Duration, signIn func() error) error {
	hash, err := bcrypt.GenerateFromPassword([]byte(benchPassword), guard.DefaultCost)
	if err != nil {
		return err
	}
	const slices = 4 // of a round: in short ones both sides see the same noise
	cores := min(clients, max(1, runtime.GOMAXPROCS(0)-1))
	var ours, bare, ratios []float64
	for range rounds * slices {
		allowed, err := repeat(cores, span/slices, func() error { return bcrypt.CompareHashAndPassword(hash, []byte(benchPassword)) })
		if err != nil {
			return err
		}
		done, err := repeat(clients, span/slices, signIn)
		if err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
		ours, bare, ratios = append(ours, done), append(bare, allowed), append(ratios, done/allowed)
	}
	fmt.Printf("%-28s %d clients %10.1f /s   bare hash %.1f /s   ratio %.2f (at least 0.95)\n", "sign in", clients,
		median(ours), median(bare), median(ratios))
	return nil
}

// measureFlood prints the latency of a list alone and beside clients that sign
// in without pause.
func measureFlood(p *product, rounds int, span time.Duration, list [][]byte, signIn func() error) error {
	const robots = 32
	var quiet, flooded [2][]float64
	for range rounds {
		r, err := load(p.url, 1, span, list)
		if err != nil {
			return err
		}
		quiet[0], quiet[1] = append(quiet[0], r.p50), append(quiet[1], r.p99)
		flood := make(chan error, 1)
		go func() {
			_, err := repeat(robots, span, signIn)
			flood <- err
		}()
		r, err = load(p.url, 1, span, list)
		if floodErr := <-flood; err == nil {
			err = floodErr
		}
		if err != nil {
			return fmt.Errorf("list beside sign-ins: %w", err)
		}
		flooded[0], flooded[1] = append(flooded[0], r.p50), append(flooded[1], r.p99)
	}
	fmt.Printf("%-28s 1 client  alone p50 %.2f ms, p99 %.2f ms; beside %d clients signing in p50 %.2f ms, p99 %.2f ms\n", "list of 20 rows",
		median(quiet[0]), median(quiet[1]), robots, median(flooded[0]), median(flooded[1]))
	return nil
}
