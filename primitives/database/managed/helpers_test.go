package managed_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// ledger is a table with an index on the column that its policy compares, and
// 50 rows for each of 1,000 users.
const ledger = `
	CREATE TABLE public.ledger (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid NOT NULL, amount int NOT NULL);
	INSERT INTO public.ledger (user_id, amount)
	SELECT CASE i % 1000 WHEN 0 THEN '` + alice + `' ELSE '00000000-0000-0000-0000-' || lpad(to_hex(i % 1000), 12, '0') END::uuid, i
	  FROM generate_series(1, 50000) i;
	CREATE INDEX ledger_user_idx ON public.ledger (user_id);
	ALTER TABLE public.ledger ENABLE ROW LEVEL SECURITY;`

// explain returns the plan of a query for a signed-in user.
func explain(t testing.TB, db *pg.DB, query string) string {
	t.Helper()
	var plan []string
	ctx := as(t, alice)
	err := db.As(ctx, func(tx pg.Tx) error {
		rows, err := tx.Query(ctx, `EXPLAIN (VERBOSE, COSTS OFF) `+query)
		if err != nil {
			return err
		}
		plan, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return strings.Join(plan, "\n")
}

// as is a context of the signed-in user with this id.
func as(t testing.TB, id string) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.NewUser(id, "u@example.com", nil))
}

func TestThePlannerSeesThroughTheHelpers(t *testing.T) {
	t.Parallel()
	db := start(t)
	owner(t, db, ledger+`
		CREATE POLICY own ON public.ledger USING (user_id = (SELECT auth.uid()));
		CREATE TABLE public.plain (LIKE public.ledger INCLUDING ALL);
		INSERT INTO public.plain (user_id, amount) SELECT user_id, amount FROM public.ledger;
		ALTER TABLE public.plain ENABLE ROW LEVEL SECURITY;
		CREATE POLICY own ON public.plain USING (user_id = auth.uid());
		ANALYZE public.ledger; ANALYZE public.plain`)
	plan := explain(t, db, `SELECT amount FROM public.ledger`)
	for _, want := range []string{"InitPlan 1", "Index", "ledger_user_idx", "(ledger.user_id = (InitPlan 1).col1)"} {
		if !strings.Contains(plan, want) {
			t.Errorf("(select auth.uid()): the plan lacks %q:\n%s", want, plan)
		}
	}
	plan = explain(t, db, `SELECT amount FROM public.plain`)
	for _, want := range []string{"Index Cond: (plain.user_id = ", "current_setting("} {
		if !strings.Contains(plan, want) {
			t.Errorf("auth.uid(): the plan lacks %q:\n%s", want, plan)
		}
	}
	for _, helper := range []string{"uid", "role", "email", "jwt"} {
		plan := explain(t, db, `SELECT auth.`+helper+`(), amount FROM public.ledger`)
		if strings.Contains(plan, "auth."+helper) || !strings.Contains(plan, "current_setting") {
			t.Errorf("auth.%s() is not inlined:\n%s", helper, plan)
		}
	}
	marks := value[string](t, db, `
		SELECT string_agg(concat_ws(' ', proname, provolatile, proparallel, prosecdef), ', ' ORDER BY proname)
		  FROM pg_proc WHERE pronamespace = 'auth'::regnamespace AND proname IN ('uid', 'role', 'email', 'jwt')`)
	if want := "email s s f, jwt s s f, role s s f, uid s s f"; marks != want {
		t.Errorf("got %s, want stable, parallel safe, invoker: %s", marks, want)
	}
}

