package transfer_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/database/transfer"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// hostile are names that break code that forgets to quote.
var hostile = []string{
	`a"; DROP TABLE x; --`, `select`, `Ünïcode 表`, `back\slash`, `a.b`, `it's`, ` `, "new\nline", `$1`, `%I %s`, `x'y"z`,
	strings.Repeat("n", 63), `$export$`, `set_config`, `*/ /*`,
}

func TestHostileNamesSurvive(t *testing.T) {
	t.Parallel()
	from := start(t)
	var names []string
	for _, n := range hostile {
		names = append(names, resttest.JSON(n))
		q := quote.Identifier(n)
		short := q
		if len(n) == 63 {
			short = `"` + n[:60] + `"`
		}
		name := func(suffix string) string { return short[:len(short)-1] + suffix + `"` }
		text := quote.Literal(n)
		from.ExecAdmin(`
			CREATE TYPE ` + name(" t") + ` AS ENUM (` + text + `);
			CREATE TABLE ` + q + ` (` + q + ` ` + name(" t") + ` DEFAULT ` + text + `, id serial CONSTRAINT ` + name(" k") + ` PRIMARY KEY, up int CONSTRAINT ` + name(" f") + ` REFERENCES ` + q + `,
			   CONSTRAINT ` + name(" c") + ` CHECK (` + q + `::text <> 'x' || ` + text + `));
			CREATE INDEX ` + name(" i") + ` ON ` + q + ` (` + q + `);
			CREATE FUNCTION ` + name(" g") + `(` + q + ` text DEFAULT ` + text + `) RETURNS text LANGUAGE sql AS 'SELECT current_user::text';`)
		from.ExecAdmin(`
			CREATE FUNCTION ` + name(" g") + `() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
			CREATE TRIGGER ` + q + ` BEFORE INSERT ON ` + q + ` FOR EACH ROW EXECUTE FUNCTION ` + name(" g") + `(` + text + `);
			CREATE POLICY ` + q + ` ON ` + q + ` USING (` + q + `::text = ` + text + `);
			CREATE VIEW ` + name(" v") + ` AS SELECT ` + q + ` FROM ` + q + `;
			REVOKE SELECT ON ` + q + ` FROM anon;
			INSERT INTO ` + q + ` (up) VALUES (NULL), (1), (2)`)
	}
	sql := from.exportSQL(everything)
	to := start(t)
	to.ExecAdmin(sql)
	if diff := cmp.Diff(describe(from), describe(to)); diff != "" {
		t.Errorf("the catalog differs (-from +to):\n%s", diff)
	}
	if diff := cmp.Diff(dbtest.Value[string](from.Product, rowsOf), dbtest.Value[string](to.Product, rowsOf)); diff != "" {
		t.Errorf("rows differ (-from +to):\n%s", diff)
	}
	if strings.Contains(sql, "set_config") {
		t.Error("the export holds a word that imports refuse")
	}
	data := from.export(`{"format":"json","tables":[` + strings.Join(names, ",") + `]}`)
	for _, n := range hostile {
		rows, _ := resttest.Member(resttest.Member(resttest.Member(data, "tables"), n), "rows").([]any)
		if len(rows) != 3 || resttest.Member(rows[0], n) != n {
			t.Errorf("%q: got rows %v, want 3 of that value", n, rows)
		}
	}
}

