package tables_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestListHasBaseTablesOnly(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Equal(p.OK(p.Call("GET", "/tables", ""), http.StatusOK).Body, `[]`)
	p.Exec(`CREATE TABLE b (n int); CREATE TABLE "A" (n int); CREATE TABLE "ä" (n int); CREATE TABLE _hidden (n int);
	        CREATE VIEW v AS SELECT 1; CREATE MATERIALIZED VIEW m AS SELECT 1; CREATE SEQUENCE s; CREATE INDEX i ON b (n);
	        CREATE TABLE parted (n int) PARTITION BY RANGE (n); CREATE TABLE part PARTITION OF parted DEFAULT;
	        CREATE EXTENSION postgres_fdw; CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw;
	        CREATE FOREIGN TABLE f (n int) SERVER other;
	        CREATE SCHEMA shop; CREATE TABLE shop.items (n int)`)
	p.Equal(p.OK(p.Call("GET", "/tables", ""), http.StatusOK).Body, `["A","_hidden","b","part","parted","ä"]`)
	p.Equal(p.OK(p.Call("GET", "/tables?schema=", ""), http.StatusOK).Body, `["A","_hidden","b","part","parted","ä"]`)
	p.Equal(p.OK(p.Call("GET", "/tables?schema=shop", ""), http.StatusOK).Body, `["items"]`)
	p.Equal(p.OK(p.Call("GET", "/tables?schema=nowhere", ""), http.StatusOK).Body, `[]`)
	if auth := p.OK(p.Call("GET", "/tables?schema=auth", ""), http.StatusOK); !strings.Contains(auth.Text, `"users"`) {
		t.Errorf("tables of auth are %s, want users among them", auth.Text)
	}
	for _, name := range []string{"v", "m", "f", "s", "B"} {
		p.Refused(p.Call("GET", "/tables/"+name+"/schema", ""), http.StatusNotFound, fault.DatabaseNotFound, name)
	}
}

func TestSchemaParameterRefusals(t *testing.T) {
	t.Parallel()
	p := start(t)
	cases := []struct {
		name, query string
		code        fault.Code
	}{
		{"given twice", "schema=a&schema=b", fault.InvalidInput},
		{"given twice, once blank", "schema=&schema=b", fault.InvalidInput},
		{"catalog", "schema=pg_catalog", fault.InvalidInput},
		{"information schema", "schema=information_schema", fault.InvalidInput},
		{"double quote", "schema=a%22b", fault.DatabaseValidationError},
		{"NUL", "schema=a%00b", fault.DatabaseValidationError},
		{"not UTF-8", "schema=a%ff", fault.DatabaseValidationError},
		{"too long", "schema=" + strings.Repeat("s", 64), fault.DatabaseValidationError},
	}
	routes := []struct{ method, path string }{
		{"GET", "/tables"}, {"POST", "/tables"}, {"GET", "/tables/t/schema"}, {"PATCH", "/tables/t/schema"}, {"DELETE", "/tables/t"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			q := p
			q.T = t
			for _, r := range routes {
				q.Refused(q.Call(r.method, r.path+"?"+c.query, "{}"), http.StatusBadRequest, c.code, "chema")
			}
		})
	}
	for _, name := range []string{"a%22b", "a%00b", "%ff", strings.Repeat("t", 64)} {
		for _, r := range routes[2:] {
			path := strings.Replace(r.path, "/t/", "/"+name+"/", 1)
			if r.method == "DELETE" {
				path = "/tables/" + name
			}
			p.Refused(p.Call(r.method, path, "{}"), http.StatusBadRequest, fault.DatabaseValidationError, "tableName")
		}
	}
}

