package transfer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func (p product) upsert(filename, content string, fields ...string) resttest.Answer {
	p.T.Helper()
	if len(fields)%2 == 1 { // the table alone
		fields = append([]string{"table"}, fields...)
	}
	return p.upload(context.Background(), "/bulk-upsert", filename, content, fields...)
}

// state returns all rows of t as JSON, by their key.
func (p product) state() string {
	p.T.Helper()
	return dbtest.Value[string](p.Product, `SELECT coalesce(json_agg(t ORDER BY id), '[]')::text FROM t`)
}

func TestRecordsAreWritten(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`
		CREATE DOMAIN must AS text NOT NULL DEFAULT 'dom';
		CREATE TABLE t (id int PRIMARY KEY, "Näme ""x""" text DEFAULT 'def', tags text[], data jsonb, raw bytea, at timestamptz, ok bool, "record" must, twice int GENERATED ALWAYS AS (id * 2) STORED);
		INSERT INTO t (id) VALUES (1)`)
	csv := "\ufeffid,\"Näme \"\"x\"\"\",tags,data,ok\r\n" +
		"1,\"quoted, \"\"text\"\"\nof two lines\",\"{a,\"\"b c\"\"}\",\"{\"\"k\"\": [1, null]}\",t\r\n" +
		"\r\n2,\"\",,,\n3,\\N \\t\ttab,\"[1]\",null,false"
	a := p.OK(p.upsert("people.CSV", strings.Replace(csv, `"[1]"`, `{1}`, 1), "table", "t", "schema", "public", "upsertKey", "id"), 200)
	p.Equal(a.Body, `{"success":true,"message":"3 of 3 records were written","table":"t","rowsAffected":3,"totalRecords":3,"filename":"people.CSV"}`)
	want := `[{"id":1,"Näme \"x\"":"quoted, \"text\"\nof two lines","tags":["a","b c"],"data":{"k": [1, null]},"raw":null,"at":null,"ok":true,"record":"dom","twice":2}, ` + `
 {"id":2,"Näme \"x\"":null,"tags":null,"data":null,"raw":null,"at":null,"ok":null,"record":"dom","twice":4}, ` + `
 {"id":3,"Näme \"x\"":"\\N \\t\ttab","tags":["1"],"data":null,"raw":null,"at":null,"ok":false,"record":"dom","twice":6}]`
	if diff := cmp.Diff(want, p.state()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]events.Event{events.DataUpdate{Resource: events.Database, Changes: []events.Change{{Type: "records", Name: "public.t"}}}}, dbtest.Announced(p.news)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got := p.audited("BULK_UPSERT"); !strings.Contains(got, `"table": "t", "fileSize": `) || !strings.Contains(got, `"upsertKey": "id"`) || !strings.Contains(got, `"rowsAffected": 3`) {
		t.Errorf("audit: got %s", got)
	}
	// JSON: each set of keys by itself, so absent is not null.
	p.OK(p.upsert("x.json", `[
		{"id": 1, "data": {"b": "\u00e9", "a": 12345678901234567890}, "tags": ["x", null, "y,z"]},
		{"id": 4},
		{"tags": [], "id": 5, "raw": {"type":"Buffer","data":[1,255]}, "at": "2024-01-02T03:04:05Z", "ok": true, "Näme \"x\"": ""},
		{"id": 6, "data": "\"text\"", "ok": null, "record": "given"}
	]`, "table", "t", "upsertKey", "id"), 200)
	want = `[{"id":1,"Näme \"x\"":"quoted, \"text\"\nof two lines","tags":["x",null,"y,z"],"data":{"a": 12345678901234567890, "b": "é"},"raw":null,"at":null,"ok":true,"record":"dom","twice":2}, ` + `
 {"id":4,"Näme \"x\"":"def","tags":null,"data":null,"raw":null,"at":null,"ok":null,"record":"dom","twice":8}, ` + `
 {"id":5,"Näme \"x\"":null,"tags":[],"data":null,"raw":"\\x01ff","at":"2024-01-02T03:04:05+00:00","ok":true,"record":"dom","twice":10}, ` + `
 {"id":6,"Näme \"x\"":"def","tags":null,"data":"text","raw":null,"at":null,"ok":null,"record":"given","twice":12}]`
	p.Exec(`DELETE FROM t WHERE id IN (2, 3)`)
	if diff := cmp.Diff(want, p.state()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	// Nothing to change but the key: what is there stays.
	p.Equal(resttest.Member(p.OK(p.upsert("k.csv", "id\n1\n9\n", "table", "t", "upsertKey", "id"), 200).Body, "rowsAffected"), `1`)
	// Another schema, and no key.
	p.ExecAdmin(`CREATE SCHEMA other; CREATE TABLE other.t (id int)`)
	p.OK(p.upsert("k.csv", "id\n1\n1\n", "table", "t", "schema", "other"), 200)
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM other.t`); got != 2 {
		t.Errorf("got %d rows, want 2", got)
	}
}

func TestTheFailingRowIsNamed(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`
		CREATE DOMAIN small AS int CHECK (VALUE < 100);
		CREATE TABLE parents (id int PRIMARY KEY);
		INSERT INTO parents VALUES (1);
		CREATE TABLE t (id int PRIMARY KEY, name varchar(5) NOT NULL, n small, up int REFERENCES parents, price numeric CHECK (price > 0), late int UNIQUE DEFERRABLE INITIALLY DEFERRED);
		CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.name = 'bad' THEN RAISE EXCEPTION 'no bad names'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER picky BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION picky();
		INSERT INTO t (id, name) VALUES (50, 'there')`)
	before := p.state()
	rows := func(n int, bad map[int]string) string {
		var b strings.Builder
		b.WriteString("id,name,n,up,price,late\n")
		for i := 1; i <= n; i++ {
			line := fmt.Sprintf("%d,r,1,1,1,", 1000+i)
			if s, ok := bad[i]; ok {
				line = s
			}
			b.WriteString(line + "\n")
		}
		return b.String()
	}
	for _, tt := range []struct{ name, file, content, want string }{
		{"a value of the wrong type", "a.csv", rows(3000, map[int]string{2345: "x,r,1,1,1,"}), `Row 2345, column id: invalid input syntax for type integer: "x"`},
		{"a value that is too long", "a.csv", rows(9, map[int]string{9: "9,toolong,1,1,1,"}), "Row 9, column name: value too long"},
		{"null in a required column", "a.csv", rows(3000, map[int]string{2999: "1,,1,1,1,"}), `Row 2999: null value in column "name"`},
		{"a domain", "a.csv", rows(300, map[int]string{7: "1,r,100,1,1,", 9: "1,,1,1,1,"}), "Row 7: value for domain small"},
		{"a foreign key", "a.csv", rows(300, map[int]string{300: "1,r,1,2,1,"}), "Row 300: insert or update on table \"t\" violates foreign key constraint \"t_up_fkey\": Key (up)=(2)"},
		{"a check", "a.csv", rows(300, map[int]string{1: "1,r,1,1,0,"}), "Row 1: new row for relation \"t\" violates check constraint"},
		{"a trigger", "a.csv", rows(2, map[int]string{2: "1,bad,1,1,1,"}), "Row 2: no bad names"},
		{"a row that is there", "a.csv", rows(300, map[int]string{151: "50,r,1,1,1,"}), "Row 151: duplicate key value violates unique constraint \"t_pkey\": Key (id)=(50)"},
		{"the same row twice", "a.csv", rows(300, map[int]string{100: "1001,r,1,1,1,"}), "Row 100: duplicate key"},
		{"checked at the end", "a.csv", rows(4, map[int]string{3: "1,r,1,1,1,5", 4: "2,r,1,1,1,5"}), "duplicate key value violates unique constraint \"t_late_key\""},
		{"too few fields", "a.csv", rows(9, map[int]string{4: "1,r"}), "Row 4: it has 2 fields, the header has 6"},
		{"one field", "a.csv", rows(9, map[int]string{4: "1"}), "Row 4: it has 1 field, the header has 6"},
		{"a quote without an end", "a.csv", rows(9, map[int]string{4: `1,"r`}), `Row 4: line 10, byte`},
		{"a quote within a field", "a.csv", rows(9, map[int]string{4: `1,r"r,1,1,1,`}), `Row 4: line 5, byte 4: bare "`},
		{"a column that is unknown", "a.csv", "id,nope\n1,2\n", `no column "nope"`},
		{"a column with an endless name", "a.csv", strings.Repeat("x", 1<<20) + ",id\n", `no column "` + strings.Repeat("x", 63) + `…"`},
		{"a column twice", "a.csv", "id,name,id\n1,2,3\n", `column "id" twice`},
		{"a header alone", "a.csv", "id,name\n", "no records"},
		{"an empty file", "a.csv", "", "empty"},
		{"an empty array", "a.json", "[]", "no records"},
		{"an empty file of JSON", "a.json", " ", "empty"},
		{"no array", "a.json", ` "id"`, "neither a JSON array"},
		{"text behind an object", "a.json", `{"id":1,"name":"a"} {}`, "text after"},
		{"an object without an end", "a.json", `{"id":1,"name":"a"`, "Row 1: it is not valid JSON"},
		{"half of a character", "a.json", `[{"id":1,"name":"\ud83d\ude00"},{"id":2,"name":"\ud800"}]`, `Row 2: it is not valid JSON: \ud800 is half of a character`},
		{"no objects", "a.json", `[{"id":1,"name":"a"},[1]]`, "Row 2: it is not an object"},
		{"an empty object", "a.json", `[{}]`, "Row 1: it has no fields"},
		{"a key that is unknown", "a.json", `[{"id":1,"name":"a"},{"id":2,"x\"y":1}]`, `Row 2: Table "t" has no column "x\"y"`},
		{"no comma", "a.json", `[{"id":1,"name":"a"} {"id":2}]`, "Row 2: it is not valid JSON"},
		{"no end", "a.json", `[{"id":1,"name":"a"}`, "does not end"},
		{"text behind it", "a.json", `[{"id":1,"name":"a"}] x`, "text after"},
		{"depth", "a.json", `[{"id":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}]`, "Row 1: it is not valid JSON"},
		{"NUL", "a.json", `[{"id":1,"name":"a\u0000"}]`, "Row 1: column name: text must not contain NUL"},
		{"an object for a number", "a.json", `[{"id":{"a":1},"name":"a"}]`, "Row 1, column id: invalid input syntax"},
		{"in the second set of keys", "a.json", `[{"id":1,"name":"a"},{"id":2,"name":"b","n":3},{"id":3,"name":"bad"}]`, "Row 3: no bad names"},
	} {
		p.Refused(p.upsert(tt.file, tt.content, "t"), 400, fault.InvalidInput, tt.want)
		if diff := cmp.Diff(before, p.state()); diff != "" {
			t.Fatalf("%s: rows changed:\n%s", tt.name, diff)
		}
	}
	p.Refused(p.upsert("a.csv", rows(300, map[int]string{100: "1001,again,1,1,1,"}), "table", "t", "upsertKey", "id"), 400, fault.InvalidInput, "Row 100: an earlier row of the file has the same key")
	semicolons := p.upsert("a.csv", "id;name\n1;a\n", "t")
	p.Refused(semicolons, 400, fault.InvalidInput, `no column "id;name"`)
	if next := semicolons.Envelope().NextActions; !strings.Contains(next, "commas") {
		t.Errorf("got the advice %q, want commas", next)
	}
	if got := p.audited("BULK_UPSERT"); got != "[]" || len(dbtest.Announced(p.news)) != 0 {
		t.Errorf("got audit rows %s and events of what failed, want none", got)
	}
	// The last of duplicate members counts, as in JavaScript.
	p.OK(p.upsert("a.json", `[{"id":1,"name":"a","name":"b"}]`, "t"), 200)
	if got := dbtest.Value[string](p.Product, `SELECT name FROM t WHERE id = 1`); got != "b" {
		t.Errorf("got %q, want b", got)
	}
}

