package rows_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/database/rows"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

type product struct {
	dbtest.Product
	news *events.Subscription
}

func start(t *testing.T, sql string) product {
	t.Helper()
	db := pgtest.New(t)
	bus := &events.Bus{}
	p := product{Product: dbtest.New(t, db, rows.New(rows.Deps{DB: db, Events: bus}).Mount), news: bus.Subscribe()}
	p.ExecAdmin(sql)
	return p
}

func path(table string, query ...string) string {
	p := "/admin/tables/" + url.PathEscape(table) + "/records"
	if len(query) > 0 {
		p += "?" + strings.Join(query, "&")
	}
	return p
}

const todos = `
	CREATE TABLE todos (id int PRIMARY KEY, title text, done bool NOT NULL DEFAULT false, tags text[], note varchar(10));
	INSERT INTO todos VALUES (3, 'Wash 100%', true, '{a,b}', NULL), (1, 'buy milk', false, NULL, 'x_y'), (2, 'Buy bread', false, '{}', 'xzy');`

func TestOnlyAdminsUseTheEditor(t *testing.T) {
	t.Parallel()
	p := start(t, todos)
	for _, r := range []struct{ method, path, body string }{
		{"GET", path("todos"), ""}, {"POST", path("todos"), `[{"id":9}]`}, {"PATCH", path("todos"), `{"pkKeys":{"id":1},"data":{"title":"x"}}`},
		{"DELETE", path("todos"), `{"pkKeys":[{"id":1}]}`}, {"GET", "/admin/tables/todos/records/lookup?column=id&value=1", ""},
	} {
		p.OnlyAdmins(r.method, r.path, r.body)
	}
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM todos WHERE title <> 'x'`); got != 3 {
		t.Errorf("got %d rows, want the 3 of before", got)
	}
	if news := dbtest.Announced(p.news); news != nil {
		t.Errorf("got %v announced", news)
	}
}

func TestTablesThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	p := start(t, todos+`CREATE VIEW seen AS SELECT * FROM todos`)
	for _, r := range []struct{ method, path, query, body string }{
		{"GET", "/records", "", ""}, {"POST", "/records", "", `[{}]`}, {"PATCH", "/records", "", `{"pkKeys":{"id":1},"data":{"title":"x"}}`},
		{"DELETE", "/records", "", `{"pkKeys":[]}`}, {"GET", "/records/lookup", "column=id&value=1&", ""},
	} {
		for _, name := range []string{"nothing", "Todos", "seen", "todos%20"} {
			p.Refused(p.Call(r.method, "/admin/tables/"+name+r.path+"?"+r.query, r.body), http.StatusNotFound, fault.DatabaseNotFound, "does not exist")
		}
		p.Refused(p.Call(r.method, "/admin/tables/todos"+r.path+"?"+r.query+"schema=nowhere", r.body), http.StatusNotFound, fault.DatabaseNotFound, "nowhere")
		p.Refused(p.Call(r.method, "/admin/tables/todos"+r.path+"?"+r.query+"schema=pg_catalog", r.body), http.StatusBadRequest, fault.InvalidInput, "pg_catalog")
		for _, name := range []string{"a%22b", "a%00", "%ff", strings.Repeat("t", 64)} {
			p.Refused(p.Call(r.method, "/admin/tables/"+name+r.path+"?"+r.query, r.body), http.StatusBadRequest, fault.DatabaseValidationError, "tableName")
		}
	}
}

func TestListPagesSortsFiltersAndSearches(t *testing.T) {
	t.Parallel()
	p := start(t, todos+`CREATE TABLE empty (n int); CREATE TABLE numbers (n int); INSERT INTO numbers VALUES (1)`)
	q := url.QueryEscape
	for _, tt := range []struct {
		name, table, query, ids, contentRange string
		status                                int
	}{
		{"by the primary key unless asked otherwise", "todos", "", "1 2 3", "0-2/3", 200},
		{"a page", "todos", "limit=2&offset=1", "2 3", "1-2/3", 206},
		{"the last page is partial as well", "todos", "limit=2&offset=2", "3", "2-2/3", 206},
		{"beyond the end", "todos", "offset=10", "", "10-2/3", 206},
		{"nothing at all", "empty", "", "", "0--1/0", 200},
		{"ties are broken by the key", "todos", "sort=done:desc", "3 1 2", "0-2/3", 200},
		{"several clauses", "todos", "sort=done,id:DESC", "2 1 3", "0-2/3", 200},
		{"search ignores case", "todos", "search=BUY", "1 2", "0-1/2", 200},
		{"wildcards are text", "todos", "search=" + q("%"), "3", "0-0/1", 200},
		{"so is the underscore", "todos", "search=x_y", "1", "0-0/1", 200},
		{"and the backslash", "todos", "search=" + q(`\`), "", "0--1/0", 200},
		{"search without columns of text finds nothing", "numbers", "search=1", "", "0--1/0", 200},
		{"filter", "todos", "filterColumn=done&filterValue=false", "1 2", "0-1/2", 200},
		{"filter by an array", "todos", "filterColumn=tags&filterValue=" + q("{a,b}"), "3", "0-0/1", 200},
		{"filter and search", "todos", "filterColumn=done&filterValue=f&search=milk", "1", "0-0/1", 200},
		{"filter by empty text", "todos", "filterColumn=title&filterValue=", "", "0--1/0", 200},
		{"SQL in a value is text", "todos", "search=" + q("' OR true --"), "", "0--1/0", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := p.Call("GET", path(tt.table, tt.query), "")
			var ids []string
			list, _ := got.Body.([]any)
			for _, row := range list {
				ids = append(ids, fmt.Sprint(resttest.Member(row, "id")))
			}
			if s := strings.Join(ids, " "); got.Status != tt.status || s != tt.ids || got.Header.Get("Content-Range") != tt.contentRange {
				t.Errorf("got %d %s [%s] %s, want %d [%s] %s", got.Status, got.Header.Get("Content-Range"), s, got.Text, tt.status, tt.ids, tt.contentRange)
			}
			if got.Header.Get("Preference-Applied") != "count=exact" {
				t.Errorf("got headers %v, want Preference-Applied", got.Header)
			}
		})
	}
	one := p.OK(p.Call("GET", path("todos", "limit=1&sort=id:desc"), ""), http.StatusPartialContent)
	if want := `[{"id":3,"title":"Wash 100%","done":true,"tags":["a","b"],"note":null}]`; one.Text != want {
		t.Errorf("got %s, want %s", one.Text, want)
	}
}

func TestListRefusals(t *testing.T) {
	t.Parallel()
	p := start(t, todos+`CREATE TABLE docs (id int PRIMARY KEY, doc json)`)
	for query, part := range map[string]string{
		"limit=0": "limit", "limit=501": "limit", "limit=1.5": "limit", "limit=x": "limit", "limit=-1": "limit",
		"offset=-1": "offset", "offset=99999999999999999999": "offset",
		"sort=title:up": "sort", "sort=,": "sort", "sort=title,": "sort", "sort=:asc": "sort", "sort=nothing": `"nothing"`,
		"sort=title%22%3B+DROP+TABLE+todos--": "DROP TABLE", "sort=id%00": "column",
		"filterColumn=title": "together", "filterValue=x": "together", "filterColumn=&filterValue=x": "column", "filterColumn=nope&filterValue=x": `"nope"`,
	} {
		p.Refused(p.Call("GET", path("todos", query), ""), http.StatusBadRequest, fault.InvalidInput, part)
	}
	for query, part := range map[string]string{
		"filterColumn=id&filterValue=x": "integer", "filterColumn=done&filterValue=": "boolean", "search=%00": "0x00", "search=%ff": "0xff",
		"filterColumn=id&filterValue=99999999999": "out of range",
	} {
		p.Refused(p.Call("GET", path("todos", query), ""), http.StatusBadRequest, fault.DatabaseValidationError, part)
	}
	p.Refused(p.Call("GET", path("docs", "sort=doc"), ""), http.StatusBadRequest, fault.DatabaseValidationError, "ordering")
}

func TestAnAnswerIsBounded(t *testing.T) {
	t.Parallel()
	p := start(t, `CREATE TABLE big (t text); INSERT INTO big SELECT repeat('x', 1000000) FROM generate_series(1, 70)`)
	p.Refused(p.Call("GET", path("big", "limit=500"), ""), http.StatusRequestEntityTooLarge, fault.DatabaseValidationError, "64 MB")
	p.OK(p.Call("GET", path("big", "limit=5"), ""), http.StatusPartialContent)
}

func TestLookup(t *testing.T) {
	t.Parallel()
	p := start(t, todos)
	lookup := "/admin/tables/todos/records/lookup?"
	p.Equal(p.OK(p.Call("GET", lookup+"column=id&value=2", ""), 200).Body, `{"id":2,"title":"Buy bread","done":false,"tags":[],"note":"xzy"}`)
	p.Equal(p.OK(p.Call("GET", lookup+"column=id&value=2&column=note&value=other", ""), 200).Body, `null`)
	p.Equal(p.OK(p.Call("GET", lookup+"column=note&column=id&value=xzy&value=2", ""), 200).Body, `{"id":2,"title":"Buy bread","done":false,"tags":[],"note":"xzy"}`)
	for _, query := range []string{"", "column=id", "value=1", "column=id&column=note&value=1"} {
		p.Refused(p.Call("GET", lookup+query, ""), 400, fault.InvalidInput, "pairs")
	}
	p.Refused(p.Call("GET", lookup+"column=x&value=1", ""), 400, fault.InvalidInput, `"x"`)
	p.Refused(p.Call("GET", lookup+"column=id&value=one", ""), 400, fault.DatabaseValidationError, "one")
}

// everything has a column of each kind that is read or printed specially.
const everything = `
	CREATE TYPE mood AS ENUM ('sad', 'happy');
	CREATE DOMAIN small AS numeric(5,2) CHECK (VALUE >= 0); CREATE DOMAIN smaller AS small NOT NULL;
	CREATE TABLE everything (
	  id int8 GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, i int4, n numeric(5,2), f float8, b bool, t text, v varchar(3), c char(3), u uuid,
	  at timestamptz, d date, tm time, j json, jb jsonb, ints int[], texts text[][], docs jsonb[], bin bytea, iv interval, p point, m mood, r int4range,
	  bits bit(3), s smaller DEFAULT 1, dflt int DEFAULT 7);`

func TestValuesAreTypedByTheirColumns(t *testing.T) {
	t.Parallel()
	p := start(t, everything)
	got := p.OK(p.Call("POST", path("everything"), `[{
		"i": 1, "n": 1.5, "f": 1e20, "b": true, "t": "é'\"\\", "v": "abc", "c": "a", "u": "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
		"at": "2024-01-02T03:04:05.678901Z", "d": "2024-01-02T00:00:00.000Z", "tm": "03:04", "j": {"a" : [1]}, "jb": "{\"a\": 1}",
		"ints": [1, null, 3], "texts": [["a", "b\"\\{,"], ["NULL", ""]], "docs": [{"a": [1]}, null], "bin": {"type":"Buffer","data":[0,255]},
		"iv": {"days": 1, "hours": 2}, "p": {"x": 1, "y": 2.5}, "m": "happy", "r": "[1,5)", "bits": "101", "s": "12.345", "dflt": ""
	}]`), http.StatusCreated)
	p.Equal(got.Body, `[{"id":"1","i":1,"n":"1.50","f":1e20,"b":true,"t":"é'\"\\","v":"abc","c":"a  ","u":"6ba7b810-9dad-11d1-80b4-00c04fd430c8",
		"at":"2024-01-02T03:04:05.678Z","d":"2024-01-02T00:00:00.000Z","tm":"03:04:00","j":{"a":[1]},"jb":{"a":1},
		"ints":[1,null,3],"texts":[["a","b\"\\{,"],["NULL",""]],"docs":[{"a":[1]},null],"bin":{"type":"Buffer","data":[0,255]},
		"iv":{"days":1,"hours":2},"p":{"x":1,"y":2.5},"m":"happy","r":"[1,5)","bits":"101","s":"12.35","dflt":7}]`)
	for body, part := range map[string]string{
		`[{"i":"x"}]`: "integer", `[{"i":1.5}]`: "integer", `[{"i":99999999999}]`: "out of range", `[{"b":"maybe"}]`: "boolean", `[{"v":"abcd"}]`: "too long",
		`[{"c":"abcd"}]`: "too long", `[{"bits":"1"}]`: "bit string length", `[{"n":1000}]`: "overflow", `[{"u":"x"}]`: "uuid", `[{"m":"angry"}]`: "mood",
		`[{"jb":"{"}]`: "json", `[{"ints":["a"]}]`: "integer", `[{"ints":[[1],[2,3]]}]`: "array", `[{"i":{"a":1}}]`: "integer", `[{"at":"yesterdayish"}]`: "timestamp",
	} {
		p.Refused(p.Call("POST", path("everything"), body), http.StatusBadRequest, fault.DatabaseValidationError, part)
	}
	p.Refused(p.Call("POST", path("everything"), `[{"s":-1}]`), http.StatusBadRequest, fault.DatabaseConstraintViolation, "check constraint")
	p.Refused(p.Call("POST", path("everything"), `[{"bin":{"type":"Buffer","data":[256]}}]`), http.StatusBadRequest, fault.InvalidInput, "Buffer")
	for _, body := range []string{`[{"t":"a\u0000b"}]`, `[{"jb":"\u0000"}]`, `[{"texts":["\u0000"]}]`} {
		p.Refused(p.Call("POST", path("everything"), body), http.StatusBadRequest, fault.InvalidInput, "NUL")
	}
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM everything`); got != 1 {
		t.Errorf("got %d rows, want 1", got)
	}
}

