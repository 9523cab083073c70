package metadata_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
	"github.com/insforge/insforge-go/primitives/metadata"
)

// tables is a database of tables with numbers of rows.
type tables struct {
	mu    sync.Mutex
	names []string
	rows  map[string]int64
	asked [][]string // of CountRows
	err   error
}

func (d *tables) Tables(context.Context) ([]string, int64, error) { return d.names, 3 << 28, d.err }

func (d *tables) CountRows(_ context.Context, names []string) (map[string]int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, names)
	counts := map[string]int64{}
	for _, name := range names {
		if n, ok := d.rows[name]; ok {
			counts[name] = n
		}
	}
	return counts, d.err
}

func (d *tables) TableDefinition(_ context.Context, name string) (json.RawMessage, error) {
	return json.RawMessage(fmt.Sprintf(`{"of":%q}`, name)), d.err
}

// source describes itself as what it is.
type source struct {
	part any
	err  error
}

func (s source) Describe(context.Context) (any, error) { return s.part, s.err }

func project(t *testing.T, change func(*metadata.Deps)) func(path string) resttest.Answer {
	t.Helper()
	d := metadata.Deps{Secrets: secrets{}, Version: "2.3.1"}
	change(&d)
	server := serve(t, d)
	return func(path string) resttest.Answer { return server.CallAs(resttest.APIKey, "GET", path, "") }
}

// want complains unless the answer is this JSON.
func want(t *testing.T, ask func(string) resttest.Answer, path, text string) {
	t.Helper()
	ask(path).OK(http.StatusOK).Equal(text)
}

const (
	storage  = `{"buckets":[],"totalSizeInGB":0}`
	realtime = `{"channels":[],"permissions":{"subscribe":{"policies":[]},"publish":{"policies":[]}}}`
	database = `{"tables":[{"tableName":"a|b","recordCount":0},{"tableName":"posts","recordCount":3}],"totalSizeInGB":0.75,` +
		`"hint":"GET /api/metadata/:tableName describes one table: columns, indexes, foreign keys, policies and triggers."}`
)

func TestAProjectHasThePartsThatItHas(t *testing.T) {
	t.Parallel()
	bare := project(t, func(*metadata.Deps) {})
	want(t, bare, "", `{"storage":`+storage+`,"functions":[],"realtime":`+realtime+`,"version":"2.3.1"}`)
	want(t, bare, "?format=json&mcp=true", `{"storage":`+storage+`,"functions":[],"realtime":`+realtime+`,"version":"2.3.1"}`)
	want(t, bare, "/storage", storage)
	want(t, bare, "/functions", `[]`)
	want(t, bare, "/realtime", realtime)
	for _, path := range []string{"/auth", "/database", "/posts"} {
		bare(path).Refused(http.StatusNotFound, fault.NotFound, "")
	}

	full := project(t, func(d *metadata.Deps) {
		d.Auth = source{part: map[string]any{"disableSignup": false}}
		d.Database = &tables{names: []string{"a|b", "dropped", "posts"}, rows: map[string]int64{"a|b": 0, "posts": 3}}
		d.Storage = source{part: "s"}
		d.Functions = source{part: "f"}
		d.Realtime = source{part: "r"}
		d.Compute = source{part: "c"}
	})
	want(t, full, "", `{"auth":{"disableSignup":false},"database":`+database+`,"storage":"s","functions":"f","realtime":"r","compute":"c","version":"2.3.1"}`)
	want(t, full, "/auth", `{"disableSignup":false}`)
	want(t, full, "/database", database)
	want(t, full, "/storage", `"s"`)
	want(t, full, "/posts", `{"posts":{"of":"posts"}}`)
	want(t, full, "/a%2Fb%22", `{"a/b\"":{"of":"a/b\""}}`)

	idle := project(t, func(d *metadata.Deps) { d.Compute = source{} })
	if body := idle("").Text; strings.Contains(body, "compute") {
		t.Errorf("got %s, want no compute where none is configured", body)
	}
}

func TestMarkdownIsForReaders(t *testing.T) {
	t.Parallel()
	ask := project(t, func(d *metadata.Deps) {
		d.Auth = source{part: map[string]any{"disableSignup": true, "name": "<a> & b"}}
		d.Database = &tables{names: []string{"a|b", "posts"}, rows: map[string]int64{"a|b": 0, "posts": 3}}
	})
	body := ask("?format=markdown").OK(http.StatusOK).Text
	for _, part := range []string{"# Project", "Version: 2.3.1", "| `a\\|b` | 0 |", "| `posts` | 3 |", "## Authentication", `"disableSignup": true`, `"name": "<a> & b"`, "## Storage", "## Realtime"} {
		if !strings.Contains(body, part) {
			t.Errorf("got %s, which lacks %q", body, part)
		}
	}
	if strings.Contains(body, "Compute") {
		t.Error("a part that is not there has a section")
	}
	empty := project(t, func(d *metadata.Deps) { d.Database = &tables{} })
	if body := empty("?format=markdown").Text; !strings.Contains(body, "no tables yet") {
		t.Errorf("got %s", body)
	}
	for _, query := range []string{"?format=xml", "?format=", "?format=json&format=json"} {
		ask(query).Refused(http.StatusBadRequest, fault.InvalidInput, "")
	}
}

