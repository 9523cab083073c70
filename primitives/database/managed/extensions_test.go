package managed_test

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
	"github.com/jackc/pgx/v5"
)

// allowed are the extensions of our server that the project's admin creates.
// Postgres marks them as trusted, and the bundle does so for vector.
var allowed = []string{
	"btree_gin", "btree_gist", "citext", "cube", "dict_int", "fuzzystrmatch", "hstore", "intarray", "isn", "lo", "ltree",
	"pg_trgm", "pgcrypto", "plpgsql", "seg", "tablefunc", "tcn", "tsm_system_rows", "tsm_system_time", "unaccent",
	"uuid-ossp", "vector",
}

func TestTheAdminCreatesTheExtensionsThatAreAllowed(t *testing.T) {
	t.Parallel()
	db := start(t)
	admin, user := connect(t, db, "project_admin"), connect(t, db, "authenticated")
	var names []string
	err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		rows, err := tx.Query(t.Context(), `SELECT name::text FROM pg_available_extensions ORDER BY name COLLATE "C"`)
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var created []string
	for _, name := range names {
		sql := `CREATE EXTENSION IF NOT EXISTS ` + quote.Identifier(name)
		if name != "plpgsql" && name != "pgcrypto" && name != "pg_stat_statements" { // there already
			user.refused("42501", sql)
		}
		err := admin.run(sql + ` CASCADE`)
		if err == nil {
			created = append(created, name)
			continue
		}
		if pg.State(err) != "42501" || !strings.Contains(err.Error(), "permission denied to create extension") {
			t.Errorf("%s: got %v, want that the permission is denied", name, err)
		}
	}
	// This one is in the database when the product made it.
	created = slices.DeleteFunc(created, func(name string) bool { return name == "pg_stat_statements" })
	want := allowed
	if runtime.GOOS != "linux" { // see vectors
		want = want[:len(want)-1]
	}
	if diff := cmp.Diff(want, created); diff != "" {
		t.Errorf("extensions of the admin: -want +got\n%s", diff)
	}
	for _, sql := range []string{
		`ALTER EXTENSION pgcrypto SET SCHEMA auth`, `DROP EXTENSION pgcrypto`, `DROP EXTENSION plpgsql CASCADE`,
		`ALTER EXTENSION ltree ADD TABLE auth.users`, `ALTER EXTENSION hstore ADD FUNCTION auth.uid()`,
		`CREATE FUNCTION public.run(text) RETURNS int LANGUAGE c AS 'libc', 'system'`, `LOAD 'dblink'`,
		`CREATE FOREIGN DATA WRAPPER w`,
	} {
		admin.refused("42501", sql)
	}
	admin.must(`DROP EXTENSION citext; CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; DROP EXTENSION hstore CASCADE`)
}

// shop has a table of vectors that users read under a policy, a function that
// orders it by distance, and indexes of each kind.
const shop = `
	CREATE EXTENSION vector;
	CREATE TABLE public.items (
	  id int PRIMARY KEY, owner uuid, name text, embedding vector(3), half halfvec(3), bits bit(3), few sparsevec(3));
	ALTER TABLE public.items ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON public.items TO authenticated USING (owner = (SELECT auth.uid())) WITH CHECK (owner = (SELECT auth.uid()));
	CREATE FUNCTION public.nearest(query vector, n int) RETURNS SETOF public.items LANGUAGE sql STABLE
	  BEGIN ATOMIC SELECT * FROM public.items ORDER BY embedding <-> query LIMIT n; END;
	INSERT INTO public.items (id, owner, name, embedding, half, bits, few)
	SELECT i, CASE WHEN i % 2 = 0 THEN '` + alice + `' ELSE '` + bob + `' END::uuid, 'item ' || i,
	       ARRAY[i, i % 7, 1]::real[]::vector, ARRAY[i, 1, 1]::real[]::halfvec, (i % 8)::bit(3), '{1:1}/3'
	  FROM generate_series(1, 2000) i;
	CREATE INDEX items_hnsw ON public.items USING hnsw (embedding vector_l2_ops);
	CREATE INDEX items_cosine ON public.items USING hnsw (embedding vector_cosine_ops);
	CREATE INDEX items_half ON public.items USING hnsw (half halfvec_ip_ops);
	CREATE INDEX items_bits ON public.items USING hnsw (bits bit_hamming_ops);
	CREATE INDEX items_few ON public.items USING hnsw (few sparsevec_l2_ops);
	CREATE INDEX items_lists ON public.items USING ivfflat (embedding vector_ip_ops) WITH (lists = 10);
	ANALYZE public.items;`

// vectors is a database whose server has vector, and a session of the admin. On
// systems for which the bundle has none it makes sure of that and returns false.
func vectors(t *testing.T) (*pg.DB, session, bool) {
	t.Helper()
	db := start(t)
	admin := connect(t, db, "project_admin")
	if runtime.GOOS != "linux" {
		admin.refused("0A000", `CREATE EXTENSION vector`) // not available
		return nil, session{}, false
	}
	return db, admin, true
}

