package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// clients are how many connections load the server at once.
var clients = []int{1, 8, 32}

func measureRecords(ctx context.Context, binary, dir string, rounds int, span time.Duration) error {
	pgbench, err := findPgbench()
	if err != nil {
		return err
	}
	p, err := startFilled(ctx, binary, filepath.Join(dir, "records"))
	if err != nil {
		return err
	}
	defer p.stop()
	// pgbench has the advantage of the unix socket that the product uses.
	bench := pgbenchRun{program: pgbench, dir: dir, host: socketDir(p.dir), port: p.port, span: span}
	version, err := serverVersion(ctx, p.port)
	if err != nil {
		return err
	}
	fmt.Printf("\nthe record layer on Postgres %s, token checked, row-level security; pgbench beside it runs the same statement bare\n", version)
	fmt.Println("kind of request       clients per second    pgbench   ratio  target   CPU µs: own  Postgres   p50 ms  p99 ms")
	for _, k := range kinds() {
		for i, n := range clients {
			bench.clients = n
			if err := compare(ctx, p, bench, k, k.bound[i], rounds); err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
		}
	}
	own, tree := memory(p.tree())
	fmt.Printf("memory after this load: executable %.1f MB (at most 50), with Postgres %.1f MB (PSS)\n", own, tree)
	return nil
}

// compare lets both sides take turns and prints the medians.
func compare(ctx context.Context, p *filled, bench pgbenchRun, k kind, bound float64, rounds int) error {
	var ours, theirs, ratios, four, goCPU, pgCPU, p50, p99 []float64
	isList := k.name == kinds()[0].name
	requests := k.requests(p.url, p.token)
	for range rounds {
		tps, err := bench.run(ctx, k.statement)
		if err != nil {
			return err
		}
		before := cpu(p.tree())
		r, err := load(p.url, bench.clients, bench.span, requests)
		if err != nil {
			return err
		}
		own, postgres := cpu(p.tree()).since(before, p.cmd.Process.Pid)
		theirs, ours, ratios = append(theirs, tps), append(ours, r.perSecond), append(ratios, r.perSecond/tps)
		goCPU = append(goCPU, own/float64(r.count)*1e6)
		pgCPU = append(pgCPU, postgres/float64(r.count)*1e6)
		p50, p99 = append(p50, r.p50), append(p99, r.p99)
		if isList {
			tps, err := bench.run(ctx, fourStatements)
			if err != nil {
				return err
			}
			four = append(four, r.perSecond/tps)
		}
	}
	wanted := "-"
	if bound > 0 {
		wanted = fmt.Sprintf("%.2f", bound)
	}
	fmt.Printf("%-21s %7d %10.0f %10.0f %7.2f %7s %13.0f %9.0f %8.2f %7.2f\n", k.name, bench.clients,
		median(ours), median(theirs), median(ratios), wanted, median(goCPU), median(pgCPU), median(p50), median(p99))
	if isList {
		fmt.Printf("%46s %6.2f of the four statements of PostgREST (at least 1.9 at 8 and 32)\n", "", median(four))
	}
	return nil
}

// filled is a product with the tables of the measurement, the address of its
// Postgres, and the access token of a user.
type filled struct {
	*product
	port  int
	token string
}

func startFilled(ctx context.Context, binary, dir string) (*filled, error) {
	p, err := start(ctx, binary, dir)
	if err != nil {
		return nil, err
	}
	f := &filled{product: p}
	if err := f.fill(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return f, nil
}

func (f *filled) fill(ctx context.Context) (err error) {
	if f.port, err = f.postgresPort(); err != nil {
		return err
	}
	conn, err := connect(ctx, f.port)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err = conn.Exec(ctx, fixture); err != nil {
		return err
	}
	f.token, err = signUp(ctx, f.product)
	return err
}

func connect(ctx context.Context, port int) (*pgx.Conn, error) {
	return pgx.Connect(ctx, fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/insforge", pgPassword, port))
}

// serverVersion returns which Postgres is measured: an executable without one
// takes the machine's.
func serverVersion(ctx context.Context, port int) (version string, err error) {
	conn, err := connect(ctx, port)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "SHOW server_version").Scan(&version)
	return version, err
}

// signUp returns the access token of a new user.
func signUp(ctx context.Context, p *product) (string, error) {
	var session struct {
		AccessToken string `json:"accessToken"`
	}
	user := map[string]string{"email": "bench@example.com", "password": "benchmark-user"}
	// As the administrator, so that no cookie is involved.
	err := p.call(ctx, http.MethodPost, "/api/auth/users?client_type=server", user, &session)
	return session.AccessToken, err
}

func findPgbench() (string, error) {
	if path, err := exec.LookPath("pgbench"); err == nil {
		return path, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if len(found) == 0 {
		return "", errors.New("pgbench was not found; install it (Debian: apt-get install postgresql-contrib)")
	}
	return found[len(found)-1], nil
}

// socketDir finds the unix socket of the product's Postgres, or the loopback
// address when there is none within the data directory.
func socketDir(data string) string {
	var dir string
	_ = filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".s.PGSQL.") && !strings.HasSuffix(path, ".lock") {
			dir = filepath.Dir(path)
			return filepath.SkipAll
		}
		return nil
	})
	if dir == "" {
		return "127.0.0.1"
	}
	return dir
}

// pgbenchRun is one way of running pgbench.
type pgbenchRun struct {
	program, dir, host string
	port, clients      int
	span               time.Duration
}

var tpsLine = regexp.MustCompile(`tps = ([0-9.]+)`)

func (b pgbenchRun) run(ctx context.Context, sql string) (float64, error) {
	script := filepath.Join(b.dir, "script.sql")
	if err := os.WriteFile(script, []byte(strings.TrimSpace(sql)+"\n"), 0o644); err != nil {
		return 0, err
	}
	seconds := strconv.Itoa(max(1, int(b.span.Seconds())))
	c := exec.CommandContext(ctx, b.program, "-n", "-M", "prepared", "-c", strconv.Itoa(b.clients), "-j", strconv.Itoa(min(2, b.clients)), "-T", seconds,
		"-h", b.host, "-p", strconv.Itoa(b.port), "-U", "postgres", "-f", script, "insforge")
	c.Env = append(os.Environ(), "PGPASSWORD="+pgPassword)
	out, err := c.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w: %s", err, out)
	}
	m := tpsLine.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("pgbench printed no tps: %s", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
