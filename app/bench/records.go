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

// clients is how many connections load the server at once.
const clients = 8

// The table of the measurement: 100,000 rows of nine columns.
const fixture = `
CREATE TABLE IF NOT EXISTS public.bench_items (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL, category text NOT NULL, price numeric(10,2) NOT NULL, qty int NOT NULL,
  active boolean NOT NULL DEFAULT true, tags jsonb NOT NULL DEFAULT '{}', created_at timestamptz NOT NULL DEFAULT now());
INSERT INTO public.bench_items (name, category, price, qty, tags, created_at)
  SELECT 'item ' || i, 'c' || i % 50, i % 1000 / 10.0, i % 100, jsonb_build_object('n', i, 'color', 'red'), now() - i * interval '1 minute'
    FROM generate_series(1, 100000) i;
CREATE INDEX ON public.bench_items (category, created_at DESC);
ALTER TABLE public.bench_items ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON public.bench_items FOR ALL TO authenticated USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON public.bench_items TO authenticated;
ANALYZE public.bench_items;
NOTIFY pgrst, 'reload schema';`

const (
	listSQL = `\set c random(0, 49)
SELECT coalesce(json_agg(x), '[]') FROM (SELECT * FROM public.bench_items WHERE category = 'c' || :c AND qty >= 10 ORDER BY created_at DESC LIMIT 20) x;
`
	insertSQL = `WITH x AS (INSERT INTO public.bench_items (name, category, price, qty)
SELECT name, category, price, qty FROM json_to_record('{"name":"new","category":"c1","price":1.5,"qty":3}') AS r(name text, category text, price numeric, qty int) RETURNING *)
SELECT coalesce(json_agg(x), '[]') FROM x;
`
)

func measureRecords(ctx context.Context, binary, dir string, rounds int, span time.Duration) error {
	pgbench, err := findPgbench()
	if err != nil {
		return err
	}
	p, err := start(ctx, binary, filepath.Join(dir, "records"))
	if err != nil {
		return err
	}
	defer p.stop()
	port, err := p.postgresPort()
	if err != nil {
		return err
	}
	if err := prepare(ctx, port); err != nil {
		return err
	}
	token, err := signUp(ctx, p)
	if err != nil {
		return err
	}
	// pgbench has the shorter way: the unix socket the product itself uses.
	sockets := socketDir(p.dir)
	bench := pgbenchRun{program: pgbench, dir: dir, host: sockets, port: port, span: span}
	list := func(i int) request {
		return request{method: http.MethodGet, token: token,
			path: fmt.Sprintf("/api/database/records/bench_items?category=eq.c%d&qty=gte.10&order=created_at.desc&limit=20", i%50)}
	}
	insert := func(int) request {
		return request{method: http.MethodPost, token: token, path: "/api/database/records/bench_items",
			prefer: "return=representation", body: `{"name":"new","category":"c1","price":1.5,"qty":3}`}
	}
	if err := compare(ctx, p, bench, "list 20 rows", listSQL, list, rounds, span); err != nil {
		return err
	}
	return compare(ctx, p, bench, "insert returning", insertSQL, insert, rounds, span)
}

// compare runs both sides in turn and prints the medians.
func compare(ctx context.Context, p *product, bench pgbenchRun, what, sql string, make func(int) request, rounds int, span time.Duration) error {
	var ours, theirs, ratios, goCPU, pgCPU, p50, p99 []float64
	for range rounds {
		tps, err := bench.run(ctx, sql)
		if err != nil {
			return err
		}
		before := cpu(p.tree())
		r, err := load(p.url, clients, span, make)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		after := cpu(p.tree())
		theirs, ours, ratios = append(theirs, tps), append(ours, r.perSecond), append(ratios, r.perSecond/tps)
		goCPU = append(goCPU, (after.own-before.own)/float64(r.count)*1e6)
		pgCPU = append(pgCPU, (after.rest-before.rest)/float64(r.count)*1e6)
		p50, p99 = append(p50, r.p50), append(p99, r.p99)
	}
	fmt.Printf("%-18s %d clients: record layer %6.0f/s, pgbench json_agg %6.0f/s, ratio %.2f (at least 0.70)\n",
		what, clients, median(ours), median(theirs), median(ratios))
	fmt.Printf("%-18s CPU a request: executable %.0f µs, Postgres %.0f µs; p50 %.2f ms, p99 %.2f ms\n",
		"", median(goCPU), median(pgCPU), median(p50), median(p99))
	return nil
}

func prepare(ctx context.Context, port int) error {
	conn, err := pgx.Connect(ctx, fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/insforge", pgPassword, port))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, fixture)
	return err
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
		return "", errors.New("pgbench is not here; install it (Debian: apt-get install postgresql-contrib)")
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
	port               int
	span               time.Duration
}

var tpsLine = regexp.MustCompile(`tps = ([0-9.]+)`)

func (b pgbenchRun) run(ctx context.Context, sql string) (float64, error) {
	script := filepath.Join(b.dir, "script.sql")
	if err := os.WriteFile(script, []byte(strings.TrimSpace(sql)+"\n"), 0o644); err != nil {
		return 0, err
	}
	seconds := strconv.Itoa(max(1, int(b.span.Seconds())))
	c := exec.CommandContext(ctx, b.program, "-n", "-M", "prepared", "-c", strconv.Itoa(clients), "-j", "2", "-T", seconds,
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