func TestAJSONExportHasTheShapeOfTheContract(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`
		CREATE TABLE authors (id int PRIMARY KEY, name varchar(20) DEFAULT 'x');
		CREATE TABLE posts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, author int REFERENCES authors ON DELETE SET NULL, price numeric, at timestamptz, ok bool, data jsonb, ids int[], raw bytea);
		CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
		CREATE TRIGGER t BEFORE UPDATE OR INSERT ON posts FOR EACH ROW WHEN (NEW.ok) EXECUTE FUNCTION f();
		ALTER TABLE posts ENABLE ROW LEVEL SECURITY;
		CREATE POLICY mine ON posts FOR SELECT TO anon, authenticated USING (ok);
		CREATE SEQUENCE codes MINVALUE 5;
		CREATE VIEW v AS SELECT 1 AS one;
		INSERT INTO authors VALUES (1, 'ann');
		INSERT INTO posts (author, price, at, ok, data, ids, raw) VALUES (1, 1.50, '2024-01-02 03:04:05.678901+01', true, '{"a":null}', '{1,2}', '\x01ff'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL)`)
	data := p.export(`{"format":"json","includeFunctions":true,"includeSequences":true,"includeViews":true}`)
	p.Equal(data, `{
		"timestamp": "2026-01-02T03:04:05.006Z",
		"tables": {
			"authors": {
				"schema": [
					{"columnName":"id","dataType":"integer","characterMaximumLength":null,"isNullable":"NO","columnDefault":null},
					{"columnName":"name","dataType":"character varying","characterMaximumLength":20,"isNullable":"YES","columnDefault":"'x'::character varying"}],
				"indexes": [{"indexname":"authors_pkey","indexdef":"CREATE UNIQUE INDEX authors_pkey ON public.authors USING btree (id)","isUnique":true,"isPrimary":true}],
				"foreignKeys": [], "rlsEnabled": false, "policies": [], "triggers": [],
				"rows": [{"id":1,"name":"ann"}]
			},
			"posts": {
				"schema": [
					{"columnName":"id","dataType":"bigint","characterMaximumLength":null,"isNullable":"NO","columnDefault":null},
					{"columnName":"author","dataType":"integer","characterMaximumLength":null,"isNullable":"YES","columnDefault":null},
					{"columnName":"price","dataType":"numeric","characterMaximumLength":null,"isNullable":"YES","columnDefault":null},
					{"columnName":"at","dataType":"timestamp with time zone","characterMaximumLength":null,"isNullable":"YES","columnDefault":null},
					{"columnName":"ok","dataType":"boolean","characterMaximumLength":null,"isNullable":"YES","columnDefault":null},
					{"columnName":"data","dataType":"jsonb","characterMaximumLength":null,"isNullable":"YES","columnDefault":null},
					{"columnName":"ids","dataType":"ARRAY","characterMaximumLength":null,"isNullable":"YES","columnDefault":null},
					{"columnName":"raw","dataType":"bytea","characterMaximumLength":null,"isNullable":"YES","columnDefault":null}],
				"indexes": [{"indexname":"posts_pkey","indexdef":"CREATE UNIQUE INDEX posts_pkey ON public.posts USING btree (id)","isUnique":true,"isPrimary":true}],
				"foreignKeys": [{"constraintName":"posts_author_fkey","referenceTable":"authors","referenceColumns":[{"sourceColumn":"author","referenceColumn":"id"}],"onDelete":"SET NULL","onUpdate":"NO ACTION"}],
				"rlsEnabled": true,
				"policies": [{"policyname":"mine","cmd":"SELECT","roles":"{anon,authenticated}","qual":"ok","withCheck":null}],
				"triggers": [
					{"triggerName":"t","actionTiming":"BEFORE","eventManipulation":"INSERT","actionOrientation":"ROW","actionCondition":"new.ok","actionStatement":"EXECUTE FUNCTION public.f()","newTable":null,"oldTable":null},
					{"triggerName":"t","actionTiming":"BEFORE","eventManipulation":"UPDATE","actionOrientation":"ROW","actionCondition":"new.ok","actionStatement":"EXECUTE FUNCTION public.f()","newTable":null,"oldTable":null}],
				"rows": [
					{"id":"1","author":1,"price":"1.50","at":"2024-01-02T02:04:05.678Z","ok":true,"data":{"a":null},"ids":[1,2],"raw":{"type":"Buffer","data":[1,255]}},
					{"id":"2","author":null,"price":null,"at":null,"ok":null,"data":null,"ids":null,"raw":null}]
			}
		},
		"functions": [{"functionName":"f","functionDef":"CREATE OR REPLACE FUNCTION public.f()\n RETURNS trigger\n LANGUAGE plpgsql\nAS $function$BEGIN RETURN NEW; END$function$\n","kind":"f"}],
		"sequences": [
			{"sequenceName":"codes","startValue":"5","increment":"1","minValue":"5","maxValue":"9223372036854775807","cycle":"NO"},
			{"sequenceName":"posts_id_seq","startValue":"1","increment":"1","minValue":"1","maxValue":"9223372036854775807","cycle":"NO"}],
		"views": [{"viewName":"v","definition":" SELECT 1 AS one;"}]
	}`)
	bare := p.export(`{"format":"json","tables":["authors"],"includeData":false}`)
	tables := resttest.Member(bare, "tables")
	if _, ok := resttest.Member(tables, "authors").(map[string]any)["rows"]; ok || resttest.Member(tables, "posts") != nil {
		t.Errorf("got %v, want authors alone and without rows", tables)
	}
	p.Equal(resttest.Member(bare, "functions"), `[]`)
}

func TestLeftOutRowsAreReported(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`
		CREATE TABLE parents (id int PRIMARY KEY);
		CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents);
		CREATE TABLE exact (id int);
		INSERT INTO parents SELECT generate_series(1, 20);
		INSERT INTO children SELECT n, 21 - n FROM generate_series(1, 20) n;
		INSERT INTO exact SELECT generate_series(1, 10)`)
	for _, tt := range []struct{ name, options, want string }{
		{"SQL", `{"rowLimit":10}`, `{"format":"sql","timestamp":"2026-01-02T03:04:05.006Z","truncatedTables":["children","parents"],"rowLimit":10}`},
		{"JSON", `{"rowLimit":10,"format":"json"}`, `{"format":"json","timestamp":"2026-01-02T03:04:05.006Z","truncatedTables":["children","parents"],"rowLimit":10}`},
		{"nothing is cut", `{"rowLimit":20}`, `{"format":"sql","timestamp":"2026-01-02T03:04:05.006Z"}`},
		{"no rows", `{"rowLimit":10,"includeData":false}`, `{"format":"sql","timestamp":"2026-01-02T03:04:05.006Z"}`},
	} {
		a := p.OK(p.Call("POST", "/advance/export", tt.options), 200)
		body, _ := a.Body.(map[string]any)
		data := body["data"]
		delete(body, "data")
		p.Equal(body, tt.want)
		if tt.name == "JSON" {
			parents := resttest.Member(resttest.Member(data, "tables"), "parents").(map[string]any)
			if rows, _ := parents["rows"].([]any); len(rows) != 10 || parents["truncated"] != true || parents["exportedRowCount"] != 10. || parents["totalRowCount"] != 20. {
				t.Errorf("got %d rows and %v of 20, want 10", len(rows), parents["exportedRowCount"])
			}
			continue
		}
		// It restores although some children have lost their parents.
		to := start(t)
		to.ExecAdmin(data.(string))
	}
}