func TestAFileMayBeOneObject(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`CREATE TABLE t (id int PRIMARY KEY, name text)`)
	a := p.OK(p.upsert("one.json", "\ufeff\r\n\t {\"id\": 1, \"name\": \"a [b]\"}\n", "t"), 200)
	p.Equal(a.Body, `{"success":true,"message":"1 of 1 records were written","table":"t","rowsAffected":1,"totalRecords":1,"filename":"one.json"}`)
	p.OK(p.upsert("one.json", `{"id":1,"name":null}`, "table", "t", "upsertKey", "id"), 200)
	if got := p.state(); got != `[{"id":1,"name":null}]` {
		t.Errorf("got rows %s", got)
	}
}

// An identity that is always generated is kept, as by COPY, and what is
// generated next does not meet it.
func TestRecordsKeepTheirIdentity(t *testing.T) {
	t.Parallel()
	for _, column := range []string{
		"bigint GENERATED ALWAYS AS IDENTITY", "int GENERATED BY DEFAULT AS IDENTITY (START 5 INCREMENT 5)", "serial",
		"smallint GENERATED ALWAYS AS IDENTITY (INCREMENT -1 MAXVALUE 100 MINVALUE -100 START 50)",
	} {
		p := start(t)
		p.ExecAdmin(`CREATE TABLE t (id ` + column + ` PRIMARY KEY, name text UNIQUE, n int)`)
		p.OK(p.upsert("spoons.csv", "id,name\n41,left\n7,right\n", "t"), 200)
		p.OK(p.upsert("spoons.json", `[{"name":"next"},{"id":40,"name":"given"}]`, "t"), 200)
		if got := dbtest.Value[string](p.Product, `SELECT string_agg(name, ',' ORDER BY id) FROM t WHERE id IN (7, 40, 41)`); got != "right,given,left" {
			t.Errorf("%s: got %s with the identities of the file", column, got)
		}
		next := dbtest.Value[string](p.Product, `INSERT INTO t (name) VALUES ('last') RETURNING id::text`)
		want := map[byte]string{'b': "43", 'i': "51", 's': "43"}[column[0]]
		if strings.HasPrefix(column, "smallint") {
			want = "5"
		}
		if next != want {
			t.Errorf("%s: got %s from the sequence next, want %s", column, next, want)
		}
		// By another key the row is there already, under its identity.
		p.OK(p.upsert("spoons.csv", "id,name,n\n41,left,5\n", "table", "t", "upsertKey", "name"), 200)
		a := p.upsert("spoons.csv", "id,name,n\n7,right,1\n99,left,6\n", "table", "t", "upsertKey", "name")
		if strings.Contains(column, "ALWAYS") {
			p.Refused(a, 400, fault.InvalidInput, `Row 2, column id: the row with this name has another value, and one that is GENERATED ALWAYS cannot be changed`)
		} else {
			p.OK(a, 200)
		}
		if got := dbtest.Value[int](p.Product, `SELECT n FROM t WHERE name = 'left'`); got != 5 && strings.Contains(column, "ALWAYS") {
			t.Errorf("%s: got n %d, want 5", column, got)
		}
	}
}