func TestTheHelpersReadTheClaims(t *testing.T) {
	t.Parallel()
	db := start(t)
	for _, role := range []string{"anon", "authenticated", "project_admin"} {
		s := connect(t, db, role)
		for _, test := range []struct{ claims, query, want string }{
			{"", `auth.uid()`, ""}, {"", `auth.role()`, ""}, {"", `auth.email()`, ""}, {"", `auth.jwt()`, ""},
			{`{}`, `auth.uid()`, ""}, {`{"sub":null}`, `auth.uid()`, ""}, {`{"sub":""}`, `auth.uid()`, ""},
			{`{"sub":"` + alice + `","role":"authenticated","email":"a@b.c"}`, `concat_ws(' ', auth.uid(), auth.role(), auth.email())`, alice + " authenticated a@b.c"},
			{`{"sub":"user_2x"}`, `auth.jwt() ->> 'sub'`, "user_2x"},
			{`{"sub":"x","user":{"sub":"x"},"sub":"` + alice + `"}`, `auth.uid()`, alice},
			{`{"user":{"sub":"` + alice + `"}}`, `auth.uid()`, ""}, {`[{"sub":"` + alice + `"}]`, `auth.uid()`, ""},
			{`"sub"`, `auth.uid()`, ""}, {`null`, `auth.uid()`, ""}, {`{"role":"\u0061non"}`, `auth.role()`, "anon"},
		} {
			s.must(`SELECT set_config('request.jwt.claims', '` + test.claims + `', false)`)
			if got := s.query(`SELECT ` + test.query); got != test.want {
				t.Errorf("%s with claims %s: got %q, want %q", test.query, test.claims, got, test.want)
			}
		}
		s.must(`RESET request.jwt.claims`)
		s.must(`SELECT 1 / (auth.uid() IS NULL AND auth.jwt() IS NULL)::int`)
		for _, unreadable := range []string{`{"sub":"user_2x"}`, `{"sub":`, `{"sub":"` + alice + `"} x`, `sub`, ` `} {
			s.must(`SELECT set_config('request.jwt.claims', '` + unreadable + `', false)`)
			s.refused("22P02", `SELECT auth.uid()`)
		}
	}
}

// BenchmarkPolicy compares a policy with the same condition on a parameter, for
// a user of 50 rows and for one of a single row: the metric policy/parameter
// is the ratio of their medians, and should stay below 1.1. The two take turns
// at going first, so that other work on the machine slows both, and share a
// caller and a connection: where the scheduler puts the processes of two
// connections matters more than a policy does.
func BenchmarkPolicy(b *testing.B) {
	db := start(b)
	owner(b, db, ledger+`
		INSERT INTO public.ledger (user_id, amount) VALUES ('`+single+`', 1);
		CREATE TABLE public.free (LIKE public.ledger INCLUDING ALL);
		INSERT INTO public.free (user_id, amount) SELECT user_id, amount FROM public.ledger ORDER BY id;
		CREATE POLICY own ON public.ledger USING (user_id = (SELECT auth.uid()))`)
	vacuum := connectOwner(b, db.OwnerDSN())
	vacuum.must(`VACUUM ANALYZE public.ledger`)
	vacuum.must(`VACUUM ANALYZE public.free`)
	for _, user := range []struct {
		id   string
		rows int64
	}{{alice, 50}, {single, 1}} {
		b.Run(fmt.Sprintf("rows=%d", user.rows), func(b *testing.B) {
			var with, without []time.Duration
			ctx := as(b, user.id)
			err := db.As(ctx, func(tx pg.Tx) error {
				turns := []func(){
					func() {
						with = append(with, timed(b, tx, user.rows, `SELECT count(*), sum(amount) FROM public.ledger`))
					},
					func() {
						without = append(without, timed(b, tx, user.rows, `SELECT count(*), sum(amount) FROM public.free WHERE user_id = $1`, user.id))
					},
				}
				for b.Loop() {
					turns[0]()
					turns[1]()
					slices.Reverse(turns)
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			slices.Sort(with)
			slices.Sort(without)
			middle := len(with) / 2
			b.ReportMetric(float64(with[middle].Nanoseconds()), "ns/policy")
			b.ReportMetric(float64(without[middle].Nanoseconds()), "ns/parameter")
			b.ReportMetric(float64(with[middle])/float64(without[middle]), "policy/parameter")
		})
	}
}

// single is a user with one row.
const single = "10000000-0000-0000-0000-000000000001"

// timed runs a query, which is prepared the first time, checks that it counted
// so many rows and returns how long it took.
func timed(b *testing.B, tx pg.Tx, want int64, sql string, args ...any) time.Duration {
	b.Helper()
	if _, err := tx.Prepare(b.Context(), sql, sql); err != nil {
		b.Fatal(err)
	}
	var rows, sum int64
	began := time.Now()
	if err := tx.QueryRow(b.Context(), sql, args...).Scan(&rows, &sum); err != nil {
		b.Fatal(err)
	}
	took := time.Since(began)
	if rows != want {
		b.Fatalf("got %d rows, want %d", rows, want)
	}
	return took
}
