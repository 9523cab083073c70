package changes_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/changes"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestOnlyAdminsMigrate(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.OnlyAdmins("GET", "/migrations", "")
	p.OnlyAdmins("POST", "/migrations", migration("1", "CREATE TABLE t ()"))
	p.OnlyAdmins("POST", "/migrations/dry-run", `{"sql":"CREATE TABLE t ()"}`)
	p.untouched("refused callers")
}

func TestAMigrationIsAppliedRecordedAndAnnounced(t *testing.T) {
	t.Parallel()
	p := start(t)
	notified := p.listen()
	const sql = "-- posts\nCREATE TABLE posts (id int PRIMARY KEY, title text);\n\nALTER TABLE posts ENABLE ROW LEVEL SECURITY; CREATE POLICY all_of_it ON posts USING (true);\nINSERT INTO posts VALUES (1, 'a;b');"
	got := p.OK(p.Call("POST", "/migrations", `{"version":"20260101000000","name":" create-posts ","sql":`+resttest.JSON(sql)+`}`), http.StatusCreated)
	body := got.Body.(map[string]any)
	at, _ := body["createdAt"].(string)
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", at); err != nil {
		t.Errorf("got createdAt %q, want ISO 8601", at)
	}
	delete(body, "createdAt")
	statements := `["CREATE TABLE posts (id int PRIMARY KEY, title text)","ALTER TABLE posts ENABLE ROW LEVEL SECURITY","CREATE POLICY all_of_it ON posts USING (true)","INSERT INTO posts VALUES (1, 'a;b')"]`
	p.Equal(body, `{"version":"20260101000000","name":"create-posts","statements":`+statements+`,"message":"Migration executed successfully"}`)
	p.Equal(p.OK(p.Call("GET", "/migrations", ""), 200).Body,
		`{"migrations":[{"version":"20260101000000","name":"create-posts","statements":`+statements+`,"createdAt":"`+at+`"}]}`)

	if owner := dbtest.Value[string](p.Product, `SELECT relowner::regrole::text FROM pg_class WHERE oid = 'public.posts'::regclass`); owner != "project_admin" {
		t.Errorf("got owner %s, want project_admin", owner)
	}
	p.Equal(decode(t, dbtest.Value[string](p.Product, `
		SELECT jsonb_agg(to_jsonb(a) - 'id' - 'created_at' - 'updated_at')::text FROM system.audit_logs a`)),
		`[{"actor":"local:admin","action":"CREATE_CUSTOM_MIGRATION","module":"DATABASE","ip_address":"192.0.2.7",
		   "details":{"name":"create-posts","version":"20260101000000","statementCount":4}}]`)
	want := []events.Event{events.DataUpdate{Resource: events.Database, Changes: []events.Change{
		{Type: "migration"}, {Type: "tables"}, {Type: "table", Name: "posts"}, {Type: "policy"}, {Type: "records", Name: "posts"}}}}
	if diff := cmp.Diff(want, dbtest.Announced(p.news)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"reload schema"}, p.heard(notified)); diff != "" {
		t.Errorf("notified (-want +got):\n%s", diff)
	}
	named := p.OK(p.Call("POST", "/migrations", `{"version":"20260101000002","name":"add_2_posts-again","sql":"SELECT 1"}`), http.StatusCreated)
	if name := resttest.Member(named.Body, "name"); name != "add_2_posts-again" {
		t.Errorf("got name %v", name)
	}
	p.heard(notified)
	p.OK(p.CallAs(resttest.APIKey, "POST", "/migrations", migration("20260101000003", "INSERT INTO posts VALUES (2, 'x')")), http.StatusCreated)
	if diff := cmp.Diff([]string{"reload schema"}, p.heard(notified)); diff != "" {
		t.Errorf("notified without DDL (-want +got):\n%s", diff)
	}
}

func TestPartitionsGetTheRowSecurityOfTheirTable(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.OK(p.apply("1", dbtest.MakesPartition("parts")), http.StatusCreated)
	p.RowSecurity("parts_1")
}

