package standalone_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// behaviours are answers of PostgREST that its published cases do not show.
var behaviours = []struct {
	name string
	// request is the method and the path, followed by headers, one per line.
	request, body string
	status        int
	// want is the body as JSON, or text that is none; header are some of the
	// answer's headers.
	want   string
	header map[string]string
}{
	{
		name: "the members of a URL are one object", request: "GET /rpc/object?b=2&a=1&a=x\nPrefer: params=single-object",
		status: 200, want: `{"a":"x","b":"2"}`, header: map[string]string{"Preference-Applied": "params=single-object"},
	},
	{
		name: "the members of a form are one object", body: "a=1&b=with+%22blanks%22",
		request: "POST /rpc/object\nPrefer: params=single-object\nContent-Type: application/x-www-form-urlencoded",
		status:  200, want: `{"a":"1","b":"with \"blanks\""}`,
	},
	{
		name: "a body is one object", request: "POST /rpc/object\nPrefer: params=single-object", body: `{"a":[1]}`,
		status: 200, want: `{"a":[1]}`,
	},
	{
		name: "no function takes one object", request: "POST /rpc/nothing\nPrefer: params=single-object", body: `{}`,
		status: 404, want: `{"code":"PGRST202","details":"Searched for the function api.nothing with a single json/jsonb parameter, but no matches were ` +
			`found in the schema cache.","hint":null,"message":"Could not find the function api.nothing in the schema cache"}`,
	},
	{
		name: "the location of a table names the key in the order of its columns", request: "POST /places\nPrefer: return=headers-only", body: `{"b":2,"a":1}`,
		status: 201, header: map[string]string{"Location": "/places?a=eq.1&b=eq.2"},
	},
	{
		name: "the location of a view names both keys in the order of its columns", request: "POST /pairs\nPrefer: return=headers-only", body: `{"second":7}`,
		status: 201, header: map[string]string{"Location": "/pairs?second=eq.7&first=is.null"},
	},
	{
		name: "one value does not show what a function affects", request: "POST /rpc/nothing\nPrefer: handling=strict, max-affected=1",
		status: 400, want: `{"code":"PGRST128","details":null,"hint":null,"message":"Function must return SETOF or TABLE when max-affected ` +
			`preference is used with handling=strict"}`,
	},
	{name: "max-affected is not heeded unless strictly", request: "POST /rpc/nothing\nPrefer: max-affected=1", status: 204},
	{
		name: "rows with an embed", request: "GET /firsts?select=id,seconds()&seconds=is.not_null",
		status: 200, want: `[{"id":1}]`,
	},
	{
		name: "rows without an embed", request: "GET /firsts?select=id,seconds()&seconds=not.is.not_null",
		status: 200, want: `[{"id":2}]`,
	},
	{
		name: "aggregates of one column of a spread", request: "GET /seconds?select=...firsts(id.max(),id.min(),id)",
		status: 200, want: `[{"max":1,"min":1,"id":1}]`,
	},
	{
		name: "aggregates of values in the JSON of a spread", request: "GET /seconds?select=...firsts(j->a::int.sum(),j->b::int.sum(),n:j->b::int.max())",
		status: 200, want: `[{"sum":1,"sum":2,"n":2}]`,
	},
	{
		name: "aggregates of one column of spreads in spreads", request: "GET /thirds?select=...seconds(id.max(),...firsts(top:id.max(),bottom:id.min()))",
		status: 200, want: `[{"max":1,"top":1,"bottom":1}]`,
	},
	{
		name: "media types in any case", request: "GET /firsts?id=eq.1&select=id\nAccept: Application/Vnd.Pgrst.Object+JSON; Nulls=stripped",
		status: 200, want: `{"id":1}`, header: map[string]string{"Content-Type": "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"},
	},
	{
		name: "the media type of a body in any case", request: "POST /firsts?select=id\nContent-Type: TEXT/Csv\nPrefer: return=representation", body: "id\n9",
		status: 201, want: `[{"id":9}]`,
	},
	{
		name: "a star is the last choice", request: "GET /firsts?id=eq.1&select=id\nAccept: */*, application/vnd.pgrst.object+json",
		status: 200, want: `{"id":1}`,
	},
	{
		name: "parameters are a better choice", request: "GET /firsts?id=eq.1&select=id\nAccept: application/json, application/vnd.pgrst.object+json;nulls=stripped",
		status: 200, want: `{"id":1}`,
	},
	{
		name: "qualities with blanks", request: "GET /firsts?id=eq.1&select=id\nAccept: application/json; q=0.5, application/vnd.pgrst.object+json ; q=0.9, text/csv;q=0.1",
		status: 200, want: `{"id":1}`,
	},
	{
		name: "a statement that is too complex is the server's fault", request: "GET /rpc/deep", status: 500,
		header: map[string]string{"Proxy-Status": "PostgREST; error=54001"},
	},
}

