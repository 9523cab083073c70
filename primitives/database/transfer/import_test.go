package transfer_test

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func (p product) importSQL(sql string, fields ...string) resttest.Answer {
	p.T.Helper()
	return p.upload(context.Background(), "/import", "dump.sql", sql, fields...)
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestAnImportRunsAFile(t *testing.T) {
	t.Parallel()
	p := start(t)
	const sql = "\ufeff-- two tables\nCREATE TABLE a (id int PRIMARY KEY);\nCREATE TABLE IF NOT EXISTS \"B;\" (t text);\n" +
		"INSERT INTO a VALUES (1), (2);\nINSERT INTO public.\"B;\" SELECT 'x;' FROM a; INSERT INTO \"B;\" VALUES ('y')"
	a := p.OK(p.importSQL(sql), 200)
	p.Equal(a.Body, `{"success":true,"message":"SQL file imported successfully: 5 rows","filename":"dump.sql","tables":["a","B;"],"rowsImported":5,"fileSize":`+fmt.Sprint(len(sql))+`}`)
	if got := dbtest.Value[string](p.Product, `SELECT string_agg(t, ',' ORDER BY t) || (SELECT tableowner FROM pg_tables WHERE tablename = 'a') FROM "B;"`); got != "x;,x;,yproject_admin" {
		t.Errorf("got %q, want the rows and tables of project_admin", got)
	}
	if got, want := p.audited("IMPORT_DATABASE"), `[{"fileSize": `+fmt.Sprint(len(sql))+`, "filename": "dump.sql", "truncate": false, "rowsImported": 5, "tablesAffected": ["a", "B;"]}]`; got != want {
		t.Errorf("audit: got %s, want %s", got, want)
	}
	if diff := cmp.Diff([]events.Event{events.DataUpdate{Resource: events.Database}}, dbtest.Announced(p.news)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	// Again, into tables that are to be emptied first.
	p.OK(p.importSQL(`INSERT INTO a VALUES (7)`, "truncate", "true"), 200)
	if got := dbtest.Value[string](p.Product, `SELECT string_agg(id::text, ',') FROM a`); got != "7" {
		t.Errorf("got rows %s, want those of the last file", got)
	}
	p.OK(p.importSQL(``, "truncate", "false"), 200)
}

func TestDumpsOfPostgresAreImported(t *testing.T) {
	t.Parallel()
	copied, inserted := start(t), start(t)
	a := p1(copied.OK(copied.importSQL(testdata(t, "pg_dump.sql")), 200))
	if a["rowsImported"] != 8. || !strings.Contains(a["message"].(string), "11 statements about owners") {
		t.Errorf("got %v, want 8 rows and what was passed over", a)
	}
	copied.Equal(a["tables"], `["authors","nothing","posts"]`)
	// The same with INSERT, whose values must not hold the word that is refused.
	inserts := strings.ReplaceAll(testdata(t, "pg_dump_inserts.sql"), "' set_config'", "' other'")
	inserted.OK(inserted.importSQL(strings.ReplaceAll(inserts, "\n", "\r\n")), 200)
	inserted.Exec(`UPDATE posts SET body = replace(replace(body, ' other', ' set_config'), E'\r', '')`)
	inserted.Exec(`UPDATE authors SET name = replace(name, E'\r', '')`)
	if diff := cmp.Diff(describe(copied), describe(inserted)); diff != "" {
		t.Errorf("the catalog differs (-COPY +INSERT):\n%s", diff)
	}
	if diff := cmp.Diff(dbtest.Value[string](copied.Product, rowsOf), dbtest.Value[string](inserted.Product, rowsOf)); diff != "" {
		t.Errorf("rows differ (-COPY +INSERT):\n%s", diff)
	}
	if got := dbtest.Value[string](copied.Product, `SELECT body FROM posts WHERE id = 2`); got != "\\.\n-- ' set_config" {
		t.Errorf("got body %q", got)
	}
	// Once more over what is there: it must say so, and change nothing.
	before := dbtest.Value[string](copied.Product, rowsOf)
	copied.Refused(copied.importSQL(testdata(t, "pg_dump.sql"), "truncate", "true"), 400, fault.InvalidInput, `Line 25: type "mood" already exists`)
	if diff := cmp.Diff(before, dbtest.Value[string](copied.Product, rowsOf)); diff != "" {
		t.Errorf("a failed import changed rows:\n%s", diff)
	}
}

func p1(a resttest.Answer) map[string]any {
	m, _ := a.Body.(map[string]any)
	return m
}

func TestAnExportCanBeImported(t *testing.T) {
	t.Parallel()
	from := start(t)
	from.ExecAdmin(rich(t))
	from.ExecAdmin(`
		CREATE FUNCTION sets() RETURNS text LANGUAGE sql AS $$ SELECT set_config('a.b', 'c', true) $$;
		INSERT INTO authors (name) VALUES ('how to use Set_Config()')`)
	sql := from.exportSQL(everything)
	for _, trigger := range []string{`"touch it" ON public.posts;`, `checked ON public.authors;`, `stamp ON public.events;`} {
		name, _, _ := strings.Cut(trigger, " ON ")
		pattern := "DROP TRIGGER IF EXISTS " + regexp.QuoteMeta(trigger) + `\n\nCREATE (CONSTRAINT )?TRIGGER ` + regexp.QuoteMeta(name) + " "
		if !regexp.MustCompile(pattern).MatchString(sql) {
			t.Errorf("the export does not drop trigger %s before it makes it:\n%s", name, sql)
		}
	}
	to := start(t)
	to.OK(to.importSQL(sql), 200)
	if diff := cmp.Diff(describe(from), describe(to)); diff != "" {
		t.Errorf("the catalog differs (-from +to):\n%s", diff)
	}
	from.OK(from.importSQL(sql, "truncate", "true"), 200)
	if diff := cmp.Diff(dbtest.Value[string](to.Product, rowsOf), dbtest.Value[string](from.Product, rowsOf)); diff != "" {
		t.Errorf("rows differ (-restored elsewhere +restored in place):\n%s", diff)
	}
	if diff := cmp.Diff(sql, to.exportSQL(everything)); diff != "" {
		t.Errorf("the next export differs:\n%s", diff)
	}
}

func TestAFailedStatementLeavesNothing(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL); INSERT INTO t VALUES (1, 1)`)
	for _, tt := range []struct{ name, sql, want string }{
		{"a duplicate", "INSERT INTO t VALUES (2, 2);\nINSERT INTO t VALUES (2, 1);\n", "Line 2: duplicate key value"},
		{"unknown table", "INSERT INTO t VALUES (2, 2);\n\n\nSELECT * FROM\n nope;", "Line 4: relation \"nope\" does not exist"},
		{"syntax", "CREATE TABLE u (id int);\nCREATE TALBE x ();", "Line 2: syntax error at or near \"TALBE\""},
		{"privilege", "CREATE TABLE u (id int);\nDELETE FROM system.secrets;", "Line 2: permission denied"},
		{"a row of COPY", "CREATE TABLE u (id int);\n\nCOPY t FROM stdin;\n2\t2\n3\tx\n\\.\n", "Line 5: invalid input syntax for type integer"},
		{"a missing column of COPY", "COPY t (id, n) FROM stdin;\n2\n\\.\n", "Line 2: missing data for column \"n\""},
		{"COPY into nothing", "SELECT 1;\nCOPY nope FROM stdin;\n2\n\\.\n", "Line 2: relation \"nope\" does not exist"},
		{"behind COPY", "COPY t FROM stdin;\n2\t2\n\\.\nSELECT 1;\n\nSELECT 1/0;", "Line 6: division by zero"},
		{"text behind COPY", "COPY t FROM stdin; 2\t2\n\\.\n", "Line 1: the rows of COPY begin on the line after"},
		{"many statements", strings.Repeat("INSERT INTO t SELECT coalesce(max(id), 0) + 1, 1 FROM t;\n", 1700) + "INSERT INTO t VALUES (5, NULL);\nSELECT 1;", "Line 1701: null value in column \"n\""},
		{"at the commit", "CREATE TABLE u (id int UNIQUE DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO u VALUES (1), (1);", "duplicate key value"},
		{"a file of the server", "COPY t FROM '/etc/passwd';", "Line 1: permission denied to COPY"},
		{"a program of the server", "COPY t FROM PROGRAM 'id';", "Line 1: permission denied to COPY"},
		{"leaving the transaction", "CREATE TABLE u (id int);\nDO 'BEGIN COMMIT; END';", "Line 2: invalid transaction termination"},
	} {
		p.Refused(p.importSQL(tt.sql, "truncate", "true"), 400, fault.InvalidInput, tt.want)
		if got := dbtest.Value[string](p.Product, `SELECT string_agg(id::text, ',') || coalesce(to_regclass('public.u')::text, '') FROM t`); got != "1" {
			t.Fatalf("%s: got %s, want nothing changed", tt.name, got)
		}
	}
	if got := p.audited("IMPORT_DATABASE"); got != "[]" {
		t.Errorf("got audit rows %s, want none", got)
	}
	if got := dbtest.Announced(p.news); len(got) != 0 {
		t.Errorf("got events %v, want none", got)
	}
}

func TestWhatIsRefusedNeverRuns(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`CREATE TABLE t (id int); INSERT INTO t VALUES (1)`)
	for _, sql := range []string{
		"BEGIN", "COMMIT", "SET ROLE anon", "RESET ROLE", "SET search_path = ''", "SELECT set_config('role', 'anon', false)", "CREATE ROLE x",
		"DROP DATABASE postgres", "DISCARD ALL", "SELECT 'unterminated", "SELECT 1 \\restrict x", "\\connect other", "\\! id", "GRANT anon TO project_admin",
		"SET statement_timeout = 1", "COPY t TO STDOUT", "COPY t TO stdin", "COPY t FROM STDOUT", "COPY (SELECT 1) TO STDOUT", "SELECT pg_catalog.set_config('search_path', '', true)",
		"SELECT pg_catalog.set_config('search_path', '', false), 1", "ALTER DATABASE postgres OWNER TO project_admin; DROP DATABASE postgres",
	} {
		// The statement before it is fine, and must not run either.
		a := p.importSQL("DELETE FROM t;\n"+sql+";\n", "truncate", "true")
		p.Refused(a, 403, fault.Forbidden, "")
	}
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM t`); got != 1 {
		t.Errorf("got %d rows, want the one that was there", got)
	}
}

