package pg_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
)

// atOnce runs statements as the project's administrator in one round trip.
func atOnce(ctx context.Context, db *pg.DB, statements ...string) error {
	var b pgx.Batch
	for _, sql := range statements {
		b.Queue(sql)
	}
	return db.AsProjectAtOnce(ctx, &b)
}

// open lets the project's administrator use the table public.log.
func open(t testing.TB, db *pg.DB) {
	t.Helper()
	owner(t, db, `GRANT ALL ON public.log TO project_admin`)
}

// A connection that was idle for a second is asked whether it still answers,
// which counts too: of a few runs, the one with the fewest counts.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	db, roundTrips := pgtest.Counted(t, pgtest.New(t))
	statement := func(tx pg.Tx) error {
		var n int
		return tx.QueryRow(t.Context(), `SELECT $1::int`, 1).Scan(&n)
	}
	for _, tt := range []struct {
		name string
		run  func() error
		want int
	}{
		{"the owner", func() error { return db.AsOwner(t.Context(), statement) }, 3},
		{"a caller, whose statement is described each time", func() error { return db.As(t.Context(), statement) }, 4},
		{"the project", func() error { return db.AsProject(t.Context(), statement) }, 3},
		{"the project, at once", func() error { return atOnce(t.Context(), db, `SELECT 1`, `SELECT 2`) }, 1},
	} {
		fewest := 1000
		for range 5 {
			before := roundTrips()
			if err := tt.run(); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			fewest = min(fewest, roundTrips()-before)
		}
		if fewest != tt.want {
			t.Errorf("%s: got %d round trips, want %d", tt.name, fewest, tt.want)
		}
	}
}

func TestTheProjectActsForAnyCaller(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	type seen struct{ Current, Claims, Name string }
	const q = `SELECT current_user, current_setting('request.jwt.claims', true), current_setting('application_name')`
	want := seen{"project_admin", `{"role":"project_admin"}`, "insforge req-1"}
	ctx := identity.WithCall(as(t, identity.NewUser(userID, "u@x.co", nil)), identity.Call{RequestID: "req-1"})
	var got seen
	read := func(row pgx.Row) error { return row.Scan(&got.Current, &got.Claims, &got.Name) }
	for range 2 { // prepared and to be prepared
		var b pgx.Batch
		b.Queue(q).QueryRow(read)
		if err := db.AsProjectAtOnce(ctx, &b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("at once: -want +got\n%s", diff)
		}
	}
	if err := db.AsProject(ctx, func(tx pg.Tx) error { return read(tx.QueryRow(ctx, q)) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in a transaction: -want +got\n%s", diff)
	}
	conn, err := db.AcquireCaller(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if err := read(conn.QueryRow(t.Context(), q)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(seen{pg.Authenticator, "", "insforge"}, got); diff != "" {
		t.Errorf("afterwards: -want +got\n%s", diff)
	}
}

func TestABatchIsDoneWhollyOrNotAtAll(t *testing.T) {
	t.Parallel()
	db := logged(t)
	open(t, db)
	owner(t, db, `CREATE TABLE public.once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)`, `GRANT ALL ON public.once TO project_admin`)
	if err := atOnce(t.Context(), db, `INSERT INTO public.log VALUES (1)`, `INSERT INTO public.log VALUES (2)`); err != nil {
		t.Fatal(err)
	}
	err := atOnce(t.Context(), db, `INSERT INTO public.log VALUES (1)`, `SELECT 1/0`, `INSERT INTO public.log VALUES (1)`)
	if pg.State(err) != "22012" || pg.Gone(err) {
		t.Errorf("got %v, want a division by zero", err)
	}
	err = atOnce(t.Context(), db, `INSERT INTO public.once VALUES (1), (1)`, `INSERT INTO public.log VALUES (1)`)
	if pg.State(err) != "23505" {
		t.Errorf("got %v, want what the commit found", err)
	}
	if err := atOnce(t.Context(), db, `INSERT INTO public.log VALUES (1)`, `SELECT FROM public.nowhere`); pg.State(err) != "42P01" {
		t.Errorf("got %v, want an undefined table", err)
	}
	if n := count(t, db, "public.log"); n != 2 {
		t.Errorf("got %d rows, want those of the first two statements", n)
	}
	var b pgx.Batch
	b.Queue(`INSERT INTO public.log VALUES (1)`).Exec(func(pgconn.CommandTag) error { return errOurs })
	if err := db.AsProjectAtOnce(t.Context(), &b); !errors.Is(err, errOurs) {
		t.Errorf("got %v, want what the function returned", err)
	}
	if n := count(t, db, "public.log"); n != 3 {
		t.Errorf("got %d rows, want one more", n)
	}
}

// Others use the same connections, and migrations change the tables.
func TestStaleStatementsArePreparedAgain(t *testing.T) {
	t.Parallel()
	db := logged(t)
	open(t, db)
	var got []string
	run := func() {
		t.Helper()
		var b pgx.Batch
		b.Queue(`SELECT n FROM public.log`).QueryRow(func(row pgx.Row) error {
			var n string
			if err := row.Scan(&n); err != nil {
				return err
			}
			got = append(got, n)
			return nil
		})
		if err := db.AsProjectAtOnce(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	owner(t, db, `ALTER TABLE public.log ALTER n TYPE text`, `INSERT INTO public.log VALUES ('a')`)
	run()
	conn, err := db.AcquireCaller(t.Context())
	if err == nil {
		_, err = conn.Exec(t.Context(), `DEALLOCATE ALL`)
		conn.Release()
	}
	if err != nil {
		t.Fatal(err)
	}
	run()
	owner(t, db, `ALTER TABLE public.log ALTER n TYPE varchar(7)`)
	run()
	if diff := cmp.Diff([]string{"a", "a", "a"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestABatchOnABrokenConnectionIsReported(t *testing.T) {
	t.Parallel()
	db := logged(t)
	open(t, db)
	if err := atOnce(t.Context(), db, `INSERT INTO public.log VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	conn, err := db.AcquireCaller(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pid := conn.Conn().PgConn().PID()
	conn.Release()
	kill(t, db, pid)
	if err := atOnce(t.Context(), db, `INSERT INTO public.log VALUES (1)`); err != nil && !pg.Gone(err) {
		t.Errorf("got %v, want a lost database", err) // or none, when the pool noticed
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := atOnce(ctx, db, `INSERT INTO public.log VALUES (1)`); !errors.Is(err, context.Canceled) || pg.Gone(err) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// A setting that a session was left with must not make SQL of claims.
func TestClaimsAreTextUnderEverySetting(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn, err := db.AcquireCaller(t.Context())
	if err == nil {
		_, err = conn.Exec(t.Context(), `SET standard_conforming_strings = off; SET backslash_quote = on; SET bytea_output = escape`)
		conn.Release()
	}
	if err != nil {
		t.Fatal(err)
	}
	who := identity.NewUser(userID, "", map[string]any{"name": `\'; SET ROLE postgres; -- ' "ü" 😀 $$ %s \u0000`})
	var claims, user string
	err = db.As(as(t, who), func(tx pg.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT current_setting('request.jwt.claims'), current_user`).Scan(&claims, &user)
	})
	if err != nil || claims != who.Claims || user != "authenticated" {
		t.Errorf("got %s as %s (%v), want %s", claims, user, err, who.Claims)
	}
}
