package engine_test

import (
	"net/http"
	"strings"
	"testing"
)

const textCSV = "Accept: text/csv"

// The CSV that is written from the values' texts must be byte for byte what
// Postgres makes of the rows.
func TestCSVIsPostgresOwn(t *testing.T) {
	t.Parallel()
	s := start(t, `
CREATE TYPE pair AS (a int, b text);
CREATE TABLE odd (
	id int PRIMARY KEY, "te,xt" text, "qu""ote" text[], js jsonb, at timestamptz, raw bytea, p pair, c char(3), f float8, b boolean,
	parent int REFERENCES odd);
INSERT INTO odd VALUES
	(1, 'plain', '{a,"b c",NULL}', '{"a": "x, \"y\""}', '2024-02-29 12:34:56+00', '\x00ff', '(1,"a b")', 'x', 1.5, true, NULL),
	(2, '', '{}', 'null', 'infinity', '', '(,)', '', 'NaN', false, 1),
	(3, E'com,ma "quote" back\\slash (paren)\ttab\nline\r\vvt\fff', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1),
	(4, 'ünïcødé 😀', '{"\\"}', '[1]', '0044-03-15 BC', '\x5c', '(3,"\\""")', 'a"b', 1e300, true, 2);
CREATE FUNCTION several() RETURNS SETOF text LANGUAGE sql STABLE AS $$ VALUES ('a b'), (NULL), ('c') $$;
CREATE FUNCTION one() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'a,b' $$;
GRANT ALL ON odd TO anon;`)
	own := func(query string) string {
		return s.value(`SELECT coalesce((SELECT string_agg(k, ',') FROM json_object_keys((SELECT row_to_json(h) FROM (` + query + `) h LIMIT 1)) k), '')
			|| E'\n' || coalesce((SELECT string_agg(substring(r::text, 2, length(r::text) - 2), E'\n') FROM (` + query + `) r), '')`)
	}
	for _, c := range []struct{ method, path, body, query string }{
		{"GET", "/odd?order=id", "", `SELECT * FROM odd ORDER BY id`},
		{"GET", "/odd?order=id&limit=2&select=js,x:id,id::text", "", `SELECT js, id AS x, id::text FROM odd ORDER BY id LIMIT 2`},
		{"GET", "/odd?id=eq.9", "", `SELECT * FROM odd WHERE id = 9`},
		{"GET", "/odd?select=id,parent(b)&order=id", "",
			`SELECT o.id, (SELECT row_to_json(x)::jsonb FROM (SELECT q.b FROM odd q WHERE q.id = o.parent) x) AS parent FROM odd o ORDER BY o.id`},
		{"GET", "/odd?select=b,count()&order=b", "", `SELECT b, count(*) FROM odd GROUP BY b ORDER BY b`},
		{"GET", "/rpc/several", "", `SELECT several() AS pgrst_scalar`},
		{"GET", "/rpc/one", "", `SELECT one() AS pgrst_scalar`},
		{"PATCH", "/odd?id=eq.3&select=id,\"te,xt\"", `{"f":2}`, `SELECT id, "te,xt" FROM odd WHERE id = 3`},
		{"PATCH", "/odd?id=eq.9", `{"f":2}`, `SELECT * FROM odd WHERE id = 9`},
	} {
		r := s.do(c.method, c.path, c.body, textCSV, full)
		if want := own(c.query); r.status != http.StatusOK || r.body != want {
			t.Errorf("%s %s: got %d\n%q, want\n%q", c.method, c.path, r.status, r.body, want)
		}
		if ct := r.header.Get("Content-Type"); ct != "text/csv; charset=utf-8" {
			t.Errorf("%s %s: got type %q", c.method, c.path, ct)
		}
	}
	for _, prefer := range []string{"count=exact", "count=planned"} {
		r := s.do("GET", "/odd?limit=2", "", textCSV, "Prefer: "+prefer)
		if got := r.header.Get("Content-Range"); r.status != http.StatusPartialContent || !strings.HasPrefix(got, "0-1/") || got == "0-1/*" {
			t.Errorf("%s: got %d with %q", prefer, r.status, got)
		}
	}
	if r := s.do("GET", "/rpc/several", "", textCSV, "Prefer: count=exact"); r.header.Get("Content-Range") != "0-2/3" || r.body != own(`SELECT several() AS pgrst_scalar`) {
		t.Errorf("a counted call: got %q with %q", r.body, r.header.Get("Content-Range"))
	}
}

func TestEmbedsShownAsTextAreJSONB(t *testing.T) {
	t.Parallel()
	s := start(t, `
CREATE TABLE owners (id int PRIMARY KEY, name text);
CREATE TABLE pets (id int PRIMARY KEY, owner int REFERENCES owners, name text);
INSERT INTO owners VALUES (1, 'Ann'); INSERT INTO pets VALUES (1, 1, 'Rex'), (2, 1, 'Tom');
CREATE DOMAIN "text/x-rows" AS text;
CREATE FUNCTION add_row(state "text/x-rows", r anyelement) RETURNS "text/x-rows" LANGUAGE sql AS $$ SELECT state || r::text || ';' $$;
CREATE AGGREGATE rows_of(anyelement) (sfunc = add_row, stype = "text/x-rows", initcond = '');
GRANT ALL ON owners, pets TO anon;`)
	const csv, rows = "Accept: text/csv", "Accept: text/x-rows"
	for _, c := range []struct{ name, path, accept, want string }{
		{"an object in CSV", "/pets?select=id,owners(name,id)&id=eq.1", csv, "id,owners\n" + `1,"{""id"": 1, ""name"": ""Ann""}"`},
		{"an array in CSV", "/owners?select=pets(name)", csv, "pets\n" + `"[{""name"": ""Rex""}, {""name"": ""Tom""}]"`},
		{"an embed in an embed in CSV", "/pets?select=owners(pets(id))&id=eq.1", csv, "owners\n" + `"{""pets"": [{""id"": 1}, {""id"": 2}]}"`},
		{"an empty array in CSV", "/owners?select=pets(name)&pets.id=eq.9", csv, "pets\n[]"},
		{"a spread's arrays in CSV", "/owners?select=...pets(name)", csv, "name\n" + `"[""Rex"", ""Tom""]"`},
		{"a media type of the database's own", "/pets?select=id,owners(name,id)&id=eq.1", rows, `(1,"{""id"": 1, ""name"": ""Ann""}");`},
		{"JSON is as it was", "/pets?select=id,owners(name,id)&id=eq.1", "Accept: application/json", `[{"id":1,"owners":{"name":"Ann","id":1}}]`},
	} {
		if r := s.do("GET", c.path, "", c.accept); r.status != http.StatusOK || r.body != c.want {
			t.Errorf("%s: got %d %s, want %s", c.name, r.status, r.body, c.want)
		}
	}
}