func TestCountsAreRememberedForAMinute(t *testing.T) {
	t.Parallel()
	clock := resttest.NewClock(time.Unix(0, 0))
	db := &tables{names: []string{"a"}, rows: map[string]int64{"a": 1, "b": 2}}
	ask := project(t, func(d *metadata.Deps) {
		d.Database = db
		d.Now = clock.Now
	})
	show := func() string {
		var part struct {
			Tables []struct {
				TableName   string
				RecordCount int
			}
		}
		ask("/database").Decode(&part)
		return fmt.Sprint(part.Tables)
	}
	steps := []struct {
		name   string
		change func()
		want   string
	}{
		{"counted", func() {}, "[{a 1}]"},
		{"remembered", func() { db.rows["a"] = 5 }, "[{a 1}]"},
		{"a new table is counted at once", func() { db.names = []string{"a", "b"}; clock.Advance(59 * time.Second) }, "[{a 1} {b 2}]"},
		{"counted again after a minute", func() { clock.Advance(time.Second) }, "[{a 5} {b 2}]"},
		{"dropped", func() { db.names = []string{"b"} }, "[{b 2}]"},
	}
	for _, s := range steps {
		s.change()
		if got := show(); got != s.want {
			t.Errorf("%s: got %s, want %s", s.name, got, s.want)
		}
	}
	if diff := cmp.Diff([][]string{{"a"}, {"b"}, {"a"}}, db.asked); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	// What is remembered is bounded; the rest is counted each time.
	db.names, db.asked = nil, nil
	for i := range 1500 {
		name := fmt.Sprintf("t%04d", i)
		db.names, db.rows[name] = append(db.names, name), int64(i)
	}
	clock.Advance(time.Hour)
	show()
	show()
	if len(db.asked) != 2 || len(db.asked[0]) != 1500 || len(db.asked[1]) != 500 {
		t.Errorf("got %d calls, the second for %d tables, want 500", len(db.asked), len(db.asked[len(db.asked)-1]))
	}
}

func TestFailuresOfPartsAreFailures(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, change := range map[string]func(*metadata.Deps){
		"auth":     func(d *metadata.Deps) { d.Auth = source{err: broken} },
		"compute":  func(d *metadata.Deps) { d.Compute = source{err: broken} },
		"database": func(d *metadata.Deps) { d.Database = &tables{err: broken} },
	} {
		ask := project(t, change)
		for _, format := range []string{"", "?format=markdown"} {
			if a := ask(format); a.Status != 500 || a.Envelope().Error != fault.InternalError {
				t.Errorf("%s: got %d %s, want 500", name, a.Status, a.Text)
			}
		}
	}
	ask := project(t, func(d *metadata.Deps) { d.Database = &tables{err: broken} })
	ask("/posts").Refused(http.StatusInternalServerError, fault.InternalError, "")
}

func TestTheDatabaseCanBeReached(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, url, wantURL, parameters string }{
		{"our own", "postgres://postgres:p%40ss@127.0.0.1:5433/insforge?sslmode=disable", "postgres://postgres:p%40ss@127.0.0.1:5433/insforge?sslmode=disable",
			`{"host":"127.0.0.1","port":5433,"database":"insforge","user":"postgres","password":"p@ss","sslmode":"disable"}`},
		{"a URL without a mode", "postgresql://u:secret@db.example.com/app", "postgresql://u:secret@db.example.com/app",
			`{"host":"db.example.com","port":5432,"database":"app","user":"u","password":"secret","sslmode":"prefer"}`},
		{"keywords and values", "host=db.example.com user=u password='a b/c' dbname=app sslmode=require", "postgresql://u:a%20b%2Fc@db.example.com:5432/app?sslmode=require",
			`{"host":"db.example.com","port":5432,"database":"app","user":"u","password":"a b/c","sslmode":"require"}`},
	} {
		ask := project(t, func(d *metadata.Deps) { d.DatabaseURL = tt.url })
		want(t, ask, "/database-connection-string", `{"connectionURL":`+fmt.Sprintf("%q", tt.wantURL)+`,"parameters":`+tt.parameters+`}`)
		var p struct{ Password string }
		if err := json.Unmarshal([]byte(tt.parameters), &p); err != nil {
			t.Fatal(err)
		}
		want(t, ask, "/database-password", fmt.Sprintf(`{"databasePassword":%q}`, p.Password))
	}
	for _, url := range []string{"", "postgres://u:secret@h:bad/x"} {
		ask := project(t, func(d *metadata.Deps) { d.DatabaseURL = url })
		for _, path := range []string{"/database-connection-string", "/database-password"} {
			if a := ask(path); a.Status != 500 || strings.Contains(a.Text, "secret") {
				t.Errorf("%q: got %d %s, want a 500 that gives nothing away", url, a.Status, a.Text)
			}
		}
	}
}
