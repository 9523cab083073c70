package sqltext_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// Expressions whose text is hard to find the end of; all are good SQL.
var expressions = []string{
	`'a;b'`, `''`, `';'';'`, `'\'`, `E'\''`, `e'\\'`, `E'a'';\''`, `E'\
;'`, "E'a' -- ;'\n '\\';'", "'a'\n'\\'", "'a'\r';'", "'a' --'\n\t--;\n ';'", `U&'\0041;'`, `u&'!0041;' UESCAPE '!'`, `U&'\\'`,
	`N'\;'`, `b'0101'`, `X'1f'`, `$$;$$`, `$a$;$$;$a$`, `$a$ $A$ ; $a$`, `$é$;$é$`, `$_1$ $_$ ; $_1$`, `$$'$$`, `$$ $a$ ; $$`,
	`1`, `.5`, `1.`, `1e5`, `1.5E-3`, `(1)`, `((1) + (2))`, `1 +/* ; */ 2`, "1 +-- ;\n 2", `1 */* /* ; */ */ 3`, `1 -/**/- 1`, `1 - -1`, `2*/*
;*/3`, `1 <>/*;*/ 2`, `@ -1`, `ARRAY[1, 2]`, `ARRAY['{;}', '[;]']`, `CASE WHEN true THEN ';' END`, `1::int4`, `'{";":1}'::json -> ';'`,
	`1 AS ";"`, `1 AS "a"";"`, `1 AS U&";"`, `1 AS U&"!0061;" UESCAPE '!'`, `1 AS a$$`, `1 AS b$a$`, `1 AS é$$`, `1 AS "end"`, `1 AS end`, `1 AS begin`,
	`1 /* ' */`, `1 /* " */`, `1 /* $$ */`, `1 /* -- */`, "1 -- /*\n", "1 -- '\r", `'/*'`, `'--'`, `1/***/`, `1/*/ ; */`, "1\f", `(SELECT ';')`,
	`EXISTS (SELECT 1)`,
}

// Whole statements, likewise.
var wholes = []string{
	"VALUES (';')", "(SELECT ';')", "TABLE pg_catalog.pg_am", "DO $$ BEGIN NULL; NULL; END $$", "DO $a$ BEGIN PERFORM $$;$$; END $a$", "SHOW work_mem",
	"CREATE OR REPLACE FUNCTION pg_temp.f(a int DEFAULT CASE WHEN true THEN 1 END) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a > 1 THEN (CASE WHEN true THEN 2 END) ELSE 3 END AS x; END",
	"CREATE OR REPLACE PROCEDURE pg_temp.p() LANGUAGE sql BEGIN ATOMIC END",
	"CREATE OR REPLACE FUNCTION pg_temp.begin(atomic int) RETURNS int LANGUAGE sql RETURN 1", "CREATE OR REPLACE FUNCTION pg_temp.g() RETURNS text AS 'SELECT 1; SELECT '';''' LANGUAGE sql",
	"CREATE TEMP TABLE IF NOT EXISTS t (a int)", "WITH x AS (SELECT ';') SELECT * FROM x", "EXPLAIN SELECT ';'", "NOTIFY x, ';'", "COMMENT ON COLUMN pg_temp.t.a IS 'it''s;'",
	"CREATE OR REPLACE RULE r AS ON INSERT TO pg_temp.t DO ALSO (SELECT 1; SELECT ';'; )",
}

var gaps = []string{" ", "\n", "/* ; */", "-- ;\n", "--;\r", "\t/* /* ' */ ; */ ", " -- $$\n"}

// The server answers as many commands of a text as the text is split into,
// and takes each piece as one command.
func TestTheServerSplitsTheSameWay(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.OwnerDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	raw := conn.PgConn()
	if _, err := raw.Exec(t.Context(), "CREATE TEMP TABLE t (a int)").ReadAll(); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	for range 1500 {
		var text strings.Builder
		want := 1 + random.IntN(4)
		for i := range want {
			if i > 0 {
				text.WriteString(strings.Repeat(";"+pick(gaps), 1+random.IntN(2)))
			}
			text.WriteString(statement(random, pick))
		}
		if random.IntN(2) == 0 {
			text.WriteString(";" + pick(gaps))
		}
		statements, err := sqltext.Split(text.String())
		if err != nil {
			t.Fatalf("%q: %v", text.String(), err)
		}
		answered, err := commands(t, raw, text.String())
		if err != nil || answered != want || len(statements) != want {
			t.Fatalf("%q: split into %q, the server answers %d commands (%v), want %d", text.String(), texts(statements), answered, err, want)
		}
		for _, s := range statements {
			if _, err := raw.ExecParams(t.Context(), s.Text, nil, nil, nil, nil).Close(); err != nil {
				t.Fatalf("%q alone: %v", s.Text, err)
			}
		}
	}
}

func statement(random *rand.Rand, pick func([]string) string) string {
	if random.IntN(4) == 0 {
		return pick(wholes)
	}
	list := make([]string, 1+random.IntN(4))
	for i := range list {
		list[i] = pick(expressions) + pick(gaps)
	}
	return "SELECT" + pick(gaps) + strings.Join(list, ",")
}

// commands is how many commands the server makes of a text.
func commands(t *testing.T, conn *pgconn.PgConn, text string) (n int, err error) {
	t.Helper()
	results := conn.Exec(t.Context(), text)
	for results.NextResult() {
		if _, err := results.ResultReader().Close(); err == nil {
			n++
		}
	}
	return n, results.Close()
}