func TestBehaviour(t *testing.T) {
	t.Parallel()
	f := newForeign(t, "behaviour_login")
	f.sql(`CREATE SCHEMA api; GRANT USAGE ON SCHEMA api TO behaviour_login_anon;
		CREATE TABLE api.places (b int, a int, PRIMARY KEY (b, a));
		ALTER TABLE api.places DROP COLUMN b, ADD COLUMN b int, ADD PRIMARY KEY (b, a);
		CREATE TABLE api.firsts (id int PRIMARY KEY, j jsonb); INSERT INTO api.firsts VALUES (1, '{"a": 1, "b": 2}'), (2, '{}');
		CREATE TABLE api.seconds (id int PRIMARY KEY, first int REFERENCES api.firsts); INSERT INTO api.seconds VALUES (1, 1);
		CREATE TABLE api.thirds (second int REFERENCES api.seconds); INSERT INTO api.thirds VALUES (1);
		CREATE VIEW api.pairs AS SELECT s.id AS second, f.id AS first FROM api.seconds s LEFT JOIN api.firsts f ON f.id = s.first;
		CREATE RULE insertion AS ON INSERT TO api.pairs DO INSTEAD INSERT INTO api.seconds VALUES (new.second) RETURNING id, first;
		CREATE FUNCTION api.object(members json) RETURNS json LANGUAGE sql STABLE AS 'SELECT members';
		CREATE FUNCTION api.nothing() RETURNS void LANGUAGE sql AS '';
		CREATE FUNCTION api.deep() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE 'deep' USING ERRCODE = '54001'; END $$;
		GRANT ALL ON ALL TABLES IN SCHEMA api TO behaviour_login_anon`)
	c, err := f.read("PGRST_DB_SCHEMAS=api", "PGRST_DB_ANON_ROLE=behaviour_login_anon", "PGRST_DB_TX_END=rollback", "PGRST_DB_AGGREGATES_ENABLED=true")
	if err != nil {
		t.Fatal(err)
	}
	s, url := f.serve(c, nil)
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, b := range behaviours {
		t.Run(b.name, func(t *testing.T) {
			line, headers, _ := strings.Cut(b.request, "\n")
			method, path, _ := strings.Cut(line, " ")
			r, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(b.body))
			if err != nil {
				t.Fatal(err)
			}
			for header := range strings.Lines(headers) {
				name, value, _ := strings.Cut(strings.TrimSpace(header), ": ")
				r.Header.Add(name, value)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != b.status {
				t.Errorf("got %s, want %d", resp.Status, b.status)
			}
			if b.want != "" && !sameJSON(b.want, string(body)) {
				t.Errorf("body, -want +got:\n%s", cmp.Diff(b.want, string(body)))
			}
			for name, want := range b.header {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
		})
	}
}

// sameJSON reports whether two texts are the same, or the same JSON.
func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	return cmp.Equal(x, y)
}
