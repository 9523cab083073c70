package rawsql_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/database/rawsql"
)

// Every role may change its own password and settings, and SQL that leaves the
// caller's role can reach the login's: the product would be locked out.
func TestTheLoginCannotBeTamperedWith(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	p.OK(p.run(`CREATE TABLE public.t (a int);
		CREATE FUNCTION public.leave(sql text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
		BEGIN EXECUTE 'RESET ROLE'; EXECUTE sql; EXECUTE 'SET ROLE project_admin'; RETURN 1; END $$;
		CREATE SEQUENCE public.tries;
		-- Claims once that it must run outside of a transaction.
		CREATE FUNCTION public.lie(sql text) RETURNS int LANGUAGE plpgsql AS $$
		BEGIN
		  IF nextval('public.tries') < 2 THEN RAISE EXCEPTION 'VACUUM cannot run inside a transaction block' USING ERRCODE = '25001'; END IF;
		  RETURN public.leave(sql);
		END $$;
		CREATE FUNCTION public.vacuum(sql text) RETURNS int LANGUAGE plpgsql AS $$
		BEGIN
		  IF nextval('public.tries') < 2 THEN EXECUTE 'VACUUM'; END IF;
		  RETURN public.leave(sql);
		END $$;
		CREATE FUNCTION public.late() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM public.leave(NEW.a); RETURN NULL; END $$;
		CREATE TABLE public.trap (a text);
		CREATE CONSTRAINT TRIGGER late AFTER INSERT ON public.trap DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.late()`), http.StatusOK)
	const state = `SELECT md5((SELECT array_agg(a ORDER BY oid) FROM pg_authid a)::text || coalesce((SELECT array_agg(s ORDER BY s::text) FROM pg_db_role_setting s)::text, ''))`
	before := dbtest.Value[string](p.Product, state)
	for _, alter := range []string{
		`ALTER ROLE insforge_authenticator PASSWORD 'x'`,
		`ALTER ROLE insforge_authenticator SET work_mem = '5MB'`,
		`ALTER ROLE insforge_authenticator RESET ALL`,
		`ALTER ROLE CURRENT_USER IN DATABASE ` + dbtest.Value[string](p.Product, `SELECT current_database()`) + ` SET role = 'project_admin'`,
	} {
		quoted := `'` + strings.ReplaceAll(alter, `'`, `''`) + `'`
		for _, sql := range []string{
			`DO $$ BEGIN RESET ROLE; ` + alter + `; END $$`,
			`DO $$ BEGIN RESET ROLE; ` + alter + `; SET ROLE project_admin; END $$; SELECT 1`,
			`DO $$ BEGIN RESET ROLE; ` + alter + `; COMMIT; END $$`,
			`SELECT public.leave(` + quoted + `)`,
			`SELECT public.lie(` + quoted + `)`,
			`SELECT public.vacuum(` + quoted + `)`,
			`ALTER TABLE public.t ADD b int DEFAULT public.lie(` + quoted + `)`,
			`CREATE INDEX ON public.t ((public.leave(` + quoted + `)))`,
			`CREATE INDEX CONCURRENTLY ON public.t ((a + public.leave(` + quoted + `)))`,
			`INSERT INTO public.trap VALUES (` + quoted + `)`,
		} {
			p.Exec(`SELECT setval('public.tries', 1, false); DELETE FROM public.t; INSERT INTO public.t VALUES (1)`)
			if a := p.run(sql); a.Status == http.StatusOK {
				t.Errorf("%s: got %s, want a refusal", sql, a.Text)
			}
			if dbtest.Value[string](p.Product, state) != before {
				t.Fatalf("%s: a role has changed", sql)
			}
		}
	}
	p.OK(p.run(`ALTER TABLE public.t ADD c int; GRANT SELECT ON public.t TO anon; CREATE SCHEMA s; CREATE POLICY p ON public.t TO anon USING (true);
		ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO anon`), http.StatusOK)
}