func TestAnExportOfSomeTablesHasWhatTheyNeed(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(rich(t))
	sql := p.exportSQL(`{"tables":["posts"]}`)
	for _, want := range []string{"CREATE TYPE public.mood", "FUNCTION public.next_code()", "FUNCTION public.touch()",
		"-- Not part of this export: table public.authors"} {
		if !strings.Contains(sql, want) {
			t.Errorf("the export lacks %q", want)
		}
	}
	for _, no := range []string{"loops", "CREATE OR REPLACE VIEW", "events", "FUNCTION public.titles"} {
		if strings.Contains(sql, no) {
			t.Errorf("the export holds %q", no)
		}
	}
	to := start(t)
	to.ExecAdmin(sql)
	for _, table := range []string{"events", "dogs", "loops"} { // partitions; a parent; a cycle
		to.ExecAdmin(p.exportSQL(`{"tables":["` + table + `"]}`))
	}
	if got := dbtest.Value[int](to.Product, `SELECT count(*) FROM events_2024`); got != 1 {
		t.Errorf("got %d rows in a partition, want 1", got)
	}
}

func TestExportRefuses(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.OnlyAdmins("POST", "/advance/export", `{}`)
	for body, want := range map[string]string{
		`{"format":"xml"}`:                    "format: Invalid enum value",
		`{"rowLimit":0}`:                      "rowLimit: Number must be greater than or equal to 1",
		`{"rowLimit":10001}`:                  "rowLimit: Number must be less than or equal to 10000",
		`{"tables":"posts"}`:                  "tables: Expected array, received string",
		`{"tables":[1],"includeData":"true"}`: "includeData: Expected boolean, received string",
		`[]`:                                  "Expected object, received array",
	} {
		p.Refused(p.Call("POST", "/advance/export", body), 400, fault.InvalidInput, want)
	}
	p.Refused(p.Call("POST", "/advance/export", `{"tables":["nope"]}`), 404, fault.DatabaseNotFound, `"nope"`)
	p.Equal(p.OK(p.Call("POST", "/advance/export", `{"tables":[],"format":"json"}`), 200).Body,
		`{"format":"json","data":{"timestamp":"2026-01-02T03:04:05.006Z","tables":{},"functions":[],"sequences":[],"views":[]},"timestamp":"2026-01-02T03:04:05.006Z"}`)
}

func TestAnExportDoesNotWaitLong(t *testing.T) {
	t.Parallel()
	p := start(t, hasty)
	p.ExecAdmin(`CREATE TABLE t (id int)`)
	err := p.DB.AsOwner(t.Context(), func(tx pg.Tx) error {
		if _, err := tx.Exec(t.Context(), `LOCK TABLE t IN ACCESS EXCLUSIVE MODE`); err != nil {
			return err
		}
		p.Refused(p.Call("POST", "/advance/export", `{}`), 503, fault.DatabaseInternalError, "Another transaction")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.audited("EXPORT_DATABASE"); got != "[]" {
		t.Errorf("got audit rows %s of a failed export, want none", got)
	}
}

func TestAnExportThatCannotBeKeptIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, func(d *transfer.Deps) { d.TempDir = dir })
	p.ExecAdmin(`CREATE TABLE t AS SELECT repeat('x', 4000) AS x FROM generate_series(1, 1000)`)
	if got := len(p.exportSQL(`{}`)); got < 4e6 {
		t.Errorf("got %d bytes, want all rows", got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("got files %v left behind (%v), want none", left, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	p.Refused(p.Call("POST", "/advance/export", `{}`), http.StatusInternalServerError, fault.InternalError, "")
}

func TestConcurrentExportsDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`CREATE TABLE t AS SELECT n FROM generate_series(1, 500) n`)
	want := p.exportSQL(`{}`)
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			a := p.Serve(context.Background(), resttest.APIKey, "POST", "/advance/export", `{}`)
			if got := resttest.Member(a.Body, "data"); got != want {
				t.Errorf("got %d %.200s, want the same as alone", a.Status, a.Text)
			}
		})
	}
	all.Wait()
}
