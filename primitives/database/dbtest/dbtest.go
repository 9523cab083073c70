// Package dbtest is what tests of the database's routes share beyond resttest:
// running SQL as the owner and as the project's administrator, besides
// requests.
//
//	p := dbtest.New(t, db, service.Mount)
package dbtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
	"github.com/jackc/pgx/v5"
)

// Prefix is where the routes are mounted.
const Prefix = "/api/database"

// LeavesLimits is SQL that leaves time limits and other settings, and fails if
// they are in force at the commit, when it can look: in code that was deferred
// once more.
const LeavesLimits = `
	CREATE TABLE public.late (n int);
	CREATE FUNCTION public.late() RETURNS trigger LANGUAGE plpgsql AS $f$
	BEGIN
	  IF NEW.n = 1 THEN
	    SET CONSTRAINTS ALL DEFERRED;
	    INSERT INTO public.late VALUES (2);
	    EXECUTE 'SET statement_timeout = ''1h''';
	  ELSIF current_setting('statement_timeout') = '1h' OR current_setting('lock_timeout') = '1h' OR current_setting('work_mem') = '77MB' THEN
	    RAISE EXCEPTION 'the commit has the settings of the SQL';
	  END IF;
	  RETURN NULL;
	END $f$;
	CREATE CONSTRAINT TRIGGER late AFTER INSERT ON public.late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.late();
	INSERT INTO public.late VALUES (1);
	SET lock_timeout = '1h'; SET work_mem = '77MB'`

// LimitsItself is SQL that is stopped by its own limit. Postgres calls it a
// "user request" when the time is over between two statements.
const LimitsItself = `DO $$ BEGIN EXECUTE 'SET statement_timeout = 1'; END $$; SELECT pg_sleep(600)`

// MakesPartition is SQL that makes a table of the name with row-level security
// and gives it a partition, <name>_1.
func MakesPartition(name string) string {
	return strings.ReplaceAll(`CREATE TABLE public.t (id int) PARTITION BY RANGE (id); ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;
		CREATE TABLE public.t_1 PARTITION OF public.t FOR VALUES FROM (1) TO (2);`, "public.t", "public."+name)
}

// RowSecurity complains unless row-level security is on for a table of schema
// public.
func (p Product) RowSecurity(table string) {
	p.T.Helper()
	if !Value[bool](p, `SELECT relrowsecurity FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = $1`, table) {
		p.T.Errorf("row-level security of %s is off", table)
	}
}

// Product is mounted routes on their own database.
type Product struct {
	resttest.Client
	DB *pg.DB
}

// New returns a Product of the routes that mount registers below Prefix. Its
// database gives the project's administrator the rights on it that the
// migrations do: those of the database itself are not copied from a template.
func New(t testing.TB, db *pg.DB, mount func(rest.Router)) Product {
	t.Helper()
	p := Product{Client: resttest.New(t, Prefix, mount), DB: db}
	p.Exec(`DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO project_admin', current_database()); END $$`)
	return p
}

// Exec runs SQL as the owner of the database.
func (p Product) Exec(sql string, args ...any) {
	p.T.Helper()
	err := p.DB.AsOwner(context.Background(), func(tx pg.Tx) error {
		_, err := tx.Exec(context.Background(), sql, args...)
		return err
	})
	if err != nil {
		p.T.Fatalf("%s: %v", sql, err)
	}
}

// ExecAdmin runs SQL as the project's administrator.
func (p Product) ExecAdmin(sql string) {
	p.T.Helper()
	ctx := identity.With(context.Background(), identity.NewAdmin(identity.Admin, resttest.AdminActor))
	err := p.DB.As(ctx, func(tx pg.Tx) error {
		_, err := tx.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	})
	if err != nil {
		p.T.Fatalf("%s: %v", sql, err)
	}
}

// Value returns what a query of one row and column returns to the owner.
func Value[T any](p Product, sql string, args ...any) (v T) {
	p.T.Helper()
	err := p.DB.AsOwner(context.Background(), func(tx pg.Tx) error {
		return tx.QueryRow(context.Background(), sql, args...).Scan(&v)
	})
	if err != nil {
		p.T.Fatalf("%s: %v", sql, err)
	}
	return v
}

// Announced returns the events that a subscription has heard since the last
// call. Publishing happens before the answer is written, so none is waited for.
func Announced(news *events.Subscription) (all []events.Event) {
	for {
		select {
		case e := <-news.C():
			all = append(all, e)
		default:
			return all
		}
	}
}

// WaitFor waits until a query of one boolean is true for the owner.
func (p Product) WaitFor(sql string) {
	p.T.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !Value[bool](p, sql) {
		if time.Now().After(deadline) {
			p.T.Fatalf("not so after two minutes: %s", sql)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
