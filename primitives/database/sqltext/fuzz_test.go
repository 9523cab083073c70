package sqltext_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
)

// FuzzSplit makes sure that any text is read without panic; that the
// statements are pieces of the text, in order, with nothing between them but
// semicolons, comments and white space; that each reads as the one statement
// it is; and that reading in pieces gives the same.
func FuzzSplit(f *testing.F) {
	for _, text := range []string{
		"", ";", "SELECT 1; SELECT 2", "/* /* */ */ SELECT 'a''b' -- x\n 'c'; SELECT E'\\'' \n 'd\\''", `SELECT "a""b", U&"\0061" UESCAPE '!'`,
		"SELECT $a$ $$ ; $a$; DO $$ x $$", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN 1 END; END; SELECT 1",
		"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "COPY t FROM STDIN;\n1\n\\.", "SET \"role\" = x", "1e5e'\\''", "$1$$;$$",
		"WITH a AS (INSERT INTO t VALUES (1)) DELETE FROM b", "SELECT 'a' --", "é;\xff\x00\\", "GRANT a TO b", "TRUNCATE a, b *", "U&\"a\" UESCAPE", "\ufeff\ufeffSELECT \ufeff1; \ufeff",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		statements, err := sqltext.Split(text)
		scanned, scanErr := scanAll(iotest.HalfReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		if scanErr != nil {
			t.Fatalf("Split takes what the scanner refuses: %v", scanErr)
		}
		if diff := cmp.Diff(texts(statements), texts(scanned)); diff != "" {
			t.Fatalf("Split and the scanner differ:\n%s", diff)
		}
		_ = sqltext.Guard(statements)
		sqltext.Changes(statements)
		end := 0
		for _, s := range statements {
			s.Command()
			if s.Pos < end || text[s.Pos:s.Pos+len(s.Text)] != s.Text {
				t.Fatalf("%q is not at %d of %q", s.Text, s.Pos, text)
			}
			blank(t, text[end:s.Pos])
			end = s.Pos + len(s.Text)
			again, err := sqltext.Split(s.Text)
			if err != nil || len(again) != 1 || again[0].Text != s.Text {
				t.Fatalf("%q alone reads as %q (%v)", s.Text, texts(again), err)
			}
		}
		blank(t, text[end:])
	})
}

// blank fails unless text holds no statement.
func blank(t *testing.T, text string) {
	t.Helper()
	if between, err := sqltext.Split(text); err != nil || len(between) > 0 {
		t.Fatalf("%q is left out (%v)", text, err)
	}
}

func scanAll(r io.Reader) (all []sqltext.Statement, err error) {
	s := sqltext.NewScanner(r, 1<<20)
	for {
		next, err := s.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, next)
	}
}
