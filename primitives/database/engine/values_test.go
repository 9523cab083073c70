package engine_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The members of one object are written as values. What they become, and what
// is refused, must be what Postgres makes of them in JSON: with columns= the
// server takes the body apart itself.
func TestValuesAreReadAsPostgresReadsThemInJSON(t *testing.T) {
	t.Parallel()
	types := []string{
		"smallint", "integer", "bigint", "real", "double precision", "numeric", "numeric(4,1)", "money", "boolean",
		"text", "varchar(3)", "char(3)", `"char"`, "name", "bytea", "uuid", "json", "jsonb", "date", "timestamp(0)", "timestamptz",
		"time", "interval", "interval second(0)", "inet", "bit(3)", "bit varying(2)", "point", "tsvector", "xml", "int4range",
		"oid", "regclass", "pg_lsn", "int[]", "text[]", "jsonb[]", "mood", "mood[]", "pair", "positive", "document", "phrase",
	}
	values := []string{
		"null", "true", "false", "0", "1", "-1", "1.5", "1e2", "40000", "99999999999", `""`, `" "`, `"a"`, `"abcd"`, `"abc "`, `"1"`, `" 1 "`, `"t"`,
		`"ok"`, `"2024-02-29"`, `"2024-02-29T12:34:56.789+05:30"`, `"infinity"`, `"NaN"`, `"1 day 2.7 seconds"`, `"10.0.0.1/8"`, `"101"`, `"(1,2)"`,
		`"<a>b</a>"`, `"[1,5)"`, `"pg_class"`, `"{1,2}"`, `"00000000-0000-0000-0000-00000000000a"`, `"\\x00ff"`, `"16/B374D848"`,
		`"q\"u\\o\/te\n\t\b\f\r"`, `"\u00e9\ud83d\ude00"`, `"\u0000"`, `"\ud800"`, `"ünïcødé 😀"`, `"null"`,
		`{}`, `{"a" : 1,"b":"x"}`, `{"n":1,"s":"x"}`, `[]`, `[1, 2]`, `["a",null]`, `[[1],[2]]`,
	}
	setup := `CREATE TYPE mood AS ENUM ('ok', 'sad'); CREATE TYPE pair AS (n int, s text);
		CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN document AS jsonb; CREATE DOMAIN phrase AS varchar(3) DEFAULT 'x' NOT NULL;`
	for i, name := range types {
		setup += fmt.Sprintf(`CREATE TABLE t%d (id int PRIMARY KEY, v %s);`, i, name)
	}
	s := start(t, setup)
	if err := s.engine.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, name := range types {
		for _, v := range values {
			table := fmt.Sprintf("/t%d", i)
			body := fmt.Sprintf(`{"id":1,"v":%s}`, v)
			direct := s.do("POST", table+"?select=v", body, "As: admin", full)
			s.do("DELETE", table+"?id=eq.1", "", "As: admin")
			inJSON := s.do("POST", table+"?select=v&columns="+url.QueryEscape("id,v"), body, "As: admin", full)
			wantSame(t, name+" insert "+v, direct, inJSON)
			s.do("DELETE", table+"?id=eq.1", "", "As: admin")

			s.do("POST", table, `{"id":1}`, "As: admin")
			body = fmt.Sprintf(`{"v":%s}`, v)
			direct = s.do("PATCH", table+"?select=v&id=eq.1", body, "As: admin", full)
			inJSON = s.do("PATCH", table+"?select=v&id=eq.1&columns=v", body, "As: admin", full)
			wantSame(t, name+" update "+v, direct, inJSON)
			s.do("DELETE", table+"?id=eq.1", "", "As: admin")
		}
	}
}

func wantSame(t *testing.T, what string, got, want reply) {
	t.Helper()
	if want.status == http.StatusCreated || want.status == http.StatusOK {
		if got.status != want.status || got.body != want.body {
			t.Errorf("%s: got %d %s, want %d %s", what, got.status, got.body, want.status, want.body)
		}
		return
	}
	// The message may say more about where in the JSON it was.
	if got.status != want.status || got.code() != want.code() || strings.TrimSpace(got.body) == "" {
		t.Errorf("%s: got %d %s, want %d %s", what, got.status, got.body, want.status, want.body)
	}
}

// What was made from a request serves the next one with the same members, and
// nothing of one caller's body may be in another's.
func TestBodiesOfRememberedWrites(t *testing.T) {
	t.Parallel()
	s := start(t, `
CREATE TABLE notes (id int PRIMARY KEY, title text, tags text[], n int DEFAULT 7);
GRANT ALL ON notes TO anon;`)
	for i, c := range []struct{ body, want string }{
		{`{"id":%d,"title":"a"}`, `[{"id":%[1]d,"title":"a","tags":null,"n":7}]`},
		{`{"id":%d,"title":"b"}`, `[{"id":%[1]d,"title":"b","tags":null,"n":7}]`},
		{`{"title":"c","id":%d}`, `[{"id":%[1]d,"title":"c","tags":null,"n":7}]`},
		{`{"id":%d,"title":null}`, `[{"id":%[1]d,"title":null,"tags":null,"n":7}]`},
		{`{"id":%d,"n":1}`, `[{"id":%[1]d,"title":null,"tags":null,"n":1}]`},
		{`{"id":%d,"n":null}`, `[{"id":%[1]d,"title":null,"tags":null,"n":null}]`},
		{`{"id":%d}`, `[{"id":%[1]d,"title":null,"tags":null,"n":7}]`},
		{`[{"id":%d,"title":"d"}]`, `[{"id":%[1]d,"title":"d","tags":null,"n":7}]`},
		{`{"id":%d,"title":"e"}`, `[{"id":%[1]d,"title":"e","tags":null,"n":7}]`},
		{`{"id":%d,"tags":["x","y"]}`, `[{"id":%[1]d,"title":null,"tags":["x","y"],"n":7}]`},
		{`{"id":%d,"tags":"{z}"}`, `[{"id":%[1]d,"title":null,"tags":["z"],"n":7}]`},
		{`{"id":%d,"title":"f"}`, `[{"id":%[1]d,"title":"f","tags":null,"n":7}]`},
	} {
		for _, id := range []int{i * 10, i*10 + 1, i*10 + 2} {
			got := s.do("POST", "/notes", fmt.Sprintf(c.body, id), full)
			if want := fmt.Sprintf(c.want, id); got.body != want {
				t.Errorf("POST %s: got %d %s, want %s", c.body, got.status, got.body, want)
			}
			got = s.do("PATCH", "/notes?n=is.null", fmt.Sprintf(`{"n":%d}`, id), full)
			if i == 5 && !strings.Contains(got.body, fmt.Sprintf(`"n":%d}`, id)) || i != 5 && got.body != "[]" {
				t.Errorf("PATCH after %s: got %d %s", c.body, got.status, got.body)
			}
		}
	}
	s.want(s.do("POST", "/notes", `{"id":1000,"title":"a","nothing":1}`, full), http.StatusBadRequest, "PGRST204")
	s.want(s.do("POST", "/notes", `{"id":"x","title":"a"}`, full), http.StatusBadRequest, "22P02")
	s.want(s.do("POST", "/notes", `{"id":0,"title":"a"}`, full), http.StatusConflict, "23505")
}
