package rawsql_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/database/rawsql"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	restricted   = "/advance/rawsql"
	unrestricted = "/advance/rawsql/unrestricted"
)

// product is the routes on a database of their own.
type product struct {
	dbtest.Product
	news *events.Subscription
	dir  string // of large results
}

func start(t *testing.T, limits rawsql.Limits) product {
	t.Helper()
	db, bus, dir := pgtest.New(t), &events.Bus{}, t.TempDir()
	service := rawsql.New(rawsql.Deps{DB: db, Audit: audit.NewRecorder(pgtest.AuditToken), Events: bus, TempDir: dir, Limits: limits})
	return product{Product: dbtest.New(t, db, service.Mount), news: bus.Subscribe(), dir: dir}
}

// body is a request of a text and, where given, parameters.
func body(sql string, params ...any) string {
	b, err := json.Marshal(map[string]any{"query": sql, "params": params})
	if len(params) == 0 {
		b, err = json.Marshal(map[string]any{"query": sql})
	}
	if err != nil {
		panic(err)
	}
	return string(b)
}

// run runs SQL as the project's admin.
func (p product) run(sql string, params ...any) resttest.Answer {
	p.T.Helper()
	return p.Call(http.MethodPost, restricted, body(sql, params...))
}

// root runs SQL as the owner.
func (p product) root(sql string, params ...any) resttest.Answer {
	p.T.Helper()
	return p.Call(http.MethodPost, unrestricted, body(sql, params...))
}

// rows are the rows of a good answer.
func (p product) rows(a resttest.Answer) any {
	p.T.Helper()
	return resttest.Member(p.OK(a, http.StatusOK).Body, "rows")
}

func TestOnlyAdministratorsRunSQL(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	for _, path := range []string{restricted, unrestricted} {
		p.OnlyAdmins(http.MethodPost, path, body("SELECT 1"))
		p.Equal(p.rows(p.CallAs(resttest.APIKey, http.MethodPost, path, body("SELECT 1 AS a"))), `[{"a":1}]`)
	}
}

