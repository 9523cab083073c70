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

func measureRecords(ctx context.Context, binary, dir, only string, rounds int, span time.Duration) error {
	pgbench, err := findPgbench()
	if err != nil {
		return err
	}
	p, err := startFilled(ctx, binary, filepath.Join(dir, "records"))
	if err != nil {
		return err
	}
	defer p.stop()
	floor, err := startFloor(ctx, p)
	if err != nil {
		return err
	}
	defer floor.stop()
	// pgbench has the advantage of the unix socket that the product uses.
	bench := pgbenchRun{program: pgbench, dir: dir, host: socketDir(p.dir), port: p.port, span: span}
	version, err := serverVersion(ctx, p.port)
	if err != nil {
		return err
	}
	fmt.Printf("\nrequests on Postgres %s, token checked, row-level security; beside them pgbench with the same statement bare,\n"+
		"and the floor: the least over net/http; target: %.1f of it. The CPU is that of a request: the executable's (the floor's), Postgres's,\n"+
		"and the floor's part of both\n", version, targetOfFloor)
	fmt.Println("kind of request      clients per second  of pgbench  of floor   CPU µs: own (floor)  Postgres (floor)  of floor   p50 ms  p99 ms")
	for _, k := range kinds() {
		if !strings.Contains(k.name, only) {
			continue
		}
		if k.floor {
			if err := sameAnswer(ctx, p, floor, k); err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
		}
		for _, n := range clients {
			bench.clients = n
			if err := compare(ctx, p, floor, bench, k, rounds); err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
		}
	}
	own, tree := memory(p.tree())
	fmt.Printf("memory after this load: executable %.1f MB (at most 50), with Postgres %.1f MB (PSS)\n", own, tree)
	return nil
}

// targetOfFloor is how much of the floor the product is to reach.
const targetOfFloor = 0.9

// turn is what one side did in one round. The CPU times are in microseconds a
// request.
type turn struct {
	result
	own, postgres float64
}

// cpu is all the CPU time of a request.
func (t turn) cpu() float64 { return t.own + t.postgres }

// take loads a server on p's Postgres for one round.
func (p *filled) take(server *product, clients int, span time.Duration, requests [][]byte) (t turn, err error) {
	own := server.cmd.Process.Pid
	used := func() usage { return cpu(append(p.tree()[1:], own)) }
	before := used()
	if t.result, err = load(server.url, clients, span, requests); err != nil {
		return t, err
	}
	t.own, t.postgres = used().since(before, own)
	t.own *= 1e6 / float64(t.count)
	t.postgres *= 1e6 / float64(t.count)
	return t, nil
}

// compare lets all sides take turns and prints the medians.
func compare(ctx context.Context, p *filled, floor *product, bench pgbenchRun, k kind, rounds int) error {
	var ours, theirs []turn
	var ofPgbench, ofFloor, ofCPU, ofFour []float64
	isList := k.name == kinds()[0].name
	for round := range 1 + rounds {
		t, err := p.take(p.product, bench.clients, bench.span, k.requests(p.url, p.token))
		if err != nil {
			return err
		}
		var f turn
		if k.floor {
			if f, err = p.take(floor, bench.clients, bench.span, k.requests(floor.url, p.token)); err != nil {
				return fmt.Errorf("floor: %w", err)
			}
		}
		if round == 0 { // connections are made, statements prepared
			continue
		}
		ours = append(ours, t)
		if k.floor {
			theirs = append(theirs, f)
			ofFloor, ofCPU = append(ofFloor, t.perSecond/f.perSecond), append(ofCPU, f.cpu()/t.cpu())
		}
		if k.statement != "" {
			tps, err := bench.run(ctx, k.statement)
			if err != nil {
				return err
			}
			ofPgbench = append(ofPgbench, t.perSecond/tps)
		}
		if isList {
			tps, err := bench.run(ctx, fourStatements)
			if err != nil {
				return err
			}
			ofFour = append(ofFour, t.perSecond/tps)
		}
	}
	own, postgres := func(t turn) float64 { return t.own }, func(t turn) float64 { return t.postgres }
	fmt.Printf("%-20s %7d %10.0f  %10s  %8s   %11.0f %7s  %8.0f %7s  %8s %8.2f %7.2f\n", k.name, bench.clients,
		medianOf(ours, func(t turn) float64 { return t.perSecond }), ratio(ofPgbench), ratio(ofFloor),
		medianOf(ours, own), beside(theirs, own), medianOf(ours, postgres), beside(theirs, postgres), ratio(ofCPU),
		medianOf(ours, func(t turn) float64 { return t.p50 }), medianOf(ours, func(t turn) float64 { return t.p99 }))
	if isList {
		fmt.Printf("%40s %s of the four statements of PostgREST\n", "", ratio(ofFour))
	}
	return nil
}

func medianOf(turns []turn, of func(turn) float64) float64 {
	values := make([]float64, len(turns))
	for i, t := range turns {
		values[i] = of(t)
	}
	return median(values)
}

// ratio prints the median of ratios, or a dash for none.
func ratio(values []float64) string {
	if len(values) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", median(values))
}

// beside prints what the floor used, if it took part.
func beside(turns []turn, of func(turn) float64) string {
	if len(turns) == 0 {
		return ""
	}
	return fmt.Sprintf("(%.0f)", medianOf(turns, of))
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

// credentials are those of the user of the measurement.
var credentials = map[string]string{"email": "bench@example.com", "password": benchPassword}

// signUp returns the access token of a new user who has signed in.
func signUp(ctx context.Context, p *product) (string, error) {
	var session struct {
		AccessToken string `json:"accessToken"`
	}
	// As the administrator, so that no cookie is involved.
	err := p.call(ctx, http.MethodPost, "/api/auth/users?client_type=server", credentials, nil)
	if err == nil {
		err = p.call(ctx, http.MethodPost, "/api/auth/sessions?client_type=server", credentials, &session)
	}
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
