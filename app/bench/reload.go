package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// The load during a reload is that of a small project: few clients that pause
// between requests, so that the time of a request is its own and not a queue's.
const (
	reloadClients = 4
	reloadPause   = 5 * time.Millisecond
	reloadSpan    = 20 * time.Second
	// reloadBound is how much slower a reload may make a request.
	reloadBound = 100 * time.Millisecond
	// tableBatch keeps a transaction within Postgres's table of locks.
	tableBatch = 500
)

// manyTables makes tables with a key, an index, a foreign key and defaults.
const manyTables = `
DO $$ BEGIN
	FOR i IN %d..%d LOOP
		EXECUTE format('CREATE TABLE public.many_%%s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, note text DEFAULT '''',
			price numeric(10,2) NOT NULL DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now(), parent bigint REFERENCES public.%%I)',
			i, CASE WHEN i %% 10 = 1 THEN 'bench_items' ELSE 'many_' || i - 1 END);
	END LOOP;
END $$`

// measureReload makes a database of many tables and prints how long requests for
// one small table take without a reload of the schema and during one reload
// after the other, and how long the first request for a new table takes.
func measureReload(ctx context.Context, binary, dir string, tables int) error {
	p, err := startFilled(ctx, binary, filepath.Join(dir, "reload"))
	if err != nil {
		return err
	}
	defer p.stop()
	conn, err := connect(ctx, p.port)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	began := time.Now()
	// Without the event triggers, so that creating the tables causes no reloads.
	if _, err := conn.Exec(ctx, "SET session_replication_role = replica"); err != nil {
		return err
	}
	for first := 1; first <= tables; first += tableBatch {
		if _, err := conn.Exec(ctx, fmt.Sprintf(manyTables, first, min(first+tableBatch-1, tables))); err != nil {
			return err
		}
	}
	if _, err := conn.Exec(ctx, "VACUUM (ANALYZE) pg_catalog.pg_class, pg_catalog.pg_attribute, pg_catalog.pg_attrdef, pg_catalog.pg_constraint, pg_catalog.pg_depend, pg_catalog.pg_type"); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "RESET session_replication_role; NOTIFY pgrst, 'reload schema'"); err != nil {
		return err
	}
	fmt.Printf("\n%d tables made in %.0f s; %d clients list 20 rows, each after a pause of %v\n", tables, time.Since(began).Seconds(), reloadClients, reloadPause)
	r := reloads{product: p.product, conn: conn, token: p.token}
	return r.measure(ctx)
}

// reloads measures one product.
type reloads struct {
	*product
	conn  *pgx.Conn
	token string
}

func (r *reloads) measure(ctx context.Context) error {
	// A reload that began after the last change.
	alone, err := r.fresh(ctx, 0)
	if err != nil {
		return err
	}
	own, _ := memory(r.tree()[:1])
	fmt.Printf("a reload at rest takes %.0f ms until the new table is served; the executable uses %.0f MB\n", ms(alone), own)
	normal, err := r.during(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
	if err != nil {
		return err
	}
	normal.print("without a reload")
	var misses []time.Duration
	reloading, err := r.during(ctx, func(ctx context.Context) error {
		for i := 1; ctx.Err() == nil; i++ {
			took, err := r.fresh(ctx, i)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			misses = append(misses, took)
		}
		return nil
	})
	if err != nil {
		return err
	}
	reloading.print(fmt.Sprintf("during %d reloads", len(misses)))
	latencies(misses).print("  a new table is served after")
	slower := reloading.longest() - normal.longest()
	own, tree := memory(r.tree())
	fmt.Printf("the slowest request during reloads took %.0f ms more than without (at most %.0f); executable %.0f MB, with Postgres %.0f MB\n",
		ms(slower), ms(reloadBound), own, tree)
	return nil
}

// fresh makes a table and returns how long the first request for it takes.
func (r *reloads) fresh(ctx context.Context, i int) (time.Duration, error) {
	// Not on the table that is listed: the key would make Postgres plan again.
	q := fmt.Sprintf(`CREATE TABLE public.fresh_%d (id bigint REFERENCES public.many_1); GRANT SELECT ON public.fresh_%[1]d TO authenticated`, i)
	if _, err := r.conn.Exec(ctx, q); err != nil {
		return 0, err
	}
	began := time.Now()
	// Only a schema that has the table knows how it is related.
	err := r.get(ctx, http.DefaultClient, fmt.Sprintf("/api/database/records/fresh_%d?select=id,many_1()", i))
	return time.Since(began), err
}

func (r *reloads) get(ctx context.Context, client *http.Client, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	w, err := client.Do(req)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err == nil && w.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, w.Status, text)
	}
	return err
}

// during lists rows while f runs, for reloadSpan.
func (r *reloads) during(ctx context.Context, f func(context.Context) error) (latencies, error) {
	ctx, cancel := context.WithTimeout(ctx, reloadSpan)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all latencies
	failures := make(chan error, reloadClients+1)
	wg.Go(func() { failures <- f(ctx) })
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: reloadClients}}
	defer client.CloseIdleConnections()
	for range reloadClients {
		wg.Go(func() {
			took, err := r.list(ctx, client)
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
			failures <- err
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(all)
	return all, nil
}

func (r *reloads) list(ctx context.Context, client *http.Client) (all latencies, err error) {
	for i := 0; ctx.Err() == nil; i++ {
		began := time.Now()
		path := fmt.Sprintf("/api/database/records/bench_items?category=eq.c%d&qty=gte.10&order=created_at.desc&limit=20", i%50)
		if err := r.get(ctx, client, path); err != nil {
			if ctx.Err() != nil {
				break
			}
			return nil, err
		}
		all = append(all, time.Since(began))
		time.Sleep(reloadPause)
	}
	return all, nil
}

// latencies are in order.
type latencies []time.Duration

func (l latencies) longest() time.Duration { return l[len(l)-1] }

func (l latencies) print(what string) {
	slices.Sort(l)
	if len(l) == 0 {
		fmt.Printf("%-32s nothing measured\n", what)
		return
	}
	fmt.Printf("%-32s %6d requests: p50 %7.2f ms, p99 %7.2f ms, p99.9 %7.2f ms, longest %7.2f ms\n",
		what, len(l), ms(l[len(l)/2]), ms(l[len(l)*99/100]), ms(l[len(l)*999/1000]), ms(l.longest()))
}