func TestVectorsWorkFromSQLToTheRecordLayer(t *testing.T) {
	t.Parallel()
	db, admin, ok := vectors(t)
	if !ok {
		return
	}
	admin.must(shop)
	if got := admin.query(`SELECT concat_ws(' ', '[1,2,3]'::vector <-> '[1,2,5]', '[1,0]'::vector <=> '[0,1]', '[1,2]'::vector <#> '[3,4]',
		'[1,2]'::vector <+> '[3,5]', vector_dims('[1,2,3]'::vector), avg(v)) FROM (VALUES ('[1,3]'::vector), ('[3,5]')) x (v)`); got != "2 1 -11 5 3 [2,4]" {
		t.Errorf("got %s of the operators", got)
	}
	for index, order := range map[string]string{
		"items_hnsw": `embedding <-> '[5,5,1]'`, "items_cosine": `embedding <=> '[5,5,1]'`, "items_half": `half <#> '[5,5,1]'`,
		"items_bits": `bits <~> '101'`, "items_few": `few <-> '{1:1}/3'`,
	} {
		var plan strings.Builder
		results, err := admin.conn.Exec(t.Context(), `EXPLAIN SELECT id FROM public.items ORDER BY `+order+` LIMIT 3`).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range results[0].Rows {
			plan.Write(row[0])
		}
		if !strings.Contains(plan.String(), "Index Scan using "+index) {
			t.Errorf("ORDER BY %s does not use %s: %s", order, index, plan.String())
		}
	}
	admin.refused("22000", `INSERT INTO public.items (id, embedding) VALUES (0, '[1,2]')`) // another dimension

	// The nearest of alice's own, whose ids are even.
	p := serve(t, db)
	for _, test := range []struct{ method, path, body, want string }{
		{"POST", "/rpc/nearest?select=id", `{"query":[6,6,1],"n":1}`, `[{"id":6}]`},
		{"POST", "/rpc/nearest?select=id", `{"query":"[6,6,1]","n":1}`, `[{"id":6}]`},
		{"GET", "/rpc/nearest?select=id,embedding&n=1&query=%5B8,1,1%5D", ``, `[{"id":8,"embedding":"[8,1,1]"}]`},
		{"GET", "/records/items?select=id&embedding=eq.%5B8,1,1%5D", ``, `[{"id":8}]`},
		{"GET", "/records/items?select=id&embedding=gte.%5B1999,0,0%5D&order=embedding.desc&limit=1", ``, `[{"id":2000}]`},
		{"POST", "/records/items?select=id,embedding,few", `{"id":3000,"owner":"` + alice + `","embedding":[1,2.5,3],"few":"{2:1.5}/3"}`, `[]`},
		{"GET", "/records/items?select=id,embedding,few&id=eq.3000", ``, `[{"id":3000,"embedding":"[1,2.5,3]","few":"{2:1.5}/3"}]`},
	} {
		if a := p.CallAs(resttest.UserToken, test.method, test.path, test.body); a.Text != test.want {
			t.Errorf("%s %s %s: got %d %s, want %s", test.method, test.path, test.body, a.Status, a.Text, test.want)
		}
	}
	if a := p.Call(http.MethodGet, "/tables/items/schema", ""); !strings.Contains(a.Text, `"columnName":"embedding","type":"vector"`) {
		t.Errorf("got %s as the table's description", a.Text)
	}
	a := p.Call(http.MethodPost, "/advance/rawsql", `{"query":"SELECT id, embedding FROM items ORDER BY embedding <-> $1 LIMIT 1","params":["[7,0,1]"]}`)
	if rows := `"rows":[{"id":7,"embedding":"[7,0,1]"}]`; !strings.Contains(a.Text, rows) {
		t.Errorf("got %s of raw SQL, want %s", a.Text, rows)
	}
}

// TestAParallelBuildStaysInsideItsMemory is CVE-2026-3172: with so little
// memory allowed, the build wrote past the shared memory that it had reserved.
func TestAParallelBuildStaysInsideItsMemory(t *testing.T) {
	t.Parallel()
	_, admin, ok := vectors(t)
	if !ok {
		return
	}
	admin.must(`
		CREATE EXTENSION vector;
		CREATE TABLE public.points (id int, v vector(64)) WITH (parallel_workers = 2);
		INSERT INTO public.points SELECT i, (SELECT array_agg((i * k) % 97) FROM generate_series(1, 64) k)::real[]::vector FROM generate_series(1, 3000) i;
		SET maintenance_work_mem = '64kB'; SET max_parallel_maintenance_workers = 2;
		CREATE INDEX points_v ON public.points USING hnsw (v vector_l2_ops)`)
	admin.must(`SET enable_seqscan = off`)
	if got := admin.query(`SELECT id % 97 FROM public.points ORDER BY v <-> (SELECT v FROM public.points WHERE id = 42) LIMIT 1`); got != "42" {
		t.Errorf("got %s as the nearest of 42", got)
	}
}