func TestRequestsThatAreMalformed(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	for _, c := range []struct {
		name, body, says string
		status           int
		code             fault.Code
	}{
		{"nothing", `{}`, "query: Required", 400, fault.InvalidInput},
		{"no JSON", `{`, "Invalid JSON", 400, fault.InvalidInput},
		{"an empty text", `{"query":""}`, "query: String must contain at least 1 character(s)", 400, fault.InvalidInput},
		{"other types", `{"query":1,"params":{},"explain":"yes"}`,
			"query: Expected string, received number, params: Expected array, received object, explain: Expected boolean, received string", 400, fault.InvalidInput},
		{"null", `{"query":"SELECT 1","params":null}`, "params: Expected array, received null", 400, fault.InvalidInput},
		{"NUL", `{"query":"SELECT '\u0000'"}`, "NUL", 400, fault.InvalidInput},
		{"NUL in a parameter", `{"query":"SELECT $1::text","params":["a\u0000"]}`, "params.0: text must not contain NUL", 400, fault.InvalidInput},
		{"half of a character in a parameter", `{"query":"SELECT $1","params":["\ud800"]}`, `params: Invalid JSON: \ud800 is half of a character`, 400, fault.InvalidInput},
		{"not UTF-8", "{\"query\":\"SELECT '\xff'\"}", "not UTF-8", 400, fault.InvalidInput},
		{"parameters of two statements", `{"query":"SELECT $1; SELECT 2","params":[1]}`, "single statement", 400, fault.InvalidInput},
		{"too few parameters of arrays", `{"query":"SELECT $1::int, $2::int[]","params":[[1]]}`, "2 parameter(s)", 400, fault.InvalidInput},
		{"explaining a write", `{"query":"DELETE FROM t","explain":true}`, "exactly one SELECT", 400, fault.InvalidInput},
		{"explaining two", `{"query":"SELECT 1; SELECT 2","explain":true}`, "exactly one SELECT", 400, fault.InvalidInput},
		{"explaining nothing", `{"query":" ","explain":true}`, "exactly one SELECT", 400, fault.InvalidInput},
		{"explaining WITH … INSERT", `{"query":"WITH a AS (SELECT 1) INSERT INTO t SELECT 1","explain":true}`, "exactly one SELECT", 400, fault.InvalidInput},
		{"a syntax error", body("SELEC 1"), `syntax error at or near "SELEC"`, 403, fault.Forbidden},
		{"a syntax error in the second statement", body("SELECT 1; SELECT FROM FROM"), "syntax error", 403, fault.Forbidden},
		{"an open string", body("SELECT 'a"), "unterminated string", 403, fault.Forbidden},
		{"rows for COPY", body("COPY t FROM STDIN;\n1\n\\."), "COPY", 403, fault.Forbidden},
		{"a command of psql", body(`\d`), "psql", 403, fault.Forbidden},
		{"the word", body("SELECT 1 -- set_config"), "set_config", 403, fault.Forbidden},
		{"a guard", body("COMMIT"), "Transaction control", 403, fault.Forbidden},
		{"a table that is not there", body("SELECT * FROM nowhere"), `relation "nowhere" does not exist`, 400, fault.DatabaseValidationError},
		{"a division by zero in the last row", body("SELECT 1 / (3 - a) FROM generate_series(1, 3) a"), "division by zero", 400, fault.DatabaseValidationError},
		{"a syntax error inside a function", body("DO $$ BEGIN EXECUTE 'SELEC'; END $$"), "syntax error", 400, fault.DatabaseValidationError},
		{"a table that is there", body("CREATE TABLE auth_copy (); CREATE TABLE auth_copy ()"), `relation "auth_copy" already exists`, 400, fault.DatabaseValidationError},
		{"an unknown function", body("SELECT nothing_of_that_name()"), "function nothing_of_that_name() does not exist", 400, fault.DatabaseValidationError},
		{"its own exception", body("DO $$ BEGIN RAISE 'not today' USING ERRCODE = 'MY001'; END $$"), "not today", 400, fault.DatabaseValidationError},
		{"text that is not a number", body("SELECT 'x'::int"), "invalid input syntax for type integer", 400, fault.DatabaseValidationError},
		{"a constraint at the end", body("CREATE TEMP TABLE d (n int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO d VALUES (1), (1)"), "duplicate key", 409, fault.DatabaseDuplicate},
		{"a parameter without a value", body("SELECT $1::int"), "number of parameters in the SQL", 400, fault.DatabaseValidationError},
		{"a value too many", body("SELECT $1::int", 1, 2), "number of parameters in the SQL", 400, fault.DatabaseValidationError},
		{"a parameter in several statements", body("SELECT 1; SELECT $1::int"), "number of parameters in the SQL", 400, fault.DatabaseValidationError},
		{"a missing parameter", body("SELECT $2::int", 1), "data type of parameter $1", 400, fault.DatabaseValidationError},
	} {
		for _, path := range []string{restricted, unrestricted} {
			q := p
			q.T = t
			a := q.Call(http.MethodPost, path, c.body)
			body, _ := a.Body.(map[string]any)
			message, _ := body["message"].(string)
			if a.Status != c.status || body["error"] != string(c.code) || !strings.Contains(message, c.says) {
				t.Errorf("%s: got %d %s, want %d %s with %q", c.name, a.Status, a.Text, c.status, c.code, c.says)
			}
		}
	}
	a := p.run("SELECT 1;\n\nSELECT\n  é, nothing")
	if next := resttest.Member(a.Body, "nextActions"); next != "Look at line 4 of the SQL (character 10 of the statement). SQLSTATE 42703. None of the statements had any effect." {
		t.Errorf("got %q, want the line", next)
	}
	a = p.run(`DO $$ BEGIN RAISE 'no' USING HINT = 'Come back', DETAIL = 'It is late.'; END $$`)
	if next := resttest.Member(a.Body, "nextActions"); next != "Look at line 1 of the SQL. Come back. It is late. SQLSTATE P0001." {
		t.Errorf("got %q, want Postgres's words", next)
	}
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM system.audit_logs`); got != 0 {
		t.Errorf("%d audit rows of what was refused", got)
	}
	if got := dbtest.Announced(p.news); got != nil {
		t.Errorf("announced %v", got)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	for _, c := range []struct{ name, body, want string }{
		{"rows", body("SELECT 1 AS id, 'a' AS name UNION ALL SELECT 2, NULL"),
			`{"rows":[{"id":1,"name":"a"},{"id":2,"name":null}],"rowCount":2,"fields":[{"name":"id","dataTypeID":23},{"name":"name","dataTypeID":25}]}`},
		{"no rows", body("SELECT 1 AS a WHERE false"), `{"rows":[],"rowCount":0,"fields":[{"name":"a","dataTypeID":23}]}`},
		{"nothing to run", body(" -- \n;"), `{"rows":[],"rowCount":null,"fields":[]}`},
		{"DDL", body("CREATE TABLE t (id int PRIMARY KEY, v jsonb, n numeric, w text[])"), `{"rows":[],"rowCount":null,"fields":[]}`},
		{"a trailing semicolon", body("INSERT INTO t VALUES (1), (2);"), `{"rows":[],"rowCount":2,"fields":[]}`},
		{"RETURNING", body("UPDATE t SET n = 1.50 WHERE id = 1 RETURNING id, n"),
			`{"rows":[{"id":1,"n":"1.50"}],"rowCount":1,"fields":[{"name":"id","dataTypeID":23},{"name":"n","dataTypeID":1700}]}`},
		{"several statements", body("SELECT 1; INSERT INTO t VALUES (3); SELECT 2"), `{"rows":[]}`},
		{"no columns", body("SELECT FROM t"), `{"rows":[{},{},{}],"rowCount":3,"fields":[]}`},
		{"one name twice: the last", body("SELECT 1 AS a, 2 AS b, 'x' AS a"),
			`{"rows":[{"a":"x","b":2}],"rowCount":1,"fields":[{"name":"a","dataTypeID":23},{"name":"b","dataTypeID":23},{"name":"a","dataTypeID":25}]}`},
		{"types", body(`SELECT 9007199254740993::int8 AS i, 1.5::float8 AS f, 'NaN'::float8 AS nan, true AS b, '{"a": [1]}'::jsonb AS j,
			timestamptz '2024-01-02 03:04:05.678901+02' AS t, date '2024-01-02' AS d, interval '1 day 02:00' AS v, point '(1,2)' AS p,
			'\x0102'::bytea AS y, ARRAY[1, NULL] AS a, '{public}'::name[] AS n, '12:00'::time AS c, "char" 'x' AS "é\"""`),
			`{"rows":[{"i":"9007199254740993","f":1.5,"nan":null,"b":true,"j":{"a":[1]},"t":"2024-01-02T01:04:05.678Z","d":"2024-01-02T00:00:00.000Z",
			"v":{"days":1,"hours":2},"p":{"x":1,"y":2},"y":{"type":"Buffer","data":[1,2]},"a":[1,null],"n":"{public}","c":"12:00:00","é\\\"":"x"}],"rowCount":1,
			"fields":[{"name":"i","dataTypeID":20},{"name":"f","dataTypeID":701},{"name":"nan","dataTypeID":701},{"name":"b","dataTypeID":16},{"name":"j","dataTypeID":3802},
			{"name":"t","dataTypeID":1184},{"name":"d","dataTypeID":1082},{"name":"v","dataTypeID":1186},{"name":"p","dataTypeID":600},{"name":"y","dataTypeID":17},
			{"name":"a","dataTypeID":1007},{"name":"n","dataTypeID":1003},{"name":"c","dataTypeID":1083},{"name":"é\\\"","dataTypeID":18}]}`},
	} {
		a := p.Call(http.MethodPost, restricted, c.body)
		if a.Status != http.StatusOK {
			t.Errorf("%s: got %d %s", c.name, a.Status, a.Text)
			continue
		}
		var want any
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(want, a.Body); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	p.OK(p.run(`CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN doc AS jsonb; CREATE DOMAIN tags AS text[]`), 200)
	for _, c := range []struct{ name, sql, params, want string }{
		{"text", `SELECT $1::text AS v`, `["it's; DROP TABLE t --"]`, `"it's; DROP TABLE t --"`},
		{"null", `SELECT $1::text AS v`, `[null]`, `null`},
		{"an integer", `SELECT $1::int + 1 AS v`, `[41]`, `42`},
		{"an integer with a fraction of zero", `SELECT $1::int AS v`, `[41.0]`, `41`},
		{"an integer with an exponent", `SELECT $1::int AS v`, `[-1e3]`, `-1000`},
		{"every digit", `SELECT $1::numeric AS v`, `[123456789012345678901234567890.10]`, `"123456789012345678901234567890.10"`},
		{"a boolean", `SELECT NOT $1::bool AS v`, `[true]`, `false`},
		{"a time", `SELECT $1::timestamptz AS v`, `["2024-01-02T03:04:05.678Z"]`, `"2024-01-02T03:04:05.678Z"`},
		{"an object as JSON", `SELECT $1::jsonb AS v`, `[{"b":[1,null,"x"],"a":"é\u0001"}]`, `{"b":[1,null,"x"],"a":"é\u0001"}`},
		{"an array as JSON, for a column of JSON", `SELECT $1::jsonb AS v`, `[[1,{"a":2}]]`, `[1,{"a":2}]`},
		{"and for a domain of it", `SELECT $1::doc AS v`, `[[1,2]]`, `[1,2]`},
		{"text as JSON text", `SELECT $1::jsonb AS v`, `["{\"a\":1}"]`, `{"a":1}`},
		{"an array", `SELECT $1::int[] AS v`, `[[1,2,null]]`, `[1,2,null]`},
		{"an array of hostile text", `SELECT $1::text[] AS v`, `[["a,b","{c}","\"d\\","","NULL",null]]`, `["a,b","{c}","\"d\\","","NULL",null]`},
		{"ANY", `SELECT count(*)::int AS v FROM generate_series(1, 9) g WHERE g = ANY ($1)`, `[[1,5,99]]`, `2`},
		{"an array of arrays", `SELECT $1::int[] AS v`, `[[[1,2],[3,4]]]`, `[[1,2],[3,4]]`},
		{"an array of an enum", `SELECT $1::mood[] AS v`, `[["sad","ok"]]`, `"{sad,ok}"`},
		{"an array for a domain", `SELECT $1::tags AS v`, `[["a","b c"]]`, `["a","b c"]`},
		{"an array of JSON", `SELECT $1::jsonb[] AS v`, `[[{"a":1},[2]]]`, `[{"a":1},[2]]`},
		{"several", `SELECT ($1::int + $3::int) || $2 || ($4::int[])[2] AS v`, `[1,"x",2,[7,8]]`, `"3x8"`},
		{"no parameters", `SELECT 1 AS v`, `[]`, `1`},
	} {
		sql, err := json.Marshal(c.sql)
		if err != nil {
			t.Fatal(err)
		}
		a := p.Call(http.MethodPost, restricted, `{"query":`+string(sql)+`,"params":`+c.params+`}`)
		rows, _ := resttest.Member(a.Body, "rows").([]any)
		if a.Status != 200 || len(rows) != 1 {
			t.Errorf("%s: got %d %s", c.name, a.Status, a.Text)
			continue
		}
		var want any
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, resttest.Member(rows[0], "v")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	p.Refused(p.Call(http.MethodPost, restricted, `{"query":"SELECT $1::int[]","params":[`+deep+`]}`), 400, fault.InvalidInput, "at most 6 dimensions")
	many := strings.Repeat("1,", 65535) + "1"
	p.Refused(p.Call(http.MethodPost, restricted, `{"query":"SELECT 1","params":[`+many+`]}`), 400, fault.InvalidInput, "65535")
}

func TestAPlanIsMadeAndUndone(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	p.OK(p.run("CREATE TABLE t (a int)"), 200)
	dbtest.Announced(p.news)
	a := p.OK(p.Call(http.MethodPost, restricted, `{"query":"WITH x AS (INSERT INTO t VALUES ($1) RETURNING a) SELECT * FROM x;","params":[1],"explain":true}`), 200)
	rows, _ := resttest.Member(a.Body, "rows").([]any)
	if len(rows) != 1 {
		t.Fatalf("got %s, want one row", a.Text)
	}
	plans, _ := resttest.Member(rows[0], "QUERY PLAN").([]any)
	if len(plans) != 1 || resttest.Member(plans[0], "Execution Time") == nil {
		t.Errorf("got %s, want a plan that was run", a.Text)
	}
	p.Equal(p.rows(p.run("SELECT count(*)::int FROM t")), `[{"count":0}]`)
	if got := dbtest.Announced(p.news); got != nil {
		t.Errorf("announced %v", got)
	}
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM system.audit_logs WHERE details ->> 'explain' = 'true' AND details ->> 'paramCount' = '1'`); got != 1 {
		t.Errorf("%d audit rows, want 1", got)
	}
}

func TestWhatWasRunIsAuditedAndAnnounced(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	long := "SELECT '" + strings.Repeat("é", 400) + "'"
	p.OK(p.run(`CREATE TABLE t (a int)`), 200)
	p.OK(p.CallAs(resttest.APIKey, http.MethodPost, restricted, body(`INSERT INTO t VALUES ($1), (2)`, 1)), 200)
	p.OK(p.root(`INSERT INTO public.t VALUES (3); ALTER TABLE t ADD b int; INSERT INTO t VALUES (4); CREATE INDEX ON t (a)`), 200)
	p.OK(p.run(long), 200)
	got := dbtest.Value[string](p.Product, `SELECT json_agg(json_build_object('actor', actor, 'action', action, 'module', module,
		'ip', host(ip_address), 'details', details) ORDER BY created_at)::text FROM system.audit_logs`)
	var rows any
	if err := json.Unmarshal([]byte(got), &rows); err != nil {
		t.Fatal(err)
	}
	p.Equal(rows, `[
		{"actor":"local:admin","action":"EXECUTE_RAW_SQL","module":"DATABASE","ip":"192.0.2.7",
		 "details":{"query":"CREATE TABLE t (a int)","paramCount":0,"executionRole":"project_admin","explain":false}},
		{"actor":"api-key","action":"EXECUTE_RAW_SQL","module":"DATABASE","ip":"192.0.2.7",
		 "details":{"query":"INSERT INTO t VALUES ($1), (2)","paramCount":1,"executionRole":"project_admin","explain":false,"rowsAffected":2}},
		{"actor":"local:admin","action":"EXECUTE_RAW_SQL_UNRESTRICTED","module":"DATABASE","ip":"192.0.2.7",
		 "details":{"query":"INSERT INTO public.t VALUES (3); ALTER TABLE t ADD b int; INSERT INTO t VALUES (4); CREATE INDEX ON t (a)","paramCount":0,"executionRole":"root","explain":false}},
		{"actor":"local:admin","action":"EXECUTE_RAW_SQL","module":"DATABASE","ip":"192.0.2.7",
		 "details":{"query":"SELECT '`+strings.Repeat("é", 292)+`","paramCount":0,"executionRole":"project_admin","explain":false,"rowsAffected":1}}]`)
	update := func(changes ...events.Change) events.Event {
		return events.DataUpdate{Resource: events.Database, Changes: changes}
	}
	if diff := cmp.Diff([]events.Event{
		update(events.Change{Type: "tables"}), update(events.Change{Type: "records", Name: "t"}),
		update(events.Change{Type: "records", Name: "t"}, events.Change{Type: "table", Name: "t"}, events.Change{Type: "index"}),
	}, dbtest.Announced(p.news)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// Editors leave a byte order mark at the beginning of a file.
func TestAByteOrderMarkIsNotSQL(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	p.Equal(p.rows(p.run("\ufeffSELECT 1 AS n")), `[{"n":1}]`)
	p.Equal(p.rows(p.run("\ufeff SELECT $1::int AS n", 2)), `[{"n":2}]`)
	p.Refused(p.run("\ufeffRESET ROLE"), 403, fault.Forbidden, "RESET role is not allowed")
}
