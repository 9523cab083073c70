package typegen_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/typegen"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected parts of testdata")

func TestMain(m *testing.M) { pgtest.Main(m) }

// connect returns a connection to a fresh database of the product.
func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.New(t).OwnerDSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func exposed(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	schemas, err := typegen.Exposed(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return schemas
}

func generate(t *testing.T, conn *pgx.Conn, schemas ...string) string {
	t.Helper()
	got, err := typegen.TypeScript(t.Context(), conn, schemas)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// TestCases reads testdata: "schema.sql" makes the objects, "types.ts" is what
// comes of all exposed schemas, from "export type Database" to the helpers,
// which are the same in all. That the text compiles is tested in app/apptest.
func TestCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			conn := connect(t)
			exec(t, conn, string(archive.Files[0].Data))
			got := generate(t, conn, exposed(t, conn)...)
			if *update {
				archive.Files = append(archive.Files[:1], txtar.File{Name: "types.ts", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("unexpected types (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExposedSchemas(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	exec(t, conn, `CREATE SCHEMA zoo; CREATE SCHEMA archive; CREATE EXTENSION ltree SCHEMA zoo`)
	if diff := cmp.Diff([]string{"public", "archive", "zoo"}, exposed(t, conn)); diff != "" {
		t.Errorf("unexpected schemas (-want +got):\n%s", diff)
	}
	exec(t, conn, `DROP SCHEMA system CASCADE`) // someone else's database
	if diff := cmp.Diff([]string{"public"}, exposed(t, conn)); diff != "" {
		t.Errorf("unexpected schemas (-want +got):\n%s", diff)
	}
}

func TestSchemasThatWereAskedFor(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	exec(t, conn, `
		CREATE SCHEMA archive;
		CREATE TYPE public.mood AS ENUM ('ok', 'sad');
		CREATE TABLE archive.entries (id int PRIMARY KEY, mood public.mood NOT NULL, moods public.mood[] NOT NULL)`)

	both := generate(t, conn, "archive", "public", "archive")
	if again := generate(t, conn, "public", "archive"); both != again {
		t.Errorf("the order of the schemas matters:\n%s", cmp.Diff(both, again))
	}
	if !strings.Contains(both, `mood: Database["public"]["Enums"]["mood"]`) {
		t.Errorf("got no reference to the enum in:\n%s", both)
	}

	alone := generate(t, conn, "archive")
	for _, want := range []string{`mood: "ok" | "sad"`, `moods: ("ok" | "sad")[]`, `type DefaultSchema = "archive"`} {
		if !strings.Contains(alone, want) {
			t.Errorf("got no %s in:\n%s", want, alone)
		}
	}
	if strings.Contains(alone, `Database["public"]`) {
		t.Errorf("a schema that is not in the file is referred to:\n%s", alone)
	}

	_, err := typegen.TypeScript(t.Context(), conn, []string{"public", `no"where`})
	if err == nil || err.Error() != `there is no schema "no\"where" in this database` {
		t.Errorf("got %v, want that there is no such schema", err)
	}
}

// The order in which objects were made, and with it their identifiers, must
// not show: the file is under version control.
func TestTheSameSchemaGivesTheSameText(t *testing.T) {
	t.Parallel()
	statements := []string{
		`CREATE TABLE a (id int PRIMARY KEY, x text, y text)`, `CREATE TABLE b (id int PRIMARY KEY)`,
		`CREATE TYPE e AS ENUM ('one', 'two')`, `CREATE TYPE d AS ENUM ('two', 'one')`,
		`CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql AS 'SELECT 1'`, `CREATE FUNCTION f(y text) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`CREATE FUNCTION g(x int) RETURNS int LANGUAGE sql AS 'SELECT 1'`, `CREATE FUNCTION g(x text) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
	}
	one, two := connect(t), connect(t)
	for i := range statements {
		exec(t, one, statements[i])
		exec(t, two, statements[len(statements)-1-i])
	}
	exec(t, two, `ALTER TABLE a DROP x; ALTER TABLE a ADD x text`)
	const b, c, v = `ALTER TABLE a ADD b int REFERENCES b;`, `ALTER TABLE a ADD c int CONSTRAINT other REFERENCES b;`, `CREATE VIEW v AS SELECT * FROM a`
	exec(t, one, b+c+v)
	exec(t, two, c+b+v)
	if diff := cmp.Diff(generate(t, one, "public"), generate(t, two, "public")); diff != "" {
		t.Errorf("the order of creation shows:\n%s", diff)
	}
}
