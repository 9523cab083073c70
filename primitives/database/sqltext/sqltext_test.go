package sqltext_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

func split(t testing.TB, text string) []sqltext.Statement {
	t.Helper()
	statements, err := sqltext.Split(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return statements
}

func texts(statements []sqltext.Statement) (out []string) {
	for _, s := range statements {
		out = append(out, s.Text)
	}
	return out
}

func TestTextsAreSplitWhereTheServerSplitsThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"only comments and semicolons", " ; -- a;b\n /* ; /* ; */ ; */ ;;\t", nil},
		{"two", "SELECT 1; SELECT 2", []string{"SELECT 1", "SELECT 2"}},
		{"comments around are left out, inside they stay", "/* a */ SELECT /* ; */ 1 -- ;\n; -- b", []string{"SELECT /* ; */ 1"}},
		{"a carriage return ends a comment", "SELECT 1 -- a\r; SELECT 2", []string{"SELECT 1", "SELECT 2"}},
		{"nested comments", "SELECT /* /* */ ; */ 1; SELECT 2", []string{"SELECT /* /* */ ; */ 1", "SELECT 2"}},
		{"a comment that looks closed at once", "SELECT /*/ ; */ 1", []string{"SELECT /*/ ; */ 1"}},
		{"stars before the end of a comment", "SELECT /***/ 1; SELECT 2", []string{"SELECT /***/ 1", "SELECT 2"}},
		{"an operator ends where a comment starts", "SELECT 1 +-- ;\n 2; SELECT 3 */* ; */ 4", []string{"SELECT 1 +-- ;\n 2", "SELECT 3 */* ; */ 4"}},
		{"strings", `SELECT 'a;''b;'; SELECT ';'`, []string{`SELECT 'a;''b;'`, `SELECT ';'`}},
		{"a backslash in a string is one", `SELECT '\'; SELECT 2`, []string{`SELECT '\'`, "SELECT 2"}},
		{"and an escape in E''", `SELECT E'\';'; SELECT e'\\'; SELECT 3`, []string{`SELECT E'\';'`, `SELECT e'\\'`, "SELECT 3"}},
		{"E'' continues on the next line by its own rules", "SELECT E'a' -- x\n '\\';'; SELECT 2", []string{"SELECT E'a' -- x\n '\\';'", "SELECT 2"}},
		{"a string continues on the next line by its own rules", "SELECT 'a'\n'\\'; SELECT 2", []string{"SELECT 'a'\n'\\'", "SELECT 2"}},
		{"on the same line it does not go on", `SELECT E'a' '\'; SELECT 2`, []string{`SELECT E'a' '\'`, "SELECT 2"}},
		{"a name that ends in e begins no E''", `SELECT type'\'; SELECT 2`, []string{`SELECT type'\'`, "SELECT 2"}},
		{"bits, bytes and national strings", `SELECT B'1', x'f', N'a;', n';'; SELECT 2`, []string{`SELECT B'1', x'f', N'a;', n';'`, "SELECT 2"}},
		{"unicode strings", `SELECT U&'\'; SELECT u&';\0041' UESCAPE '!'`, []string{`SELECT U&'\'`, `SELECT u&';\0041' UESCAPE '!'`}},
		{"quoted names", `SELECT ";" AS "a"";"; SELECT U&";"`, []string{`SELECT ";" AS "a"";"`, `SELECT U&";"`}},
		{"dollar quotes", "SELECT $$;$$; SELECT $a$;$$;$b$;$a$; SELECT $é$;$é$", []string{"SELECT $$;$$", "SELECT $a$;$$;$b$;$a$", "SELECT $é$;$é$"}},
		{"tags know case", "SELECT $A$;$a$;$A$; SELECT 2", []string{"SELECT $A$;$a$;$A$", "SELECT 2"}},
		{"a dollar inside a name quotes nothing", "SELECT a$$; SELECT b$x$", []string{"SELECT a$$", "SELECT b$x$"}},
		{"a tag does not begin with a digit", "SELECT $1$$;$$; SELECT 2", []string{"SELECT $1$$;$$", "SELECT 2"}},
		{"numbers", "SELECT 1e5, .5, 1., 1.5e-3, 0x1f; SELECT 1$$;$$", []string{"SELECT 1e5, .5, 1., 1.5e-3, 0x1f", "SELECT 1$$;$$"}},
		{"rules hold statements in parentheses", "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); DELETE FROM b); SELECT 2",
			[]string{"CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); DELETE FROM b)", "SELECT 2"}},
		{"function bodies in standard SQL", "create or replace function f(a int DEFAULT (CASE WHEN true THEN 1 END)) returns int begin atomic SELECT CASE WHEN a > 1 THEN (CASE WHEN true THEN 2 END) ELSE 3 END AS end; SELECT x.case FROM x; end; SELECT 2",
			[]string{"create or replace function f(a int DEFAULT (CASE WHEN true THEN 1 END)) returns int begin atomic SELECT CASE WHEN a > 1 THEN (CASE WHEN true THEN 2 END) ELSE 3 END AS end; SELECT x.case FROM x; end", "SELECT 2"}},
		{"procedures likewise", "CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); END; SELECT 2",
			[]string{"CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); END", "SELECT 2"}},
		{"elsewhere BEGIN ATOMIC is nothing", "SELECT 1 begin; atomic; end", []string{"SELECT 1 begin", "atomic", "end"}},
		{"a closing parenthesis too many", "SELECT 1); SELECT 2", []string{"SELECT 1)", "SELECT 2"}},
		{"banners", "/" + strings.Repeat("*", 999) + "/ SELECT 1 --" + strings.Repeat("=", 999), []string{"SELECT 1"}},
		{"many comments", strings.Repeat("/* a */ /**/\n", 999) + "SELECT 1", []string{"SELECT 1"}},
		{"a byte order mark at the beginning, and where a file was appended", "\ufeffSELECT 1;\n\ufeff-- b\n\ufeff SELECT 2; \ufeff", []string{"SELECT 1", "SELECT 2"}},
		{"within a statement it is a letter", "SELECT \ufeff1", []string{"SELECT \ufeff1"}},
		{"letters beyond ASCII", "SELECT é;SELECT 名;", []string{"SELECT é", "SELECT 名"}},
	} {
		if diff := cmp.Diff(c.want, texts(split(t, c.text))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		// A reader that hands over byte by byte makes no difference.
		if diff := cmp.Diff(c.want, texts(scan(t, iotest.OneByteReader(strings.NewReader(c.text))))); diff != "" {
			t.Errorf("%s, scanned (-want +got):\n%s", c.name, diff)
		}
	}
}

