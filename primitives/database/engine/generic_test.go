package engine_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// planUses are views on what the session that runs them has planned; requests
// that come one after the other share it.
const planUses = `
	CREATE VIEW public.plan_uses AS
	SELECT coalesce(sum(generic_plans), 0) AS generic FROM pg_prepared_statements WHERE statement LIKE '%"public"."items"%';
	GRANT SELECT ON public.plan_uses TO anon, authenticated;
	CREATE TABLE public.items (id int PRIMARY KEY, kind text NOT NULL, n int NOT NULL, made timestamptz NOT NULL);
	CREATE INDEX items_kind_made ON public.items (kind, made DESC);
	GRANT SELECT ON public.items TO anon, authenticated;`

func (s *site) genericUses() int {
	s.Helper()
	r := s.do(http.MethodGet, "/plan_uses?select=generic", "")
	var rows []struct{ Generic int }
	if err := json.Unmarshal([]byte(r.body), &rows); err != nil || len(rows) != 1 {
		s.Fatalf("got %d %s", r.status, r.body)
	}
	return rows[0].Generic
}

func TestAListWhosePlanFitsAllValuesIsPlannedOnce(t *testing.T) {
	t.Parallel()
	s := start(t, planUses+`
		INSERT INTO public.items SELECT i, 'k' || i % 50, i % 100, now() - i * interval '1 minute' FROM generate_series(1, 20000) i;
		ANALYZE public.items;`)
	ask := func(i int) {
		s.Helper()
		path := fmt.Sprintf("/items?select=id,kind,n&kind=eq.k%d&n=gte.%d&order=made.desc&limit=2", i%50, i%50)
		r := s.do(http.MethodGet, path, "")
		if want := fmt.Sprintf(`"kind":"k%d"`, i%50); r.status != http.StatusOK || strings.Count(r.body, want) != 2 ||
			!strings.Contains(r.body, fmt.Sprintf(`"id":%d,`, firstWith(i%50, i%50))) {
			s.Fatalf("%s: got %d %s", path, r.status, r.body)
		}
	}
	i := 0
	s.until("a generic plan", func() bool {
		for range 16 {
			i++
			ask(i)
		}
		return s.genericUses() > 0
	})
	// Then every request uses it, with the right answers. While a sample is
	// explained requests run on another connection, whose uses are not seen.
	s.until("every request uses the generic plan", func() bool {
		before := s.genericUses()
		for range 20 {
			i++
			ask(i)
		}
		return s.genericUses()-before == 20
	})
	// A new schema has to prove itself again.
	s.sql(`DROP INDEX public.items_kind_made; NOTIFY pgrst, 'reload schema'`)
	if err := s.engine.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask(7)
}

// firstWith is the id of the newest item of a kind whose n is at least least.
func firstWith(kind, least int) int {
	for id := 1; ; id++ {
		if id%50 == kind && id%100 >= least {
			return id
		}
	}
}

func TestAListWhosePlanDependsOnTheValueIsPlannedEachTime(t *testing.T) {
	t.Parallel()
	// Nearly all rows are of one kind: for that one an index does not help,
	// while for any kind on average it does.
	s := start(t, planUses+`
		INSERT INTO public.items SELECT i, CASE WHEN i % 1000 = 0 THEN 'k' || i ELSE 'common' END, 0, now() FROM generate_series(1, 50000) i;
		ANALYZE public.items;`)
	ask := func() {
		s.Helper()
		if r := s.do(http.MethodGet, "/items?select=id&kind=eq.common&n=gte.1", ""); r.status != http.StatusOK || r.body != "[]" {
			t.Fatalf("got %d %s", r.status, r.body)
		}
	}
	// Postgres itself takes the generic plan after a few requests, because its
	// estimate is lower. Once the difference is known that ends.
	s.until("requests are planned by themselves", func() bool {
		for range 20 {
			ask()
		}
		before := s.genericUses()
		for range 5 {
			ask()
		}
		return s.genericUses() == before
	})
	before := s.genericUses()
	for range 100 {
		ask()
	}
	if got := s.genericUses() - before; got > 0 { // another connection has had fewer
		t.Errorf("got %d uses of the generic plan for 100 requests, want none", got)
	}
}
