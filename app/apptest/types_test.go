package apptest_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/app/apptest"
	"github.com/rogpeppe/go-internal/txtar"
)

// shop is the schema of the programs in client/shop*.ts.
const shop = library + `;
CREATE TYPE state AS ENUM ('in', 'lent out');
CREATE TYPE address AS (street text, number int);
ALTER TABLE books ADD state state NOT NULL DEFAULT 'in', ADD shout text GENERATED ALWAYS AS (upper(title)) STORED;
ALTER TABLE readers ALTER name SET NOT NULL;
ALTER TABLE loans ADD number int GENERATED ALWAYS AS IDENTITY;
CREATE TABLE covers (book_id int PRIMARY KEY REFERENCES books, url text NOT NULL);
CREATE TABLE messages (id int PRIMARY KEY, sender int NOT NULL REFERENCES readers, receiver int REFERENCES readers);
CREATE TABLE addresses (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), home address, "strange name" int);
CREATE VIEW catalogue AS SELECT id, title, author_id, upper(title) AS loud FROM books;
CREATE VIEW counted AS SELECT author_id, count(*) AS books FROM books GROUP BY author_id;
DROP FUNCTION add(int, int);
CREATE FUNCTION add(a int, b int DEFAULT 0) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION newest_book() RETURNS books LANGUAGE sql STABLE AS 'SELECT * FROM books ORDER BY id DESC LIMIT 1';
CREATE FUNCTION best_book(authors) RETURNS SETOF books ROWS 1 LANGUAGE sql STABLE AS 'SELECT * FROM books LIMIT 1';
CREATE FUNCTION written(authors) RETURNS SETOF books LANGUAGE sql STABLE AS 'SELECT * FROM books';
CREATE FUNCTION initials(authors) RETURNS text LANGUAGE sql STABLE AS 'SELECT left($1.name, 1)';
CREATE FUNCTION describe(book int) RETURNS text LANGUAGE sql STABLE AS 'SELECT title FROM books WHERE id = book';
CREATE FUNCTION describe(book int, words int) RETURNS int LANGUAGE sql STABLE AS 'SELECT words';
CREATE FUNCTION undecided(a int) RETURNS int LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION undecided(a text) RETURNS int LANGUAGE sql AS 'SELECT 1'`

// TestTypeScriptOfARunningProject compiles programs against the types that
// the command line prints, with the real compiler and both versions of the
// library: the one that applications install, and the one that comes with the
// SDK.
func TestTypeScriptOfARunningProject(t *testing.T) {
	t.Parallel()
	dir := clientProject(t)
	p := apptest.Start(t, t.TempDir())
	if _, err := connect(t, p).Exec(t.Context(), shop); err != nil {
		t.Fatal(err)
	}
	cmd := apptest.Command(t, "gen", "types", "typescript", "--data-dir", p.Dir, "--out", filepath.Join(dir, "database.ts"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gen types typescript: %v\n%s", err, out)
	}
	p.Stop(t)
	for _, name := range []string{"shop.ts", "shop.newer.ts", "shop.sdk.ts"} {
		if err := os.WriteFile(filepath.Join(dir, name), read(t, "client/"+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	compile(t, dir, "newest library", nil, "shop.ts", "shop.newer.ts", "shop.sdk.ts")
	compile(t, dir, "library of the SDK",
		map[string][]string{"@supabase/postgrest-js": {"./node_modules/@insforge/sdk/node_modules/@supabase/postgrest-js"}},
		"shop.ts", "shop.sdk.ts")
}

// TestGeneratedTypesCompile compiles every case of typegen, hostile names
// among them, as the types of a client.
func TestGeneratedTypesCompile(t *testing.T) {
	t.Parallel()
	dir := clientProject(t)
	cases, err := filepath.Glob("../../primitives/database/typegen/testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var files []string
	for _, path := range cases {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".txtar") + ".types.ts"
		const client = `
import { PostgrestClient } from '@supabase/postgrest-js'
export const client = new PostgrestClient<Database>('http://localhost')
client.rpc
// @ts-expect-error there is no such table
client.from('there is no such table')
`
		text := string(archive.Files[1].Data) + client
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	compile(t, dir, "cases", nil, files...)
}

// compile runs the compiler that the dashboard is built with, in its strictest
// mode.
func compile(t *testing.T, dir, name string, paths map[string][]string, files ...string) {
	t.Helper()
	config, err := json.Marshal(map[string]any{
		"compilerOptions": map[string]any{
			"strict": true, "exactOptionalPropertyTypes": true, "noEmit": true, "skipLibCheck": true,
			"target": "es2022", "module": "esnext", "moduleResolution": "bundler", "lib": []string{"es2022", "dom", "dom.iterable"},
			"types": []string{}, "paths": paths,
		},
		"files": files,
	})
	if err != nil {
		t.Fatal(err)
	}
	project := filepath.Join(dir, "tsconfig.json")
	if err := os.WriteFile(project, config, 0o644); err != nil {
		t.Fatal(err)
	}
	compiler, err := filepath.Abs("../../web/node_modules/.bin/tsc")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(compiler); err != nil {
		t.Fatalf("the compiler comes with the dashboard: run go generate ./... (%v)", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), clientTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, compiler, "--project", project, "--pretty", "false")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: tsc: %v\n%s", name, err, out)
	}
}
