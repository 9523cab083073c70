package catalog_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/database/catalog"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func start(t *testing.T) dbtest.Product {
	t.Helper()
	db := pgtest.New(t)
	return dbtest.New(t, db, catalog.New(catalog.Deps{DB: db}).Mount)
}

func TestOnlyAdminsReadTheCatalog(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, path := range []string{"/schemas", "/functions", "/indexes", "/policies", "/triggers"} {
		p.OnlyAdmins("GET", path, "")
		p.OK(p.CallAs(resttest.APIKey, "GET", path, ""), http.StatusOK)
	}
}

func TestTheSchemaParameterIsChecked(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, name := range []string{"functions", "indexes", "policies", "triggers"} {
		for query, code := range map[string]fault.Code{
			"schema=a&schema=b":                  fault.InvalidInput,
			"schema=pg_catalog":                  fault.InvalidInput,
			"schema=pg_temp_3":                   fault.InvalidInput,
			"schema=information_schema":          fault.InvalidInput,
			"schema=a%22b":                       fault.DatabaseValidationError,
			"schema=a%00b":                       fault.DatabaseValidationError,
			"schema=%ff":                         fault.DatabaseValidationError,
			"schema=" + strings.Repeat("s", 1e5): fault.DatabaseValidationError,
		} {
			p.Refused(p.Call("GET", "/"+name+"?"+query, ""), http.StatusBadRequest, code, "chema")
		}
		p.Equal(p.OK(p.Call("GET", "/"+name+"?schema=nowhere", ""), http.StatusOK).Body, `{"`+name+`":[]}`)
		p.Equal(p.OK(p.Call("GET", "/"+name+"?schema=x'%20OR%20true--", ""), http.StatusOK).Body, `{"`+name+`":[]}`)
	}
}

func TestSchemasAreSortedByWhatTheAdminMayDo(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`CREATE SCHEMA shop; CREATE SCHEMA "Übung"; CREATE TEMP TABLE t (n int)`)
	p.Exec(`CREATE SCHEMA a_foreign_one`)
	got := p.OK(p.Call("GET", "/schemas", ""), http.StatusOK)
	var open, closed []string
	for _, s := range resttest.Member(got.Body, "schemas").([]any) {
		name := resttest.Member(s, "name").(string)
		if resttest.Member(s, "isProtected").(bool) {
			closed = append(closed, name)
			continue
		}
		if len(closed) > 0 {
			t.Errorf("%s comes after protected schemas: %s", name, got.Text)
		}
		open = append(open, name)
	}
	if strings.Join(open, " ") != "public shop Übung" {
		t.Errorf("got writable schemas %v, want public, shop and Übung", open)
	}
	if names := strings.Join(closed, " "); !strings.HasPrefix(names, "a_foreign_one auth") || !strings.Contains(names, "system") {
		t.Errorf("got protected schemas %v, want a_foreign_one, auth, … and system", closed)
	}
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`
		CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql RETURN n * 2;
		CREATE FUNCTION twice(n text) RETURNS text LANGUAGE sql RETURN n || n;
		CREATE PROCEDURE nothing() LANGUAGE sql AS '';
		CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int);
		CREATE SCHEMA shop; CREATE FUNCTION shop.only_here() RETURNS int LANGUAGE sql RETURN 1`)
	p.Exec(`CREATE FUNCTION ranked() RETURNS bigint LANGUAGE internal WINDOW AS 'window_rank'; CREATE EXTENSION citext`)
	got := p.OK(p.Call("GET", "/functions", ""), http.StatusOK)
	functions := resttest.Member(got.Body, "functions").([]any)
	var all []string
	for _, f := range functions {
		all = append(all, resttest.Member(f, "functionName").(string)+" "+resttest.Member(f, "kind").(string))
	}
	// citext and pgcrypto live in public as well, but belong to extensions.
	if s := strings.Join(all, ", "); s != "nothing p, ranked w, twice f, twice f" {
		t.Errorf("got %s", s)
	}
	if def := resttest.Member(functions[2], "functionDef"); def != "CREATE OR REPLACE FUNCTION public.twice(n integer)\n RETURNS integer\n LANGUAGE sql\nRETURN (n * 2)\n" {
		t.Errorf("got definition %q", def)
	}
	shop := p.OK(p.Call("GET", "/functions?schema=shop", ""), http.StatusOK)
	if !strings.Contains(shop.Text, `"functionName":"only_here"`) || strings.Contains(shop.Text, "twice") {
		t.Errorf("got %s of schema shop", shop.Text)
	}
}