func TestMigrationsAreListedInPages(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Equal(p.OK(p.Call("GET", "/migrations", ""), 200).Body, `{"migrations":[]}`)
	for _, version := range []string{"1", "2", "10", "30"} {
		p.OK(p.apply(version, "SELECT '<é>'"), http.StatusCreated)
	}
	for query, want := range map[string]string{
		"": "[30 10 2 1]", "?limit=2": "[30 10]", "?limit=2&offset=1": "[10 2]", "?offset=3": "[1]", "?offset=4": "[]", "?limit=": "[30 10 2 1]",
	} {
		a := p.OK(p.Call("GET", "/migrations"+query, ""), 200)
		list, _ := resttest.Member(a.Body, "migrations").([]any)
		got := []any{}
		for _, m := range list {
			got = append(got, resttest.Member(m, "version"))
		}
		if fmt.Sprint(got) != want || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%q: got %v as %s, want %s", query, got, a.Header.Get("Content-Type"), want)
		}
	}
	for query, part := range map[string]string{"limit=0": "limit", "limit=x": "limit", "limit=99999999999999999999": "limit", "offset=-1": "offset", "offset=1.5": "offset"} {
		p.Refused(p.Call("GET", "/migrations?"+query, ""), http.StatusBadRequest, fault.InvalidInput, part)
	}
}

func TestMigrationsAreListedOneByOne(t *testing.T) {
	t.Parallel()
	p := start(t)
	const count, size = 20, 1 << 20
	p.Exec(`INSERT INTO system.custom_migrations (version, name, statements)
		SELECT i, 'large', ARRAY[repeat('x', $2)] FROM generate_series(1, $1::int) i`, count, size)
	r := httptest.NewRequest("GET", dbtest.Prefix+"/migrations", nil)
	r.Header.Set("Authorization", resttest.AdminToken)
	w := &parts{ResponseRecorder: httptest.NewRecorder()}
	p.Handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.Len() < count*size || w.largest > 2*size {
		t.Errorf("got %d with %d bytes, up to %d at once; want at least %d, at most %d at once", w.Code, w.Body.Len(), w.largest, count*size, 2*size)
	}
}

// parts is a response that knows the largest of its parts.
type parts struct {
	*httptest.ResponseRecorder
	largest int
}

// Write implements io.Writer.
func (w *parts) Write(b []byte) (int, error) {
	w.largest = max(w.largest, len(b))
	return w.ResponseRecorder.Write(b)
}

func TestVersionsAreNumbersThatGrow(t *testing.T) {
	t.Parallel()
	p := start(t)
	largest := strings.Repeat("9", 64)
	for _, v := range []string{"9", "10", "0000000011", "99999999999999999999999999", largest} {
		p.OK(p.apply(v, "SELECT 1"), http.StatusCreated)
		for _, old := range []string{v, "0" + v, "8", "0"} {
			if len(old) <= 64 {
				p.Refused(p.apply(old, "CREATE TABLE never ()"), http.StatusConflict, fault.DatabaseMigrationAlreadyExists, v)
			}
		}
	}
	var versions []string
	for _, m := range resttest.Member(p.OK(p.Call("GET", "/migrations", ""), 200).Body, "migrations").([]any) {
		versions = append(versions, resttest.Member(m, "version").(string))
	}
	if diff := cmp.Diff([]string{largest, "99999999999999999999999999", "0000000011", "10", "9"}, versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	if n := dbtest.Value[int](p.Product, `SELECT count(*) FROM pg_class WHERE relname = 'never'`); n != 0 {
		t.Error("a migration that came too late was run")
	}
}

func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Equal(p.OK(p.Call("GET", "/migrations", ""), 200).Body, `{"migrations":[]}`)
	const version, name = "Migration version must be", "Migration name must be"
	for body, message := range map[string]string{
		``: "version: Required, name: Required, sql: Required", `{"name":"a","sql":"x"}`: "Required",
		`{"version":1,"name":"a","sql":"x"}`:                                 "Expected string, received number",
		`{"version":"1","name":"a","sql":""}`:                                "String must contain at least 1 character(s)",
		`{"version":"1","name":"a","sql":null}`:                              "Expected string, received null",
		`{"version":"-1","name":"a","sql":"x"}`:                              version,
		`{"version":"` + strings.Repeat("1", 65) + `","name":"a","sql":"x"}`: version,
		`{"version":"1\n","name":"a","sql":"x"}`:                             version,
		`{"version":"١","name":"a","sql":"x"}`:                               version,
		`{"version":"1","name":"A","sql":"x"}`:                               name,
		`{"version":"1","name":" ","sql":"x"}`:                               name,
		`{"version":"1","name":"a b","sql":"x"}`:                             name,
		`{"version":"x","name":"A","sql":"x"}`:                               "version: " + version,
		`{"version":"1","name":"a","sql":"-- nothing\n;;"}`:                  "no SQL statement",
		`[]`: "Expected object",
		`{"version":"1","name":"a","sql":"` + "\xff" + `"}`: "UTF-8",
		`{"version":"1","name":"a","sql":"SELECT 1"`:        "JSON",
	} {
		got := p.Call("POST", "/migrations", body)
		p.Refused(got, 400, fault.InvalidInput, message)
		if text := resttest.Member(got.Body, "message").(string); !strings.Contains(message, ": ") && strings.HasPrefix(text, "version: ") {
			t.Errorf("%s: got %q, want no path before a lone complaint", body, text)
		}
	}
	p.Refused(p.Call("POST", "/migrations/dry-run", `{}`), 400, fault.InvalidInput, "Required")
	p.Refused(p.Call("POST", "/migrations/dry-run", `{"sql":[]}`), 400, fault.InvalidInput, "Expected string")
	p.untouched("malformed requests")
}

func TestWhatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	p := start(t)
	notified := p.listen()
	for _, tt := range []struct {
		sql, part string
		status    int
		code      fault.Code
	}{
		// Guards and text that does not parse.
		{"COMMIT", "Transaction control", 403, fault.Forbidden},
		{"SET ROLE anon", "SET role", 403, fault.Forbidden},
		{"SELECT set_config('role', 'anon', false)", "set_config", 403, fault.Forbidden},
		{"CREATE ROLE evil SUPERUSER", "CREATE ROLE", 403, fault.Forbidden},
		{"DROP DATABASE postgres", "DROP DATABASE", 403, fault.Forbidden},
		{"SELECT 'open", "unterminated", 403, fault.Forbidden},
		{"SELEC 1", "syntax error", 403, fault.Forbidden},
		{"SELECT 'a\x00b'", "NUL", 400, fault.InvalidInput},
		{"SELECT 1\x00; COMMIT", "NUL", 400, fault.InvalidInput},
		{"COPY t FROM STDIN", "COPY", 403, fault.Forbidden},
		{`\d`, "psql", 403, fault.Forbidden},
		// SQL that fails, by the map.
		{"INSERT INTO missing VALUES (1)", "does not exist", 400, fault.DatabaseValidationError},
		{"INSERT INTO a VALUES (1), (1)", "duplicate key", 409, fault.DatabaseDuplicate},
		{"INSERT INTO a VALUES (NULL)", "null value", 400, fault.MissingField},
		{"CREATE TABLE system.mine ()", "permission denied", 403, fault.Forbidden},
		{"SELECT 1/0", "division by zero", 400, fault.DatabaseValidationError},
		{"DO $$ BEGIN EXECUTE 'SELEC 1'; END $$", "syntax error", 400, fault.DatabaseValidationError},
		{"VACUUM", "transaction block", 400, fault.DatabaseValidationError},
		{"CREATE INDEX CONCURRENTLY ON a (id)", "transaction block", 400, fault.DatabaseValidationError},
		{"DO $$ BEGIN COMMIT; END $$", "invalid transaction termination", 400, fault.DatabaseValidationError},
		{"COPY a TO '/tmp/x'", "COPY to a file", 403, fault.Forbidden},
		{"CREATE TABLE c (id int REFERENCES a DEFERRABLE INITIALLY DEFERRED); INSERT INTO c VALUES (1)", "foreign key", 400, fault.DatabaseConstraintViolation},
	} {
		p.Refused(p.apply("1", "CREATE TABLE a (id int PRIMARY KEY);\n"+tt.sql), tt.status, tt.code, tt.part)
		p.untouched(tt.sql)
	}
	if all := p.heard(notified); all != nil {
		t.Errorf("got %v notified", all)
	}
	got := p.apply("1", "SELECT 1;\n\nSELECT 1;\nSELECT nothing")
	if next, _ := resttest.Member(got.Body, "nextActions").(string); !strings.Contains(next, "Statement 3 of 3 failed, in line 4") || !strings.Contains(next, "Nothing was changed") {
		t.Errorf("got %s, want the statement that failed", got.Text)
	}
}

