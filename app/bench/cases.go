package main

import (
	"fmt"
	"net/http"
)

// The tables of the measurement: 100,000 rows of ten columns with an owner
// each, and notes for some of them.
const fixture = `
CREATE TABLE public.bench_owners (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO public.bench_owners SELECT i, 'owner ' || i FROM generate_series(1, 1000) i;
CREATE TABLE public.bench_items (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL, category text NOT NULL, price numeric(10,2) NOT NULL, qty int NOT NULL,
  active boolean NOT NULL DEFAULT true, tags jsonb NOT NULL DEFAULT '{}', created_at timestamptz NOT NULL DEFAULT now());
INSERT INTO public.bench_items (name, category, price, qty, tags, created_at)
  SELECT 'item ' || i, 'c' || i % 50, i % 1000 / 10.0, i % 100, jsonb_build_object('n', i, 'color', 'red'), now() - i * interval '1 minute'
    FROM generate_series(1, 100000) i;
CREATE INDEX ON public.bench_items (category, created_at DESC);
CREATE TABLE public.bench_orders (
  id bigint PRIMARY KEY, owner_id int NOT NULL REFERENCES public.bench_owners, placed_at timestamptz NOT NULL, state text NOT NULL);
INSERT INTO public.bench_orders SELECT i, i % 1000 + 1, now() - i * interval '1 minute', 's' || i % 50 FROM generate_series(1, 50000) i;
CREATE INDEX ON public.bench_orders (state, placed_at DESC);
CREATE TABLE public.bench_lines (
  id bigint PRIMARY KEY, order_id bigint NOT NULL REFERENCES public.bench_orders, product text NOT NULL, qty int NOT NULL);
INSERT INTO public.bench_lines SELECT i, i / 2 + 1, 'product ' || i % 300, i % 10 FROM generate_series(1, 99998) i;
CREATE INDEX ON public.bench_lines (order_id);
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['bench_owners', 'bench_items', 'bench_orders', 'bench_lines'] LOOP
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY everybody ON public.%I FOR ALL TO authenticated USING (true) WITH CHECK (true)', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON public.%I TO authenticated', t);
    EXECUTE format('ANALYZE public.%I', t);
  END LOOP;
END $$;
CREATE TABLE public.bench_copy (LIKE public.bench_items INCLUDING ALL);
NOTIFY pgrst, 'reload schema';`

// kind is one kind of request, and the statement that gives the same answer to
// a client of the database: the values of the request are its parameters, and
// it builds the whole body, as PostgREST does.
type kind struct {
	name      string
	requests  func(url, token string) [][]byte
	statement string // empty for none
	// floor is set when the floor answers it too.
	floor bool
}

// currentPath is the route of the user signed in.
const currentPath = "/api/auth/sessions/current"

const listFilter = `FROM public.bench_items WHERE category = 'c' || :c AND qty >= :q`

// fourStatements is what PostgREST sends for the list.
const fourStatements = `\set c random(0, 49)
\set q 10
BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;
SELECT set_config('search_path', '"public"', true), set_config('role', 'authenticated', true), set_config('request.jwt.claims', '{"sub":"3a3a3a3a-3a3a-3a3a-3a3a-3a3a3a3a3a3a","role":"authenticated","email":"bench@example.com"}', true), set_config('request.method', 'GET', true), set_config('request.path', '/bench_items', true), set_config('request.headers', '{"host":"localhost:3000","accept":"*/*"}', true), set_config('request.cookies', '{}', true);
WITH pgrst_source AS (SELECT public.bench_items.* ` + listFilter + ` ORDER BY created_at DESC LIMIT 20 OFFSET 0) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body, nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '') AS response_status, '' AS response_inserted FROM (SELECT * FROM pgrst_source) _postgrest_t;
COMMIT;`

func kinds() []kind {
	return []kind{
		{
			name:     "list of 20 rows",
			floor:    true,
			requests: each(50, http.MethodGet, "/bench_items?category=eq.c%d&qty=gte.10&order=created_at.desc&limit=20", "", ""),
			statement: `\set c random(0, 49)
\set q 10
SELECT coalesce(json_agg(x), '[]') FROM (SELECT * ` + listFilter + ` ORDER BY created_at DESC LIMIT 20) x;`,
		}, {
			name:     "one row by key",
			floor:    true,
			requests: each(997, http.MethodGet, "/bench_items?id=eq.%d", "", ""),
			statement: `\set i random(1, 997)
SELECT coalesce(json_agg(x), '[]') FROM (SELECT * FROM public.bench_items WHERE id = :i) x;`,
		}, {
			name:     "20 rows, two embeds",
			requests: each(50, http.MethodGet, "/bench_orders?select=*,bench_owners(name),bench_lines(product,qty)&state=eq.s%d&order=placed_at.desc&limit=20", "", ""),
			statement: `\set c random(0, 49)
SELECT coalesce(json_agg(x), '[]') FROM (
  SELECT o.*, row_to_json(w.*) AS bench_owners, coalesce(l.bench_lines, '[]') AS bench_lines FROM public.bench_orders o
  LEFT JOIN LATERAL (SELECT name FROM public.bench_owners WHERE id = o.owner_id) w ON true
  LEFT JOIN LATERAL (SELECT json_agg(l) AS bench_lines FROM (SELECT product, qty FROM public.bench_lines WHERE order_id = o.id) l) l ON true
  WHERE o.state = 's' || :c ORDER BY o.placed_at DESC LIMIT 20) x;`,
		}, {
			name:     "20 rows, exact count",
			requests: each(50, http.MethodGet, "/bench_items?category=eq.c%d&qty=gte.10&order=created_at.desc&limit=20", "count=exact", ""),
			statement: `\set c random(0, 49)
\set q 10
WITH page AS (SELECT * ` + listFilter + ` ORDER BY created_at DESC LIMIT 20), every AS (SELECT 1 ` + listFilter + `)
SELECT (SELECT count(*) FROM every), coalesce(json_agg(page), '[]') FROM page;`,
		}, {
			name:     "insert returning",
			floor:    true,
			requests: each(9, http.MethodPost, "/bench_items", "return=representation", `{"name":"new","category":"c1","price":1.5,"qty":%d}`),
			statement: `\set q random(1, 9)
WITH x AS (INSERT INTO public.bench_copy (name, category, price, qty)
SELECT name, category, price, qty FROM json_to_record(('{"name":"new","category":"c1","price":1.5,"qty":' || :q || '}')::json) AS r(name text, category text, price numeric, qty int) RETURNING *)
SELECT coalesce(json_agg(x), '[]') FROM x;`,
		}, {
			name:  "the user signed in",
			floor: true,
			requests: func(url, token string) [][]byte {
				return [][]byte{wire(url, http.MethodGet, currentPath, token, "", "")}
			},
		},
	}
}

// each makes n requests that differ by a number in the path or the body.
func each(n int, method, path, prefer, body string) func(url, token string) [][]byte {
	return func(url, token string) [][]byte {
		all := make([][]byte, n)
		for i := range all {
			number := i * 7 % n // neighbours do not share pages
			p, b := path, body
			if b == "" {
				p = fmt.Sprintf(path, number)
			} else {
				b = fmt.Sprintf(body, number)
			}
			all[i] = wire(url, method, "/api/database/records"+p, token, prefer, b)
		}
		return all
	}
}