func TestLeavingTheRoleGainsNothing(t *testing.T) {
	t.Parallel()
	p := start(t)
	const leave = "DO $$ BEGIN EXECUTE 'RESET ROLE'; END $$;\n"
	p.Refused(p.importSQL(leave+"CREATE TABLE t (id int);"), 400, fault.InvalidInput, "Line 2: permission denied for schema public")
	p.Refused(p.importSQL(leave+"SELECT digest FROM system.instance;"), 400, fault.InvalidInput, "Line 2: permission denied")
	p.Refused(p.importSQL("DO $$ BEGIN EXECUTE 'SET SESSION AUTHORIZATION postgres'; END $$;"), 400, fault.InvalidInput, "Line 1: permission denied")
	for _, change := range []string{"PASSWORD ''x''", "SET work_mem = ''5MB''"} {
		alter := "EXECUTE 'RESET ROLE'; EXECUTE 'ALTER ROLE insforge_authenticator " + change + "';"
		p.Refused(p.importSQL("DO $$ BEGIN "+alter+" END $$;"), 403, fault.Forbidden, "")
		// Not even at the commit, nor from a trigger of the table that is filled.
		trigger := `CREATE TABLE sly (id int);
			CREATE FUNCTION sly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ` + alter + ` RETURN NEW; END $$;
			CREATE CONSTRAINT TRIGGER sly AFTER INSERT ON sly DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sly();`
		p.Refused(p.importSQL(trigger+"INSERT INTO sly VALUES (1)"), 403, fault.Forbidden, "")
		p.OK(p.importSQL(trigger), 200)
		p.Refused(p.upsert("a.csv", "id\n1\n", "sly"), 403, fault.Forbidden, "")
		p.OK(p.importSQL("DROP TABLE sly; DROP FUNCTION sly"), 200)
	}
	// Code that puts itself off until the commit cannot change anything there.
	const late = `CREATE TABLE late (id int);
		CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		  IF NEW.id = 1 THEN
		    SET CONSTRAINTS ALL DEFERRED;
		    INSERT INTO late VALUES (2);
		    RETURN NEW;
		  END IF;
		  EXECUTE 'RESET ROLE';
		  EXECUTE 'ALTER ROLE insforge_authenticator SET work_mem = ''5MB''';
		  RETURN NEW;
		END $$;
		CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
		INSERT INTO late VALUES (1);`
	p.Refused(p.importSQL(late), 400, fault.InvalidInput, "read-only transaction")
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE rolname = 'insforge_authenticator'`); got != 0 {
		t.Errorf("got %d settings of the login, want none", got)
		p.Exec(`ALTER ROLE insforge_authenticator RESET ALL`)
	}
	// What the file does to its session ends with it, and the audit row is written all the same.
	p.OK(p.importSQL(`
		CREATE FUNCTION public.text(int) RETURNS text LANGUAGE sql AS 'SELECT 1/0';
		CREATE DOMAIN public.bytea AS text CHECK (false);
		CREATE TEMP TABLE mine (id int);
		SET work_mem = '77MB';
		PREPARE p AS SELECT 1;
		LISTEN something;
		SELECT pg_advisory_lock(77);
		DO $$ BEGIN EXECUTE 'SET search_path = public, pg_catalog'; EXECUTE 'SET ROLE anon'; END $$;`), 200)
	if got := p.audited("IMPORT_DATABASE"); !strings.Contains(got, `"rowsImported": 0`) {
		t.Errorf("got audit rows %s, want one", got)
	}
	// The connection goes once it has said goodbye.
	waitFor(t, "the import's session to end", func() bool {
		return dbtest.Value[int](p.Product, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77`) == 0
	})
	for range 30 {
		p.OK(p.importSQL(`DO $$ BEGIN ASSERT current_setting('work_mem') <> '77MB'; ASSERT to_regclass('mine') IS NULL; ASSERT current_user = 'project_admin'; END $$`), 200)
	}
}