func TestIndexes(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`
		CREATE TABLE posts (id int PRIMARY KEY, slug text UNIQUE, body text);
		CREATE INDEX "By body" ON posts (lower(body)) WHERE slug IS NOT NULL;
		CREATE TABLE _hidden (id int PRIMARY KEY);
		CREATE MATERIALIZED VIEW m AS SELECT 1 AS n; CREATE UNIQUE INDEX m_n ON m (n)`)
	p.Equal(p.OK(p.Call("GET", "/indexes", ""), http.StatusOK).Body, `{"indexes":[
		{"tableName":"m","indexName":"m_n","indexDef":"CREATE UNIQUE INDEX m_n ON public.m USING btree (n)","isUnique":true,"isPrimary":false},
		{"tableName":"posts","indexName":"By body","indexDef":"CREATE INDEX \"By body\" ON public.posts USING btree (lower(body)) WHERE (slug IS NOT NULL)","isUnique":false,"isPrimary":false},
		{"tableName":"posts","indexName":"posts_pkey","indexDef":"CREATE UNIQUE INDEX posts_pkey ON public.posts USING btree (id)","isUnique":true,"isPrimary":true},
		{"tableName":"posts","indexName":"posts_slug_key","indexDef":"CREATE UNIQUE INDEX posts_slug_key ON public.posts USING btree (slug)","isUnique":true,"isPrimary":false}]}`)
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`
		CREATE TABLE todos (id int, user_id uuid);
		CREATE POLICY own ON todos TO authenticated, anon USING (user_id = auth.uid()) WITH CHECK (user_id = auth.uid());
		CREATE POLICY "add ""one""" ON todos AS RESTRICTIVE FOR INSERT WITH CHECK (true)`)
	p.Equal(p.OK(p.Call("GET", "/policies", ""), http.StatusOK).Body, `{"policies":[
		{"tableName":"todos","policyName":"add \"one\"","cmd":"INSERT","roles":"{public}","qual":null,"withCheck":"true"},
		{"tableName":"todos","policyName":"own","cmd":"ALL","roles":"{anon,authenticated}","qual":"(user_id = auth.uid())","withCheck":"(user_id = auth.uid())"}]}`)
}

func TestTriggers(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`
		CREATE TABLE t (id int PRIMARY KEY, a text, "x WHEN (y" text); CREATE VIEW v AS SELECT * FROM t;
		CREATE TABLE child (id int REFERENCES t);
		CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
		CREATE TRIGGER changed BEFORE INSERT OR UPDATE ON t FOR EACH ROW WHEN (NEW.a <> ''' EXECUTE FUNCTION ((' AND NEW."x WHEN (y" > E'\\''')
		  EXECUTE FUNCTION f('it''s', ' EXECUTE FUNCTION ', ' WHEN (');
		CREATE TRIGGER emptied AFTER TRUNCATE ON t EXECUTE FUNCTION f();
		CREATE TRIGGER " EXECUTE FUNCTION x" INSTEAD OF DELETE ON v FOR EACH ROW EXECUTE FUNCTION f();
		CREATE CONSTRAINT TRIGGER late AFTER DELETE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f()`)
	condition := `((new.a <> ''' EXECUTE FUNCTION (('::text) AND (new.\"x WHEN (y\" > '\\'''::text))`
	statement := `EXECUTE FUNCTION f('it''s', ' EXECUTE FUNCTION ', ' WHEN (')`
	got := p.OK(p.Call("GET", "/triggers", ""), http.StatusOK)
	p.Equal(got.Body, `{"triggers":[
		{"tableName":"t","triggerName":"changed","actionTiming":"BEFORE","eventManipulation":"INSERT","actionOrientation":"ROW","actionCondition":"`+condition+`","actionStatement":"`+statement+`"},
		{"tableName":"t","triggerName":"changed","actionTiming":"BEFORE","eventManipulation":"UPDATE","actionOrientation":"ROW","actionCondition":"`+condition+`","actionStatement":"`+statement+`"},
		{"tableName":"t","triggerName":"emptied","actionTiming":"AFTER","eventManipulation":"TRUNCATE","actionOrientation":"STATEMENT","actionCondition":null,"actionStatement":"EXECUTE FUNCTION f()"},
		{"tableName":"t","triggerName":"late","actionTiming":"AFTER","eventManipulation":"DELETE","actionOrientation":"ROW","actionCondition":null,"actionStatement":"EXECUTE FUNCTION f()"},
		{"tableName":"v","triggerName":" EXECUTE FUNCTION x","actionTiming":"INSTEAD OF","eventManipulation":"DELETE","actionOrientation":"ROW","actionCondition":null,"actionStatement":"EXECUTE FUNCTION f()"}]}`)
}
