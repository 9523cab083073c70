package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/quote"
)

// Every type's values, written by the engine, must be the
// bytes that Postgres's own JSON functions make.
func TestJSONOfEveryType(t *testing.T) {
	t.Parallel()
	types := []struct {
		name   string
		values []string
	}{
		{"smallint", []string{"0", "-32768", "32767"}},
		{"integer", []string{"0", "-2147483648"}},
		{"bigint", []string{"9223372036854775807", "-9223372036854775808"}},
		{"real", []string{"1.5", "-0", "1e30", "NaN", "Infinity", "-Infinity", "0.1"}},
		{"double precision", []string{"1e-300", "3.141592653589793", "NaN", "-Infinity"}},
		{"numeric", []string{"1.50", "-0.0", "1e100", "NaN", "Infinity", "12345678901234567890.123456789"}},
		{"money", []string{"$1.20"}},
		{"boolean", []string{"true", "false"}},
		{"text", []string{"", "plain", "qu\"ote \\ back", "tab\tnl\ncr\rbs\bff\fbell\u0007", "ünïcødé 😀", "</script>&", "\u007f\u2028"}},
		{"varchar(10)", []string{"abc"}},
		{"char(5)", []string{"ab"}},
		{`"char"`, []string{"x"}},
		{"name", []string{"n"}},
		{"bytea", []string{`\x00ff`, ""}},
		{"uuid", []string{"00000000-0000-0000-0000-00000000000a"}},
		{"json", []string{`{"b":1, "a" : [1,2.50,"x"]}`, `null`, `"s"`}},
		{"jsonb", []string{`{"b":1, "a" : [1,2.50,"x"]}`, `null`, `3`}},
		{"date", []string{"2024-02-29", "0044-03-15 BC", "infinity", "-infinity", "10000-01-01"}},
		{"timestamp", []string{"2024-02-29 12:34:56.789", "0044-03-15 00:00:00 BC", "infinity", "2024-01-01 00:00:00"}},
		{"timestamptz", []string{"2024-02-29 12:34:56.789+05:30", "0044-03-15 00:00:00+00 BC", "-infinity", "2024-01-01 00:00:00-03"}},
		{"time", []string{"12:34:56.5"}},
		{"timetz", []string{"12:34:56+02"}},
		{"interval", []string{"1 year 2 mons 3 days 04:05:06", "-1 day"}},
		{"inet", []string{"10.0.0.1/8", "::1"}},
		{"cidr", []string{"10.0.0.0/8"}},
		{"macaddr", []string{"08:00:2b:01:02:03"}},
		{"bit(3)", []string{"101"}},
		{"bit varying(5)", []string{"10"}},
		{"point", []string{"(1,2)"}},
		{"box", []string{"(3,4),(1,2)"}},
		{"tsvector", []string{"'a':1 'b'"}},
		{"tsquery", []string{"'a' & 'b'"}},
		{"xml", []string{"<a b=\"c\">d</a>"}},
		{"int4range", []string{"[1,5)", "empty"}},
		{"tstzrange", []string{"[2024-01-01 00:00:00+00,)"}},
		{"int4multirange", []string{"{[1,2),[5,7)}"}},
		{"oid", []string{"42"}},
		{"regclass", []string{"pg_class"}},
		{"xid", []string{"7"}},
		{"pg_lsn", []string{"16/B374D848"}},
		{"int[]", []string{"{1,NULL,3}", "{{1,2},{3,4}}", "{}"}},
		{"text[]", []string{`{"a,b","c\"d",NULL}`}},
		{"jsonb[]", []string{`{"{\"a\":1}"}`}},
		{"timestamptz[]", []string{`{"2024-01-01 00:00:00+00"}`}},
		{"color", []string{"red", "dark blue"}},
		{"color[]", []string{"{red}"}},
		{"pair", []string{"(1,x)"}},
		{"positive", []string{"5"}},
		{"tags", []string{"{a,b}"}},
		{"floatrange", []string{"[1,2]"}},
		{"citext", []string{"MiXed"}},
		{"hstore", []string{`a=>1,b=>NULL`}},
		{"vectorish", []string{"5"}},
	}
	var create strings.Builder
	create.WriteString(`
CREATE EXTENSION citext; CREATE EXTENSION hstore;
CREATE TYPE color AS ENUM ('red', 'dark blue');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE DOMAIN vectorish AS positive;
CREATE DOMAIN tags AS text[];
CREATE TYPE floatrange AS RANGE (subtype = float8);
`)
	for i, typ := range types {
		fmt.Fprintf(&create, "CREATE TABLE t%d (id int, v %s);\nGRANT ALL ON t%d TO anon;\nINSERT INTO t%d VALUES (0, NULL);\n", i, typ.name, i, i)
		for j, v := range typ.values {
			fmt.Fprintf(&create, "INSERT INTO t%d VALUES (%d, %s);\n", i, j+1, quote.Literal(v))
		}
	}
	s := start(t, create.String())
	for i, typ := range types {
		want := s.value(fmt.Sprintf(`SELECT json_agg(t)::text FROM (SELECT * FROM t%d ORDER BY id) t`, i))
		for _, list := range []string{"*", "id,v"} {
			for range describedAfter {
				got := s.do("GET", fmt.Sprintf("/t%d?select=%s&order=id", i, list), "")
				if got.body != want {
					t.Errorf("%s, select=%s:\n got %s\nwant %s", typ.name, list, got.body, want)
				}
			}
		}
		got := s.do("PATCH", fmt.Sprintf("/t%d?id=gt.0", i), `{"id":7}`, full)
		want = s.value(fmt.Sprintf(`SELECT json_agg(t)::text FROM (SELECT * FROM t%d WHERE id > 0 ORDER BY ctid) t`, i))
		if got.body != want {
			t.Errorf("%s, returned by an update:\n got %s\nwant %s", typ.name, got.body, want)
		}
		if !json.Valid([]byte(got.body)) {
			t.Errorf("%s: not JSON: %s", typ.name, got.body)
		}
	}
}