func TestLimitsOfAFileAreItsOwn(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Refused(p.importSQL(dbtest.LimitsItself), 400, fault.InvalidInput, "canceling statement")
	p.OK(p.importSQL(dbtest.LeavesLimits), 200)
}

func TestPartitionsGetTheRowSecurityOfTheirTable(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.OK(p.importSQL(dbtest.MakesPartition("parts")), 200)
	p.RowSecurity("parts_1")
}

// waitFor waits for a condition of the database.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited two minutes for %s", what)
		}
	}
}

func TestABrokenImportLeavesNothing(t *testing.T) {
	t.Parallel()
	// The file's last statement waits for a lock that the test holds.
	const sql = "CREATE TABLE half (id int);\nCOPY half FROM stdin;\n1\n2\n\\.\nSELECT pg_advisory_lock(42);"
	for name, end := range map[string]func(p product, cancel func()){
		"connection killed": func(p product, _ func()) {
			p.Exec(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
		},
		"client gone": func(_ product, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			holder, err := p.DB.AcquireCaller(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer holder.Release()
			if _, err := holder.Exec(t.Context(), `SELECT pg_advisory_lock(42)`); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			answer := make(chan resttest.Answer)
			go func() { answer <- p.upload(ctx, "/import", "half.sql", sql) }()
			const waiting = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
			waitFor(t, "the import to reach its end", func() bool { return dbtest.Value[int](p.Product, waiting) == 1 })
			end(p, cancel)
			a := <-answer
			if name == "connection killed" {
				p.Refused(a, 503, fault.UpstreamFailure, "nothing was changed")
			} else if a.Status < 400 {
				t.Errorf("got %d, want an error", a.Status)
			}
			waitFor(t, "Postgres to give up", func() bool { return dbtest.Value[int](p.Product, waiting) == 0 })
			if got := dbtest.Value[*string](p.Product, `SELECT to_regclass('public.half')::text`); got != nil {
				t.Error("the table is there")
			}
			if got := p.audited("IMPORT_DATABASE"); got != "[]" {
				t.Errorf("got audit rows %s, want none", got)
			}
			if _, err := holder.Exec(t.Context(), `SELECT pg_advisory_unlock(42)`); err != nil {
				t.Fatal(err)
			}
			p.OK(p.importSQL(sql), 200)
		})
	}
}

func TestAnImportDoesNotWaitLong(t *testing.T) {
	t.Parallel()
	p := start(t, hasty)
	p.ExecAdmin(`CREATE TABLE t (id int)`)
	holder, err := p.DB.AcquireCaller(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Release()
	if _, err := holder.Exec(t.Context(), `BEGIN; SET LOCAL ROLE project_admin; LOCK TABLE t IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	p.Refused(p.importSQL(`INSERT INTO t VALUES (1)`), 503, fault.DatabaseInternalError, "Another transaction")
}

func TestOnlyFilesOfSQLAreTaken(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.OnlyAdmins("POST", "/advance/import", ``)
	form := func(build func(w *multipart.Writer)) resttest.Answer {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		build(w)
		_ = w.Close()
		return p.send(context.Background(), "/import", w.FormDataContentType(), &body)
	}
	file := func(w *multipart.Writer, field, name, text string) {
		part, err := w.CreateFormFile(field, name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write([]byte(text))
	}
	for name, tt := range map[string]struct {
		answer resttest.Answer
		status int
		code   fault.Code
		want   string
	}{
		"no form":      {p.Call("POST", "/advance/import", `{}`), 400, fault.InvalidInput, "not a multipart form"},
		"no file":      {form(func(w *multipart.Writer) { _ = w.WriteField("truncate", "true") }), 400, fault.InvalidInput, "No file"},
		"wrong field":  {form(func(w *multipart.Writer) { file(w, "sql", "a.sql", "") }), 400, fault.InvalidInput, `field "sql"`},
		"two files":    {form(func(w *multipart.Writer) { file(w, "file", "a.sql", ""); file(w, "file", "b.sql", "") }), 400, fault.InvalidInput, "Unexpected file"},
		"extension":    {p.upload(t.Context(), "/import", "a.sql.gz", "SELECT 1"), 400, fault.InvalidInput, `".gz"`},
		"no extension": {p.upload(t.Context(), "/import", "sql", "SELECT 1"), 400, fault.InvalidInput, "not supported"},
		"truncate":     {p.importSQL("SELECT 1", "truncate", "yes"), 400, fault.InvalidInput, "truncate"},
		"many parts": {form(func(w *multipart.Writer) {
			for range 50 {
				_ = w.WriteField("x", "y")
			}
		}), 400, fault.InvalidInput, "more than 20 parts"},
		"large field": {p.importSQL("SELECT 1", "truncate", strings.Repeat("x", 100_000)), 400, fault.InvalidInput, `Field "truncate"`},
		"too large":   {p.importSQL(strings.Repeat("-", maxImport+1)), 413, fault.StorageInvalidParameter, "limit"},
		"latin-1":     {p.importSQL("SELECT 'caf\xe9'"), 400, fault.InvalidInput, "not UTF-8: byte 12"},
		"utf-16":      {p.importSQL("\xff\xfeS\x00E\x00"), 400, fault.InvalidInput, "UTF-16"},
		"binary":      {p.importSQL("SELECT 1;\x00"), 400, fault.InvalidInput, "byte 10 is NUL"},
		"custom format, named so": {p.upload(t.Context(), "/import", "a.dump", "PGDMP\x01\x0e\x00"), 400, fault.InvalidInput,
			"The file is a dump in a format of pg_restore"},
		"custom format":   {p.importSQL("PGDMP\x01\x0e\x00"), 400, fault.InvalidInput, "a format of pg_restore"},
		"compressed":      {p.importSQL("\x1f\x8b\x08\x00"), 400, fault.InvalidInput, "compressed"},
		"compressed, zip": {p.upload(t.Context(), "/import", "a.zip", "PK\x03\x04"), 400, fault.InvalidInput, "compressed"},
		"cut letter":      {p.importSQL("SELECT 1; -- \xe2\x82"), 403, fault.Forbidden, "not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) { p.Refused(tt.answer, tt.status, tt.code, tt.want) })
	}
	var cut bytes.Buffer
	w := multipart.NewWriter(&cut)
	file(w, "file", "a.sql", "CREATE TABLE t (id int);")
	p.Refused(p.send(t.Context(), "/import", w.FormDataContentType(), &cut), 400, fault.InvalidInput, "could not be read")
	if got := dbtest.Value[*string](p.Product, `SELECT to_regclass('public.t')::text`); got != nil {
		t.Error("half a form was imported")
	}
	// Any letter may be cut by the reading in pieces.
	long := "SELECT '" + strings.Repeat("a€𝄞é", 50_000) + "'"
	p.OK(p.upload(t.Context(), "/import", "ü\n.TXT", long), 200)
}

func TestImportNamesTheExtensionThatDefinesWhatIsMissing(t *testing.T) {
	t.Parallel()
	p := start(t)
	for sql, extension := range map[string]string{
		"CREATE TABLE t (x public.citext)":                                      "citext",
		"CREATE TABLE t (x hstore)":                                             "hstore",
		"CREATE TABLE t (x public.vector(3))":                                   "vector",
		"CREATE TABLE t (x uuid DEFAULT public.uuid_generate_v4())":             "uuid-ossp",
		"CREATE TABLE t (x text); CREATE INDEX ON t USING gin (x gin_trgm_ops)": "pg_trgm",
		"CREATE TABLE t (x text); CREATE INDEX ON t ((other.unaccent(x)))":      "",
		"CREATE TABLE t (x public.mood)":                                        "",
	} {
		answer := p.importSQL(sql)
		p.Refused(answer, 400, fault.InvalidInput, "does not exist")
		want := `CREATE EXTENSION IF NOT EXISTS "` + extension + `"`
		if got := answer.Envelope().NextActions; strings.Contains(got, "CREATE EXTENSION") != (extension != "") || extension != "" && !strings.Contains(got, want) {
			t.Errorf("%s: got the advice %q, want %q", sql, got, want)
		}
	}
}

func TestImportSaysHowRowsMayReferToLaterOnes(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`CREATE TABLE t (id int PRIMARY KEY, next int REFERENCES t)`)
	const rows = "INSERT INTO t VALUES (1, 2);\nINSERT INTO t VALUES (2, 1);\n"
	answer := p.importSQL(rows)
	p.Refused(answer, 400, fault.InvalidInput, `Line 1: insert or update on table "t" violates foreign key constraint`)
	if next := answer.Envelope().NextActions; !strings.Contains(next, "--disable-triggers") {
		t.Errorf("got the advice %q, want the option of pg_dump", next)
	}
	p.OK(p.importSQL("ALTER TABLE t DISABLE TRIGGER ALL;\n"+rows+"ALTER TABLE t ENABLE TRIGGER ALL;"), 200)
	a := p.importSQL("DELETE FROM t WHERE id = 1")
	p.Refused(a, 400, fault.InvalidInput, "update or delete on table")
	if next := a.Envelope().NextActions; strings.Contains(next, "--disable-triggers") {
		t.Errorf("got the advice %q for rows that go", next)
	}
	p.Equal(p1(p.OK(p.importSQL("INSERT INTO t VALUES (3, 1)"), 200))["message"], `"SQL file imported successfully: 1 row"`)
}

func TestRowsOfCopyAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`CREATE TABLE t (x text)`)
	const piece = 64 << 10 // of the reader
	for name, tt := range map[string]struct {
		sql  string
		rows []int // lengths
	}{
		"lines around the size of a piece": {
			"COPY t FROM stdin;\n" + strings.Repeat("a", piece-1) + "\n" + strings.Repeat("b", piece) + "\n" + strings.Repeat("c", 3*piece+1) + "\n\\.\nSELECT 1;",
			[]int{piece - 1, piece, 3*piece + 1}},
		"the end mark behind a full piece is a row": {
			"COPY t FROM stdin (FORMAT csv);\n" + strings.Repeat("a", piece) + "\\.\nb\n\\.\n", []int{piece + 2, 1}},
		"no end mark":             {"COPY t FROM stdin;\na\nbb", []int{1, 2}},
		"no rows":                 {"COPY t FROM stdin;\n\\.", nil},
		"carriage returns":        {"COPY t FROM stdin;\r\na\r\nbb\r\n\\.\r\nSELECT 1;\r\n", []int{1, 2}},
		"comments and any case":   {"-- one\n/* two */ cOpY public . \"t\" ( x ) FROM /* ; */ STDIN WITH (FORMAT text) ;  \na\n\\.\n-- three\n", []int{1}},
		"one behind the other":    {"COPY t FROM stdin;\na\n\\.\nCOPY t FROM stdin;\nbb\n\\.\nINSERT INTO t VALUES ('ccc');", []int{1, 2, 3}},
		"text that looks like it": {"INSERT INTO t VALUES ('COPY t FROM stdin;\n\\.\n');\nCOPY t FROM stdin;\nINSERT INTO t VALUES (1);\n\\.\n", []int{22, 25}},
	} {
		p.Exec(`TRUNCATE t`)
		a := p.importSQL(tt.sql)
		got := dbtest.Value[[]int](p.Product, `SELECT array_agg(length(x) ORDER BY ctid) FROM t`)
		if diff := cmp.Diff(tt.rows, got); diff != "" || a.Status != 200 {
			t.Errorf("%s: got %d %s (-want +got):\n%s", name, a.Status, a.Text, diff)
		}
	}
}

func TestServiceRoleIsAnAliasThatCannotBeAssumed(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.OK(p.importSQL(`CREATE TABLE t (id int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t TO service_role USING (true)`), 200)
	for _, check := range []string{
		`NOT (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)`,
		`NOT EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = r.oid AND NOT m.admin_option)`,
		`NOT pg_has_role('project_admin', oid, 'MEMBER') AND NOT pg_has_role($1::name, oid, 'MEMBER')`,
		`has_table_privilege(oid, 'public.t', 'INSERT') AND has_schema_privilege(oid, 'public', 'CREATE')`,
		`NOT has_table_privilege(oid, 'system.secrets', 'INSERT')`,
	} {
		if !dbtest.Value[bool](p.Product, `SELECT `+check+` FROM pg_roles r WHERE rolname = 'service_role' AND $1 <> ''`, pg.Authenticator) {
			t.Errorf("this is not so: %s", check)
		}
	}
	p.Refused(p.importSQL(`ALTER TABLE t OWNER TO anon; DO $$ BEGIN EXECUTE 'SET ROLE service_role'; END $$`), 400, fault.InvalidInput, `permission denied to set role "service_role"`)
	p.Refused(p.importSQL(`DO $$ BEGIN EXECUTE 'ALTER TABLE t OWNER TO service_role'; END $$`), 400, fault.InvalidInput, `service_role`)
	p.Refused(p.importSQL(`DO $$ BEGIN EXECUTE 'RESET ROLE'; EXECUTE 'SET ROLE service_role'; END $$`), 400, fault.InvalidInput, `permission denied to set role "service_role"`)
}

func TestWhatAFileNeedsIsNamedInShort(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.importSQL("CREATE TABLE t (id int);\nGRANT SELECT ON t TO " + strings.Repeat("ü", 1<<20) + ";")
	p.Refused(a, 400, fault.InvalidInput, `roles "`+strings.Repeat("ü", 31)+`…" (line 2)`)
}

func TestTheListOfWhatIsPassedOverIsBounded(t *testing.T) {
	t.Parallel()
	p := start(t)
	long := "COMMENT ON SCHEMA public IS '" + strings.Repeat("ü", 5000) + "'"
	a := p1(p.OK(p.importSQL(long+";\n"+strings.Repeat("SET lock_timeout = 0;\n\\echo x\n", 200)), 200))
	skipped, _ := a["skipped"].([]any)
	if len(skipped) != 100 || a["skippedTotal"] != 401. || !strings.Contains(a["message"].(string), "201 statements") {
		t.Fatalf("got %d of %v listed: %v", len(skipped), a["skippedTotal"], a["message"])
	}
	if text, _ := resttest.Member(skipped[0], "statement").(string); text != long[:29]+strings.Repeat("ü", 200-29-1)+"…" {
		t.Errorf("got %s", text)
	}
}