func scan(t testing.TB, r io.Reader) (all []sqltext.Statement) {
	t.Helper()
	s := sqltext.NewScanner(r, 1<<20)
	for {
		next, err := s.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, next)
	}
}

func TestStatementsKnowTheirPlace(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("-- a comment\n", 10_000) + " SELECT 1 ;\n\n  /* x */ SELECT\n2"
	for name, got := range map[string][]sqltext.Statement{"Split": split(t, text), "Scanner": scan(t, strings.NewReader(text))} {
		if len(got) != 2 || got[0].Line != 10_001 || got[1].Line != 10_003 {
			t.Fatalf("%s: got %v, want lines 10001 and 10003", name, got)
		}
		for _, s := range got {
			if text[s.Pos:s.Pos+len(s.Text)] != s.Text {
				t.Errorf("%s: %q is not at %d", name, s.Text, s.Pos)
			}
		}
	}
}

func TestTextsThatAreNotSQL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text, says string
		line             int
	}{
		{"open string", "SELECT 1;\nSELECT 'a", "unterminated string", 2},
		{"open escape string", `SELECT E'a\'`, "unterminated string", 1},
		{"open name", `SELECT "a`, "unterminated quoted name", 1},
		{"open comment", "\n\n/* a /* */", "unterminated comment", 3},
		{"open dollar quote", "SELECT $a$ $$", "unterminated dollar-quoted string", 1},
		{"psql", `\d t`, "psql", 1},
		{"NUL", "SELECT \x00", "NUL", 1},
		{"not UTF-8", "SELECT '\xff'", "UTF-8", 1},
		{"COPY with rows", "COPY t (a, b) FROM stdin;\n1\t2\n\\.\n", "COPY", 1},
		{"COPY to the client", "copy (SELECT 1 FROM stdin) to STDOUT", "COPY", 1},
		{"operators that the server would take long for", "SELECT 1 " + strings.Repeat("+", 257) + "1", "too many operator characters", 1},
		{"comments that the server would take long for", "SELECT " + strings.Repeat("/*", 65) + strings.Repeat("*/", 65), "too many comments", 1},
		{"side by side", "SELECT " + strings.Repeat("/**/", 65), "too many comments", 1},
		{"in a comment", "/*" + strings.Repeat("/**/", 65) + "*/", "too many comments", 1},
		{"too many", strings.Repeat("a;", sqltext.MaxStatements+1), "more than 10000", 1},
	} {
		_, err := sqltext.Split(c.text)
		var syntax *sqltext.SyntaxError
		var f *fault.Error
		if !errors.As(err, &syntax) || !errors.As(err, &f) || !strings.Contains(f.Message, c.says) || f.Status != http.StatusForbidden || f.Code != fault.Forbidden {
			t.Errorf("%s: got %v, want 403 FORBIDDEN with %q", c.name, err, c.says)
			continue
		}
		if syntax.Line != c.line {
			t.Errorf("%s: got line %d, want %d", c.name, syntax.Line, c.line)
		}
	}
	s := sqltext.NewScanner(strings.NewReader("SELECT '"+strings.Repeat("a", 1<<20)), 1000)
	if _, err := s.Next(); err == nil || !strings.Contains(err.Error(), "longer than 1000 bytes") {
		t.Errorf("got %v, want a refusal of a long statement", err)
	}
	s = sqltext.NewScanner(iotest.ErrReader(io.ErrClosedPipe), 1000)
	if _, err := s.Next(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want the reader's error", err)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"select 1":          "SELECT",
		"(SELECT 1)":        "SELECT",
		"VALUES (1)":        "SELECT",
		"TABLE t":           "SELECT",
		"insert into t ...": "INSERT",
		"WITH RECURSIVE a (n) AS MATERIALIZED (DELETE FROM x RETURNING 1), update AS (SELECT 1) UPDATE t SET a = 1": "UPDATE",
		"WITH a AS (SELECT 1) SELECT * FROM a FOR UPDATE":                                                           "SELECT",
		"WITH a AS (SELECT 1) (SELECT 1)":                                                                           "SELECT",
		"WITH a AS (SELECT 1) SEARCH DEPTH FIRST BY x SET y INSERT INTO t VALUES (1)":                               "INSERT",
		"CREATE /* a */ TEMP TABLE t ()":                                                                            "CREATE TABLE",
		"create or replace function f() ...":                                                                        "CREATE FUNCTION",
		"CREATE UNIQUE INDEX i ON t (a)":                                                                            "CREATE INDEX",
		"CREATE CONSTRAINT TRIGGER x":                                                                               "CREATE TRIGGER",
		"CREATE EVENT TRIGGER x":                                                                                    "CREATE EVENT TRIGGER",
		"ALTER MATERIALIZED VIEW v":                                                                                 "ALTER MATERIALIZED VIEW",
		"DROP user u":                                                                                               "DROP ROLE",
		"ALTER GROUP g":                                                                                             "ALTER ROLE",
		"CREATE USER MAPPING FOR u SERVER s":                                                                        "CREATE USER MAPPING",
		"CREATE USER mapping PASSWORD 'x'":                                                                          "CREATE ROLE",
		"ALTER DEFAULT PRIVILEGES IN SCHEMA s":                                                                      "ALTER DEFAULT PRIVILEGES",
		"EXPLAIN ANALYZE DELETE FROM t":                                                                             "EXPLAIN",
		`"create" table`:                                                                                            "",
	} {
		if got := split(t, text)[0].Command(); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestChangesAreWhatTheDashboardShows(t *testing.T) {
	t.Parallel()
	records := func(names ...string) (out []events.Change) {
		for _, n := range names {
			out = append(out, events.Change{Type: "records", Name: n})
		}
		return out
	}
	for _, c := range []struct {
		text string
		want []events.Change
	}{
		{"SELECT 1; SELECT * FROM t FOR UPDATE; SHOW x", nil},
		{`INSERT INTO public."My ""T" VALUES (1); insert into T select 1; INSERT INTO "t" VALUES (1)`, records(`My "T`, "t")},
		{"INSERT INTO a VALUES (1) ON CONFLICT (x) DO UPDATE SET y = 1", records("a")},
		{"UPDATE ONLY db.s.a SET x = 1; DELETE FROM ONLY (b); DELETE FROM c USING d", records("a", "b", "c")},
		{"MERGE INTO m USING s ON true WHEN MATCHED THEN DELETE", records("m")},
		{"WITH x AS (INSERT INTO a VALUES (1) RETURNING 1), y AS MATERIALIZED (DELETE FROM b) UPDATE c SET x = (SELECT 1)", records("a", "b", "c")},
		{"WITH x AS (UPDATE a SET b = 1 RETURNING 1) SELECT * FROM x", records("a")},
		{"TRUNCATE a, ONLY s.b *, c", records("a", "b", "c")},
		{"TRUNCATE TABLE ONLY a CASCADE", records("a")},
		{"EXPLAIN ANALYZE VERBOSE INSERT INTO a VALUES (1); EXPLAIN (ANALYZE) UPDATE b SET x = 1", records("a", "b")},
		{`UPDATE U&"\0061b" UESCAPE '!' SET x = 1; UPDATE U&"!0061b" UESCAPE '!' SET x = 1`, records(`\0061b`, "ab")},
		{"CREATE TABLE a (x int); DROP TABLE IF EXISTS b; CREATE TEMP TABLE c AS SELECT 1; SELECT 1 INTO d", []events.Change{{Type: "tables"}}},
		{"ALTER TABLE IF EXISTS ONLY public.a RENAME TO b", []events.Change{{Type: "table", Name: "a"}}},
		{"CREATE INDEX ON t (a); DROP TRIGGER x ON t; ALTER POLICY p ON t USING (true); CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; CREATE EXTENSION x",
			[]events.Change{{Type: "index"}, {Type: "trigger"}, {Type: "policy"}, {Type: "function"}, {Type: "extension"}}},
		{"CREATE VIEW v AS SELECT 1; GRANT SELECT ON t TO anon", nil},
	} {
		if diff := cmp.Diff(c.want, sqltext.Changes(split(t, c.text))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
	}
	for text, want := range map[string]bool{
		"SELECT 1": false, "SELECT created, dropx": false, "create TABLE a ()": true,
		"DO $$ BEGIN EXECUTE 'DROP TABLE a'; END $$": true, "SELECT 1; Alter TABLE a ADD b int": true,
	} {
		if got := sqltext.HasDDL(split(t, text)); got != want {
			t.Errorf("HasDDL(%s): got %v, want %v", text, got, want)
		}
	}
}

func TestPlacesAreLinesOfTheWholeText(t *testing.T) {
	t.Parallel()
	statements, err := sqltext.Split("SELECT 1;\n\nSELECT\n  é, nothing\n;")
	if err != nil || len(statements) != 2 {
		t.Fatal(statements, err)
	}
	for position, want := range map[int]string{
		0: "line 3 of the SQL", 1: "line 3 of the SQL (character 1 of the statement)", 13: "line 4 of the SQL (character 13 of the statement)",
		20: "line 4 of the SQL (character 20 of the statement)", 21: "line 3 of the SQL",
	} {
		if got := statements[1].Place(position); got != want {
			t.Errorf("%d: got %s, want %s", position, got, want)
		}
	}
}

func TestStatementsThatDifferInCommentsAndSpacingAreTheSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"SELECT 1", "  SELECT /* one */ 1 -- it is", true},
		{"SELECT a,b", "SELECT a , b", true},
		{"SELECT 'a  b'", "SELECT 'a b'", false},
		{"SELECT '--x'", "SELECT '--y'", false},
		{"SELECT 1", "SELECT 1, 2", false},
		{"SELECT 1, 2", "SELECT 1", false},
		{`SELECT "a"`, "SELECT a", false},
	} {
		a, err := sqltext.Split(c.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := sqltext.Split(c.b)
		if err != nil {
			t.Fatal(err)
		}
		if got := a[0].SameTokens(b[0]); got != c.same {
			t.Errorf("%s and %s: got %v, want %v", c.a, c.b, got, c.same)
		}
	}
}