func TestTextsThatAreTooLong(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Refused(p.apply("1", "SELECT '"+strings.Repeat("x", 16<<20)+"'"), http.StatusRequestEntityTooLarge, fault.InvalidInput, "longer")
	p.Refused(p.dryRun("SELECT '"+strings.Repeat("x", 16<<20)+"'"), http.StatusRequestEntityTooLarge, fault.InvalidInput, "longer")
	p.Refused(p.apply("1", strings.Repeat("SELECT 1;", 10_001)), 403, fault.Forbidden, "10000 statements")
	p.Refused(p.apply("1", "SELECT "+strings.Repeat("(", 200_000)), 403, fault.Forbidden, "memory exhausted")
	p.untouched("long texts")
	p.OK(p.apply("1", "CREATE TABLE big (t text); INSERT INTO big VALUES ('"+strings.Repeat("é", 5<<20)+"');"+strings.Repeat("SELECT 1;", 1000)), http.StatusCreated)
	if n := dbtest.Value[int](p.Product, `SELECT length(t) FROM big`); n != 5<<20 {
		t.Errorf("got %d characters, want %d", n, 5<<20)
	}
}

func TestOfConcurrentMigrationsOneWins(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	processes := []product{startOn(t, db, changes.Limits{}), startOn(t, db, changes.Limits{})}
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for i := range 8 {
		p := processes[i%2]
		wg.Go(func() {
			a := p.apply("1", fmt.Sprintf(`CREATE TABLE IF NOT EXISTS t (n int); INSERT INTO t VALUES (%d)`, i))
			mu.Lock()
			defer mu.Unlock()
			code, _ := resttest.Member(a.Body, "error").(string)
			got[fmt.Sprintf("%d %s", a.Status, code)]++
		})
	}
	wg.Wait()
	if diff := cmp.Diff(map[string]int{"201 ": 1, "409 DATABASE_MIGRATION_ALREADY_EXISTS": 7}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if n := dbtest.Value[int](processes[0].Product, `SELECT count(*) FROM t`); n != 1 {
		t.Errorf("got %d rows, want those of one migration", n)
	}

	// Versions that differ are applied in order, or come too late.
	for i := range 10 {
		p := processes[i%2]
		wg.Go(func() { p.apply(fmt.Sprint(100+i), fmt.Sprintf(`INSERT INTO t VALUES (%d)`, 100+i)) })
	}
	wg.Wait()
	p := processes[0].Product
	if same := dbtest.Value[bool](p, `
		SELECT (SELECT array_agg(n ORDER BY n) FROM t WHERE n >= 100)
		     = (SELECT array_agg(version::int ORDER BY version::int) FROM system.custom_migrations WHERE version::int >= 100)`); !same {
		t.Error("what was applied is not what was recorded")
	}
	if ordered := dbtest.Value[bool](p, `
		SELECT bool_and(ok) FROM (SELECT version::int > lag(version::int, 1, 0) OVER (ORDER BY ctid) AS ok FROM system.custom_migrations) o`); !ordered {
		t.Error("an older version was applied after a newer one")
	}
}

// Editors leave a byte order mark, and files are concatenated.
func TestAByteOrderMarkIsNotPartOfAMigration(t *testing.T) {
	t.Parallel()
	p := start(t)
	const sql = "\ufeffCREATE TABLE a ();\n\ufeffCREATE TABLE b ()"
	p.Equal(resttest.Member(p.OK(p.Call("POST", "/migrations/dry-run", `{"sql":`+resttest.JSON(sql)+`}`), 200).Body, "valid"), `true`)
	got := p.OK(p.Call("POST", "/migrations", migration("1", sql)), http.StatusCreated)
	p.Equal(resttest.Member(got.Body, "statements"), `["CREATE TABLE a ()","CREATE TABLE b ()"]`)
}