// A value that the sequence cannot reach, or a sequence that belongs to someone
// else, is not a reason to refuse rows.
func TestASequenceThatCannotFollowStays(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 10), name text)`)
	p.Exec(`CREATE TABLE theirs (id serial, name text)`)
	p.OK(p.upsert("a.csv", "id,name\n11,a\n", "t"), 200)
	if got := dbtest.Value[int](p.Product, `INSERT INTO t (name) VALUES ('b') RETURNING id`); got != 1 {
		t.Errorf("got %d, want what the sequence was at", got)
	}
	a := p.OK(p.upsert("a.csv", "id,name\n3,a\n", "theirs"), 200)
	if got := resttest.Member(a.Body, "message"); got != `1 of 1 records were written; the sequence of id is behind them: run SELECT setval('public.theirs_id_seq', 3)` {
		t.Errorf("got message %v", got)
	}
}

func TestUpsertRefuses(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`CREATE TABLE t (id int, name text, g int GENERATED ALWAYS AS (1) STORED)`)
	p.OnlyAdmins("POST", "/advance/bulk-upsert", ``)
	for name, tt := range map[string]struct {
		fields []string
		code   fault.Code
		want   string
	}{
		"no table":               {[]string{"x", "y"}, fault.InvalidInput, "table: Required"},
		"unknown table":          {[]string{"table", "nope"}, fault.InvalidInput, `"nope"`},
		"unknown schema":         {[]string{"table", "t", "schema", "nope"}, fault.InvalidInput, `"nope"`},
		"schema of Postgres":     {[]string{"table", "pg_class", "schema", "pg_catalog"}, fault.InvalidInput, "pg_catalog"},
		"malformed table":        {[]string{"table", `a"b`}, fault.DatabaseValidationError, "double quotes"},
		"malformed key":          {[]string{"table", "t", "upsertKey", "a\nb"}, fault.DatabaseValidationError, "control characters"},
		"unknown key":            {[]string{"table", "t", "upsertKey", "nope"}, fault.InvalidInput, `no column "nope"`},
		"key that is not unique": {[]string{"table", "t", "upsertKey", "id"}, fault.InvalidInput, "no unique or exclusion constraint"},
		"table of the product":   {[]string{"table", "secrets", "schema", "system"}, fault.InvalidInput, ""},
	} {
		t.Run(name, func(t *testing.T) { p.Refused(p.upsert("a.csv", "id\n1\n", tt.fields...), 400, tt.code, tt.want) })
	}
	p.Refused(p.upsert("a.csv", "id,g\n1,1\n", "t"), 400, fault.InvalidInput, `no column "g"`)
	p.Refused(p.upsert("a.tsv", "id\n1\n", "t"), 400, fault.InvalidInput, ".tsv")
	var sets strings.Builder
	for i := range 300 {
		fmt.Fprintf(&sets, `,{"c%d":1}`, i)
	}
	p.ExecAdmin(`DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE wide (' || string_agg('c' || n || ' int', ',') || ')' FROM generate_series(0, 299) n); END $$`)
	p.Refused(p.upsert("a.json", "["+sets.String()[1:]+"]", "wide"), 400, fault.InvalidInput, "Row 201: the file has more than 200 different sets of columns")
}