// describedAfter is how often one connection sees a statement until it knows
// the types of the columns, and takes some of them in binary form.
const describedAfter = 3

// Times are counts of microseconds or days on the wire, and printed by us as
// long as the zone is UTC.
func TestTimesAreWrittenAsPostgresWritesThem(t *testing.T) {
	t.Parallel()
	s := start(t, `
CREATE TABLE moments (id int PRIMARY KEY, day date, at timestamp, zoned timestamptz);
GRANT ALL ON moments TO anon;
CREATE TABLE moves (id int);
GRANT ALL ON moves TO anon;
CREATE FUNCTION move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET timezone = 'Asia/Kathmandu'; RETURN NEW; END $$;
CREATE TRIGGER move BEFORE INSERT ON moves FOR EACH ROW EXECUTE FUNCTION move();
INSERT INTO moments SELECT i, 'epoch'::date + i * 601, 'epoch'::timestamp + i * interval '1237.041 hours', 'epoch'::timestamptz + i * interval '-97.000001 days'
  FROM generate_series(-3000, 3000) i;
INSERT INTO moments VALUES (5001, '4713-01-01 BC', '4713-01-01 00:00:00 BC', '4713-01-01 00:00:00+00 BC'),
  (5002, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00'),
  (5003, '0001-01-01', '0001-01-01 00:00:00', '0001-12-31 23:59:59.9+00 BC'), (5004, '0999-12-31', '2000-02-29 00:00:00.000001', '1999-12-31 23:59:59.999999+00'),
  (5005, '2000-01-01', '2000-01-01 00:00:00', '2000-01-01 00:00:00+00'), (5006, 'infinity', '-infinity', 'infinity'), (5007, '-infinity', 'infinity', '-infinity');`)
	want := s.value(`SELECT json_agg(m ORDER BY id)::text FROM moments m`)
	same := func(got, want string) {
		t.Helper()
		if got == want {
			return
		}
		a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("line %d of %d:\n got %s\nwant %s", i, len(b), a[i], b[i])
			}
		}
		t.Fatalf("got %d lines, want %d", len(a), len(b))
	}
	for range describedAfter {
		same(s.do("GET", "/moments?order=id", "").body, want)
	}
	const inKathmandu = `SELECT json_agg(m ORDER BY id)::text FROM moments m, set_config('timezone', 'Asia/Kathmandu', true)`
	want = s.value(inKathmandu)
	same(s.do("GET", "/moments?order=id", "", "Prefer: timezone=Asia/Kathmandu").body, want)
	// Of the session, which nobody else uses here.
	s.want(s.do("POST", "/moves", `{"id":1}`), 201, "")
	for range describedAfter {
		same(s.do("GET", "/moments?order=id", "").body, want)
	}
}

// A cast and an aggregate have types that only the result shows.
func TestJSONOfExpressions(t *testing.T) {
	t.Parallel()
	s := start(t, `
CREATE TABLE items (id int, a int[], d jsonb);
GRANT ALL ON items TO anon;
INSERT INTO items VALUES (1, '{1,2}', '{"x":{"y":[1,"z"]}}');
CREATE FUNCTION doubled(items) RETURNS int[] LANGUAGE sql STABLE AS $$ SELECT ARRAY[$1.id, $1.id * 2] $$;`)
	for query, want := range map[string]string{
		"select=a":                     `[{"a":[1,2]}]`,
		"select=b:a::text,c:a::_text":  `[{"b":"{1,2}","c":["1","2"]}]`,
		"select=id::text,d->x->y":      `[{"id":"1","y":[1, "z"]}]`,
		"select=d->x->y->>1":           `[{"y":"z"}]`,
		"select=doubled":               `[{"doubled":[1,2]}]`,
		"select=count(),n:id.sum()":    `[{"count":1,"n":1}]`,
		"select=id.max(),id.avg()":     `[{"max":1,"avg":1.00000000000000000000}]`,
		"select=*,doubled&id=eq.1":     `[{"id":1,"a":[1,2],"d":{"x": {"y": [1, "z"]}},"doubled":[1,2]}]`,
		"select=d->x&d->x->y->>1=eq.z": `[{"x":{"y": [1, "z"]}}]`,
	} {
		if got := s.do("GET", "/items?"+strings.ReplaceAll(query, ">", "%3E"), ""); got.body != want {
			t.Errorf("%s:\n got %s\nwant %s", query, got.body, want)
		}
	}
}