func TestManyRowsAreOneStatementForEachSetOfColumns(t *testing.T) {
	t.Parallel()
	p := start(t, `
		CREATE TABLE items (id serial PRIMARY KEY, a text DEFAULT 'd', n int);
		CREATE TABLE statements (n int);
		CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO statements VALUES (1); RETURN NULL; END';
		CREATE TRIGGER counted AFTER INSERT ON items FOR EACH STATEMENT EXECUTE FUNCTION counted()`)
	got := p.OK(p.Call("POST", path("items"), `[{"a":"1","n":1},{},{"n":2,"a":"3"},{"n":""},{"a":null,"n":null},{"a":""},{"id":100}]`), http.StatusCreated)
	p.Equal(got.Body, `[{"id":1,"a":"1","n":1},{"id":4,"a":"d","n":null},{"id":2,"a":"3","n":2},{"id":5,"a":"d","n":null},
		{"id":3,"a":null,"n":null},{"id":6,"a":"","n":null},{"id":100,"a":"d","n":null}]`)
	if n := dbtest.Value[int](p.Product, `SELECT count(*) FROM statements`); n != 4 {
		t.Errorf("got %d statements, want 4: {a,n}, {}, {a}, {id}", n)
	}
	if diff := cmp.Diff([]events.Event{events.DataUpdate{Resource: events.Database, Changes: []events.Change{{Type: "records", Name: "public.items"}}}},
		dbtest.Announced(p.news)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}

	rows := make([]string, 10_000)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"id":%d,"a":"row %d"}`, 1000+i, i)
	}
	many := p.OK(p.Call("POST", path("items"), "["+strings.Join(rows, ",")+"]"), http.StatusCreated)
	for i, row := range many.Body.([]any) {
		if resttest.Member(row, "a") != fmt.Sprintf("row %d", i) {
			t.Fatalf("row %d came back as %v", i, row)
		}
	}
	if n := dbtest.Value[int](p.Product, `SELECT count(*) FROM statements`); n != 5 {
		t.Errorf("got %d statements, want one more", n)
	}
}

func TestInsertIsAllOrNothing(t *testing.T) {
	t.Parallel()
	p := start(t, todos+`
		CREATE TABLE picky (id int PRIMARY KEY, n int CHECK (n > 0), parent int REFERENCES todos, made int GENERATED ALWAYS AS (1) STORED);
		CREATE FUNCTION veto() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.n = 13 THEN RAISE ''no thirteen''; END IF; IF NEW.n = 14 THEN RETURN NULL; END IF; RETURN NEW; END';
		CREATE TRIGGER veto BEFORE INSERT ON picky FOR EACH ROW EXECUTE FUNCTION veto()`)
	for _, tt := range []struct {
		row, part string
		status    int
		code      fault.Code
	}{
		{`{"id":1}`, "duplicate key", 409, fault.DatabaseDuplicate},
		{`{"id":null}`, "null value", 400, fault.MissingField},
		{`{"id":2,"n":-1}`, "check constraint", 400, fault.DatabaseConstraintViolation},
		{`{"id":2,"parent":99}`, "foreign key", 400, fault.DatabaseConstraintViolation},
		{`{"id":2,"made":2}`, "made", 400, fault.DatabaseValidationError},
		{`{"id":2,"n":13}`, "no thirteen", 400, fault.DatabaseValidationError},
		{`{"id":2,"nope":1}`, `"nope"`, 400, fault.InvalidInput},
		{`{"id":2,"n\"=1; DROP TABLE picky--":1}`, "DROP TABLE", 400, fault.InvalidInput},
		{`{"id":2,"":1}`, "column", 400, fault.InvalidInput},
	} {
		p.Refused(p.Call("POST", path("picky"), `[{"id":1,"n":1},`+tt.row+`]`), tt.status, tt.code, tt.part)
	}
	if n := dbtest.Value[int](p.Product, `SELECT count(*) FROM picky`); n != 0 {
		t.Errorf("got %d rows, want none", n)
	}
	if news := dbtest.Announced(p.news); news != nil {
		t.Errorf("got %v announced", news)
	}
	got := p.OK(p.Call("POST", path("picky"), `[{"id":1,"n":14},{"id":2,"n":2},{"id":3}]`), 201)
	p.Equal(got.Body, `[{"id":2,"n":2,"parent":null,"made":1},{"id":3,"n":null,"parent":null,"made":1}]`)
}

func TestBodiesThatAreNotRows(t *testing.T) {
	t.Parallel()
	p := start(t, todos)
	for body, part := range map[string]string{
		``: "Required", `[]`: "at least 1", `{}`: "Expected array", `null`: "Expected array", `"x"`: "Expected array", `[1]`: "0: Expected object", `[{},null]`: "1: Expected object",
		`[{}`: "Invalid JSON", `[{"title":"` + "\xff" + `"}]`: "UTF-8", `[{"title":"\ud800"}]`: `\ud800 is half of a character`, strings.Repeat("[", 20000): "Invalid JSON", "[" + strings.Repeat("{},", 10000) + "{}]": "at most 10000",
	} {
		p.Refused(p.Call("POST", path("todos"), body), 400, fault.InvalidInput, part)
	}
	for body, part := range map[string]string{
		`{}`: "pkKeys: Required, data: Required", `{"pkKeys":[],"data":{}}`: "Expected object, received array", `{"pkKeys":{"id":1}}`: "data: Required",
		`{"pkKeys":{"id":1},"data":null}`: "received null", `{"pkKeys":{},"data":{"title":"x"}}`: "empty", `{"pkKeys":{"id":1},"data":{}}`: "at least one column",
	} {
		p.Refused(p.Call("PATCH", path("todos"), body), 400, fault.InvalidInput, part)
	}
	for body, part := range map[string]string{
		`{}`: "Required", `{"pkKeys":{}}`: "Expected array", `{"pkKeys":null}`: "Expected array", `{"pkKeys":[1]}`: "0: Expected object", `{"pkKeys":[{}]}`: "empty",
		`{"pkKeys":[` + strings.Repeat(`{"id":1},`, 10000) + `{"id":1}]}`: "at most 10000",
	} {
		p.Refused(p.Call("DELETE", path("todos"), body), 400, fault.InvalidInput, part)
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	p := start(t, todos)
	got := p.OK(p.Call("PATCH", path("todos"), `{"pkKeys":{"id":1},"data":{"id":10,"title":"","tags":"","note":null,"done":"t"}}`), 200)
	p.Equal(got.Body, `{"id":10,"title":"","done":true,"tags":null,"note":null}`)
	if diff := cmp.Diff([]events.Event{events.DataUpdate{Resource: events.Database, Changes: []events.Change{{Type: "records", Name: "public.todos"}}}},
		dbtest.Announced(p.news)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		body, part string
		status     int
		code       fault.Code
	}{
		{`{"pkKeys":{"id":99},"data":{"title":"x"}}`, "Record not found.", 404, fault.DatabaseNotFound},
		{`{"pkKeys":{"id":null},"data":{"title":"x"}}`, "Record not found.", 404, fault.DatabaseNotFound},
		{`{"pkKeys":{"id":2},"data":{"done":""}}`, `"done"`, 400, fault.InvalidInput},
		{`{"pkKeys":{"id":2},"data":{"nope":1}}`, `"nope"`, 400, fault.InvalidInput},
		{`{"pkKeys":{"title":"Buy bread"},"data":{"title":"x"}}`, `exactly the primary key of table "todos": "id"`, 400, fault.InvalidInput},
		{`{"pkKeys":{"id":2,"title":"Buy bread"},"data":{"title":"x"}}`, "exactly the primary key", 400, fault.InvalidInput},
		{`{"pkKeys":{"id":2,"nope":1},"data":{"title":"x"}}`, `"nope"`, 400, fault.InvalidInput},
		{`{"pkKeys":{"id":"2 OR true"},"data":{"title":"x"}}`, "integer", 400, fault.DatabaseValidationError},
		{`{"pkKeys":{"id":2},"data":{"id":3}}`, "duplicate key", 409, fault.DatabaseDuplicate},
		{`{"pkKeys":{"id":2},"data":{"note":"longer than ten"}}`, "too long", 400, fault.DatabaseValidationError},
	} {
		p.Refused(p.Call("PATCH", path("todos"), tt.body), tt.status, tt.code, tt.part)
	}
	if news := dbtest.Announced(p.news); news != nil {
		t.Errorf("got %v announced by refused updates", news)
	}
}

// The dashboard names a row of a table without a primary key by all that it
// was shown of it.
func TestARowWithoutKeyIsNamedByWhatWasShown(t *testing.T) {
	t.Parallel()
	p := start(t, everything+`
		ALTER TABLE everything DROP CONSTRAINT everything_pkey;
		INSERT INTO everything (i, n, f, b, t, v, c, at, d, tm, j, jb, ints, texts, docs, bin, iv, p, m, r, bits)
		VALUES (1, 1.5, 0.1, true, 'x', 'v', 'c', '2024-01-02 03:04:05.678901Z', '2024-01-02', '03:04', '{"b" : 1, "a": 2}', '"text"', '{1,NULL}', '{{a}}',
		        '{"{}"}', '\x00ff', '1 day', '(1,2)', 'sad', '[1,5)', '101'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		        NULL, NULL, NULL, NULL, NULL, NULL)`)
	for _, row := range p.OK(p.Call("GET", path("everything"), ""), 200).Body.([]any) {
		shown := fmt.Sprintf(`{"pkKeys":%s,"data":{"t":"found"}}`, jsonText(t, row))
		if got := p.OK(p.Call("PATCH", path("everything"), shown), 200); resttest.Member(got.Body, "t") != "found" {
			t.Errorf("got %s", got.Text)
		}
	}
	p.Equal(p.OK(p.Call("DELETE", path("everything"), `{"pkKeys":[{"i":1},{"i":3},{"i":2,"t":"found"},{"i":2,"t":null}]}`), 200).Body, `{"deletedCount":2}`)
	p.Refused(p.Call("DELETE", path("everything"), `{"pkKeys":[{"nope":1}]}`), 400, fault.InvalidInput, `"nope"`)
}

func TestDelete(t *testing.T) {
	t.Parallel()
	p := start(t, todos+`
		CREATE TABLE pairs (a int, "B b" text, PRIMARY KEY (a, "B b")); INSERT INTO pairs VALUES (1, 'x'), (1, 'y'), (2, 'x');
		CREATE TABLE child (id int REFERENCES todos); INSERT INTO child VALUES (3)`)
	p.Equal(p.OK(p.Call("DELETE", path("todos"), `{"pkKeys":[]}`), 200).Body, `{"deletedCount":0}`)
	p.Equal(p.OK(p.Call("DELETE", path("todos"), `{"pkKeys":[{"id":77},{"id":null}]}`), 200).Body, `{"deletedCount":0}`)
	if news := dbtest.Announced(p.news); news != nil {
		t.Errorf("got %v announced although nothing was deleted", news)
	}
	p.Refused(p.Call("DELETE", path("todos"), `{"pkKeys":[{"id":1},{"id":3}]}`), 400, fault.DatabaseConstraintViolation, "child")
	p.Refused(p.Call("DELETE", path("pairs"), `{"pkKeys":[{"a":1}]}`), 400, fault.InvalidInput, `"a", "B b"`)
	p.Equal(p.OK(p.Call("DELETE", path("pairs"), `{"pkKeys":[{"a":1,"B b":"x"},{"B b":"x","a":"2"}]}`), 200).Body, `{"deletedCount":2}`)
	if n := len(dbtest.Announced(p.news)); n != 1 {
		t.Errorf("got %d events, want 1", n)
	}
	if got := dbtest.Value[string](p.Product, `SELECT (SELECT count(*) FROM todos) || ' ' || (SELECT string_agg(a || "B b", ',') FROM pairs)`); got != "3 1y" {
		t.Errorf("got %q left, want 3 todos and 1y", got)
	}
}

func TestAKeyOfMillisecondsNeverTouchesTwoRows(t *testing.T) {
	t.Parallel()
	p := start(t, `CREATE TABLE samples (at timestamptz PRIMARY KEY, v int);
		INSERT INTO samples VALUES ('2024-01-02 03:04:05.678100Z', 1), ('2024-01-02 03:04:05.678900Z', 2), ('2024-01-02 03:04:06.000001Z', 3)`)
	p.Refused(p.Call("PATCH", path("samples"), `{"pkKeys":{"at":"2024-01-02T03:04:05.678Z"},"data":{"v":9}}`), 400, fault.InvalidInput, "several rows")
	p.Refused(p.Call("DELETE", path("samples"), `{"pkKeys":[{"at":"2024-01-02T03:04:05.678Z"}]}`), 400, fault.InvalidInput, "several rows")
	p.OK(p.Call("PATCH", path("samples"), `{"pkKeys":{"at":"2024-01-02T03:04:06.000Z"},"data":{"v":9}}`), 200)
	p.OK(p.Call("PATCH", path("samples"), `{"pkKeys":{"at":"2024-01-02T03:04:05.678100Z"},"data":{"v":8}}`), 200)
	if got := dbtest.Value[string](p.Product, `SELECT string_agg(v::text, ',' ORDER BY at) FROM samples`); got != "8,2,9" {
		t.Errorf("got %s, want 8,2,9", got)
	}
}

func TestRowLevelSecurityDoesNotBindAdmins(t *testing.T) {
	t.Parallel()
	p := start(t, todos+`ALTER TABLE todos ENABLE ROW LEVEL SECURITY`)
	p.Exec(`CREATE TABLE owned (id int PRIMARY KEY); ALTER TABLE owned ENABLE ROW LEVEL SECURITY; INSERT INTO owned VALUES (1)`)
	p.Equal(p.OK(p.CallAs(resttest.APIKey, "GET", path("owned"), ""), 200).Body, `[{"id":1}]`)
	p.OK(p.Call("POST", path("owned"), `[{"id":2}]`), 201)
	p.OK(p.Call("GET", path("audit_logs", "schema=system"), ""), 200)
	p.Refused(p.Call("POST", path("audit_logs", "schema=system"), `[{"actor":"x","action":"x","module":"x"}]`), 403, fault.Forbidden, "permission denied")
	p.Refused(p.Call("DELETE", path("audit_logs", "schema=system"), `{"pkKeys":[{"id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}]}`), 403, fault.Forbidden, "permission denied")
	p.Refused(p.Call("GET", path("instance", "schema=system"), ""), 403, fault.Forbidden, "permission denied")
}

func TestTablesWithOddColumns(t *testing.T) {
	t.Parallel()
	p := start(t, `
		CREATE TABLE none (); CREATE TABLE "a""b" (n int);
		CREATE TABLE odd ("select" int PRIMARY KEY, "Ümlaut, with: comma" text, "it's \ %" text, gone int, "$1" text);
		ALTER TABLE odd DROP COLUMN gone`)
	p.Equal(p.OK(p.Call("POST", path("none"), `[{},{}]`), 201).Body, `[{},{}]`)
	p.Equal(p.OK(p.Call("GET", path("none"), ""), 200).Body, `[{},{}]`)
	p.OK(p.Call("POST", path("odd"), `[{"select":1,"Ümlaut, with: comma":"a","it's \\ %":"b","$1":"c"}]`), 201)
	p.OK(p.Call("PATCH", path("odd"), `{"pkKeys":{"select":1},"data":{"it's \\ %":"d","$1":"e"}}`), 200)
	p.Equal(p.OK(p.Call("GET", path("odd", "search=E", "sort=select:desc", "filterColumn="+url.QueryEscape("it's \\ %")+"&filterValue=d"), ""), 200).Body,
		`[{"select":1,"Ümlaut, with: comma":"a","it's \\ %":"d","$1":"e"}]`)
	p.Equal(p.OK(p.Call("GET", "/admin/tables/odd/records/lookup?column="+url.QueryEscape("Ümlaut, with: comma")+"&value=a", ""), 200).Body,
		`{"select":1,"Ümlaut, with: comma":"a","it's \\ %":"d","$1":"e"}`)
}

func TestConcurrentEditorsLoseNothing(t *testing.T) {
	t.Parallel()
	p := start(t, `CREATE TABLE counters (id int PRIMARY KEY, n int)`)
	var wg sync.WaitGroup
	created := make(chan int, 20)
	for i := range 20 {
		wg.Go(func() { created <- p.Call("POST", path("counters"), fmt.Sprintf(`[{"id":1,"n":%d}]`, i)).Status })
	}
	wg.Wait()
	close(created)
	got := map[int]int{}
	for status := range created {
		got[status]++
	}
	if diff := cmp.Diff(map[int]int{201: 1, 409: 19}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if n := len(dbtest.Announced(p.news)); n != 1 {
		t.Errorf("got %d events, want 1", n)
	}
}