func TestDescribeReadsAnyTable(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Exec(`CREATE TYPE mood AS ENUM ('sad', 'happy');
	        CREATE DOMAIN code AS varchar(10) NOT NULL DEFAULT 'd';
	        CREATE TABLE parent (a int, b int, UNIQUE (a, b));
	        CREATE TABLE everything (
	          n serial, big int8, small int2, amount numeric(10,2) DEFAULT 1.50, ratio float4 DEFAULT -2,
	          label varchar(10) DEFAULT 'it''s', fixed char(3) DEFAULT 'abc', doc json, tags text[] DEFAULT '{a,b}',
	          at timestamp DEFAULT '2024-01-02 03:04:05', at3 timestamptz(3) DEFAULT '2024-01-02 03:04:05Z',
	          feel mood DEFAULT 'sad', c code, addr inet DEFAULT '127.0.0.1', span interval DEFAULT '1 day',
	          made text GENERATED ALWAYS AS (label || 'x') STORED, ident int GENERATED ALWAYS AS IDENTITY,
	          sum int DEFAULT 1 + 2, joined text DEFAULT 'a' || 'b', nothing text DEFAULT NULL, yes bool DEFAULT true,
	          dropped int, clock timestamptz DEFAULT CURRENT_TIMESTAMP, upper text DEFAULT upper('a'), empty text DEFAULT '',
	          pa int, pb int, sole int UNIQUE, indexed int,
	          PRIMARY KEY (n, big), FOREIGN KEY (pa, pb) REFERENCES parent (a, b) ON UPDATE SET DEFAULT);
	        ALTER TABLE everything DROP COLUMN dropped;
	        CREATE UNIQUE INDEX ON everything (indexed);
	        INSERT INTO everything (big, c) VALUES (1, 'x'), (2, 'y')`)
	a := p.OK(p.Call("GET", "/tables/everything/schema", ""), http.StatusOK)
	if got := resttest.Member(a.Body, "recordCount"); got != 2.0 {
		t.Errorf("recordCount is %v, want 2", got)
	}
	got := map[string]string{}
	unique := map[string]bool{}
	for _, c := range resttest.Member(a.Body, "columns").([]any) {
		name := resttest.Member(c, "columnName").(string)
		line := resttest.Member(c, "type").(string)
		if !resttest.Member(c, "isNullable").(bool) {
			line += " required"
		}
		if resttest.Member(c, "isPrimaryKey").(bool) {
			line += " key"
		}
		if value, ok := resttest.Member(c, "defaultValue").(string); ok {
			line += " = " + value
		}
		got[name] = line
		unique[name] = resttest.Member(c, "isUnique").(bool)
	}
	want := map[string]string{
		"n": "integer required key = nextval('everything_n_seq'::regclass)", "big": "integer required key", "small": "integer",
		"amount": "float = 1.50", "ratio": "float = -2", "label": "string = it's", "fixed": "string = abc",
		"doc": "json", "tags": "json = {a,b}", "at": "timestam = 2024-01-02 03:04:05", "at3": "datetime = 2024-01-02 03:04:05+00",
		"feel": "mood = sad", "c": "string required", "addr": "inet = 127.0.0.1", "span": "interval = 1 day",
		"made": "string", "ident": "integer required", "sum": "integer = (1 + 2)", "joined": "string = ('a'::text || 'b'::text)",
		"nothing": "string", "yes": "boolean = true", "clock": "datetime = CURRENT_TIMESTAMP", "upper": "string = upper('a'::text)",
		"empty": "string = ", "pa": "integer", "pb": "integer", "sole": "integer", "indexed": "integer",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	for name, is := range unique {
		if should := name == "n" || name == "big" || name == "sole"; is != should {
			t.Errorf("isUnique of %s is %t, want %t", name, is, should)
		}
	}
	p.Equal(resttest.Member(a.Body, "foreignKeys"), `[{"constraintName":"everything_pa_pb_fkey","referenceTable":"parent",
		"referenceColumns":[{"sourceColumn":"pa","referenceColumn":"a"},{"sourceColumn":"pb","referenceColumn":"b"}],
		"onDelete":"NO ACTION","onUpdate":"SET DEFAULT"}]`)
}

func TestDescribeCountsAKeyToAPartitionedTableOnce(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Exec(`CREATE TABLE parted (n int PRIMARY KEY) PARTITION BY RANGE (n);
	        CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (10); CREATE TABLE part2 PARTITION OF parted DEFAULT;
	        CREATE TABLE child (n int REFERENCES parted)`)
	a := p.OK(p.Call("GET", "/tables/child/schema", ""), http.StatusOK)
	if got := names(resttest.Member(a.Body, "foreignKeys"), "referenceTable"); len(got) != 1 || got[0] != "parted" {
		t.Errorf("foreign keys point to %q, want parted once", got)
	}
}

func TestDescribeOfATableWithoutRightsIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Refused(p.Call("GET", "/tables/instance/schema?schema=system", ""), http.StatusForbidden, fault.Forbidden, "permission denied")
	p.OK(p.Call("GET", "/tables/users/schema?schema=auth", ""), http.StatusOK)
}

func TestOnlyAdministratorsUseTheRoutes(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.create("kept", text("body"))
	routes := []struct{ method, path, body string }{
		{"GET", "/tables", ""},
		{"POST", "/tables", `{"tableName":"made","columns":[` + text("a") + `]}`},
		{"GET", "/tables/kept/schema", ""},
		{"PATCH", "/tables/kept/schema", `{"addColumns":[` + text("b") + `]}`},
		{"DELETE", "/tables/kept", ""},
	}
	for _, r := range routes {
		p.OnlyAdmins(r.method, r.path, r.body)
	}
	p.Equal(p.Call("GET", "/tables", "").Body, `["kept"]`)
	p.OK(p.CallAs(resttest.APIKey, "GET", "/tables", ""), http.StatusOK)
}
