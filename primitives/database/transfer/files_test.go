package transfer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// Each of testdata/files is a file as people have them. Comments at its
// beginning say what is expected:
//
//	-- setup: SQL that runs first, as the project's admin
//	-- want: 200, or a status, code and part of a message
//	-- rows: how many are said to be imported
//	-- skips: a statement that is passed over, in their order; all are listed
//	-- check: an expression that is true afterwards
//
// What is refused must leave no table behind.
func TestFilesOfRealPeople(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/files/*.sql")
	if err != nil || len(paths) < 30 {
		t.Fatalf("got %d files (%v)", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".sql"), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			p, c := start(t), readCase(string(raw))
			for _, sql := range c["setup"] {
				p.ExecAdmin(sql)
			}
			const tables = `SELECT concat(string_agg(oid::regclass::text, ' ' ORDER BY oid)) FROM pg_class WHERE relnamespace = 'public'::regnamespace`
			before := dbtest.Value[string](p.Product, tables)
			a := p.importSQL(string(raw))
			if len(c["want"]) != 1 {
				t.Fatal("the file does not say what is wanted")
			}
			if want := strings.SplitN(c["want"][0], " ", 3); len(want) == 3 {
				status, err := strconv.Atoi(want[0])
				if err != nil {
					t.Fatal(err)
				}
				p.Refused(a, status, fault.Code(want[1]), want[2])
				if got := dbtest.Value[string](p.Product, tables); got != before {
					t.Errorf("got relations %s, want %s", got, before)
				}
				return
			}
			p.OK(a, 200)
			var got struct {
				RowsImported, SkippedTotal int
				Skipped                    []struct {
					Line              int
					Statement, Reason string
				}
			}
			if err := json.Unmarshal([]byte(a.Text), &got); err != nil {
				t.Fatal(err)
			}
			if rows := c["rows"]; len(rows) == 1 && rows[0] != strconv.Itoa(got.RowsImported) {
				t.Errorf("got %d rows, want %s", got.RowsImported, rows[0])
			}
			var skipped []string
			lines := strings.Split(string(raw), "\n")
			for _, s := range got.Skipped {
				skipped = append(skipped, s.Statement)
				if s.Reason == "" || !strings.Contains(lines[s.Line-1], s.Statement) {
					t.Errorf("%q is not in line %d, or has no reason (%q)", s.Statement, s.Line, s.Reason)
				}
			}
			if diff := cmp.Diff(c["skips"], skipped); diff != "" || got.SkippedTotal != len(skipped) {
				t.Errorf("passed over (%d; -want +got):\n%s", got.SkippedTotal, diff)
			}
			for _, check := range c["check"] {
				if !dbtest.Value[bool](p.Product, "SELECT "+check) {
					t.Errorf("this is not so: %s", check)
				}
			}
		})
	}
}

// readCase returns what the comments at the beginning of a file say.
func readCase(text string) map[string][]string {
	c := map[string][]string{}
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line, is := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		if !is {
			break
		}
		if key, value, ok := strings.Cut(line, ": "); ok {
			c[key] = append(c[key], value)
		}
	}
	return c
}
