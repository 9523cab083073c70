package rawsql_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/database/rawsql"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
	"github.com/rs/zerolog"
)

var noLog = zerolog.Nop()

// contextOf is a context that the test ends itself: t.Context ends too late.
func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(context.Background())
}

// running is how many statements that say mark are at work.
func (p product) running(mark string) int {
	return dbtest.Value[int](p.Product, `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid() AND query LIKE '%' || $1 || '%'`, mark)
}

func TestResultsAreBounded(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{Rows: 1000, Bytes: 4 << 20})
	a := p.OK(p.run(`SELECT g, repeat('é"', 200) AS v FROM generate_series(1, 1000) g`), 200)
	if rows, _ := resttest.Member(a.Body, "rows").([]any); len(rows) != 1000 {
		t.Errorf("got %d rows, want 1000", len(rows))
	}
	for name, sql := range map[string]string{
		"a row too many":         `SELECT g FROM generate_series(1, 1001) g`,
		"endless rows":           `SELECT generate_series(1, 1000000000)`,
		"many bytes":             `SELECT repeat('x', 100000) FROM generate_series(1, 100)`,
		"one large row":          `SELECT repeat('x', 100000000)`,
		"a row that grows a lot": `SELECT repeat(chr(1), 1000000)::text FROM generate_series(1, 3)`,
		"one of several":         `SELECT 1; SELECT repeat('x', 100000000); SELECT 2`,
		"rows of a write":        `INSERT INTO t SELECT g FROM generate_series(1, 1001) g RETURNING a`,
	} {
		p.OK(p.run(`CREATE TABLE IF NOT EXISTS t (a int)`), 200)
		p.Refused(p.run(sql), 400, fault.InvalidInput, "larger than 1000 rows or 4194304 bytes")
		p.Equal(p.rows(p.run(`SELECT count(*)::int FROM t`)), `[{"count":0}]`)
		waitFor(t, name+" has stopped", func() bool { return p.running("generate_series") == 0 })
	}
	// Several statements return no rows, however many there are.
	p.Equal(p.OK(p.run(`SELECT 1; SELECT g FROM generate_series(1, 100000) g`), 200).Body, `{"rows":[]}`)
}

func TestLargeResultsWaitOnDiskAndLeaveNothingThere(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	a := p.OK(p.run(`SELECT repeat('x', 1000) AS v FROM generate_series(1, 20000)`), 200)
	if got := len(a.Text); got < 20_000_000 || a.Header.Get("Content-Length") == "" {
		t.Errorf("got %d bytes, Content-Length %q", got, a.Header.Get("Content-Length"))
	}
	left, err := os.ReadDir(p.dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left on disk: %v (%v)", left, err)
	}
	// A failure in the last row is still an error.
	p.Refused(p.run(`SELECT repeat('x', 1000), 1 / (20000 - g) FROM generate_series(1, 20000) g`), 400, fault.DatabaseValidationError, "division by zero")
}

func TestStatementsAreEnded(t *testing.T) {
	t.Parallel()
	stubborn := `DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$`
	t.Run("by the timeout of a statement", func(t *testing.T) {
		t.Parallel()
		p := start(t, rawsql.Limits{Statement: 200 * time.Millisecond})
		for _, path := range []string{restricted, unrestricted} {
			p.Refused(p.Call(http.MethodPost, path, body(`SELECT pg_sleep(60)`)), 400, fault.DatabaseValidationError, "statement timeout")
			p.Refused(p.Call(http.MethodPost, path, body(`SELECT 1; SELECT pg_sleep(60)`)), 400, fault.DatabaseValidationError, "statement timeout")
		}
	})
	t.Run("by the timeout of the request, though they resist", func(t *testing.T) {
		t.Parallel()
		p := start(t, rawsql.Limits{Request: time.Second})
		for _, sql := range []string{stubborn, `DO $$ BEGIN EXECUTE 'SET statement_timeout = 0'; END $$; SELECT pg_sleep(60)`} {
			p.Refused(p.run(sql), 400, fault.DatabaseValidationError, "took longer than 1s")
			waitFor(t, "the session has ended", func() bool { return p.running("pg_sleep") == 0 })
		}
	})
	t.Run("when the client goes away", func(t *testing.T) {
		t.Parallel()
		p := start(t, rawsql.Limits{})
		p.OK(p.run(`CREATE TABLE t (a int)`), 200)
		for _, sql := range []string{`SELECT pg_sleep(60)`, stubborn, `INSERT INTO t VALUES (1); SELECT pg_sleep(60)`, `CREATE INDEX CONCURRENTLY ON t ((pg_sleep(60)::text))`} {
			ctx, cancel := contextOf(t)
			done := make(chan struct{})
			go func() {
				defer close(done)
				p.Serve(ctx, resttest.AdminToken, http.MethodPost, restricted, body(sql))
			}()
			if !strings.Contains(sql, "INDEX") {
				waitFor(t, sql+" runs", func() bool { return p.running("pg_sleep") == 1 })
			}
			cancel()
			<-done
			waitFor(t, sql+" has ended", func() bool { return p.running("pg_sleep") == 0 })
		}
		p.Equal(p.rows(p.run(`SELECT count(*)::int FROM t`)), `[{"count":0}]`)
	})
	t.Run("when the connection breaks", func(t *testing.T) {
		t.Parallel()
		p := start(t, rawsql.Limits{})
		answer := make(chan resttest.Answer, 1)
		go func() { answer <- p.run(`SELECT pg_sleep(60)`) }()
		waitFor(t, "it runs", func() bool { return p.running("pg_sleep") == 1 })
		p.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()`)
		p.Refused(<-answer, 503, fault.UpstreamFailure, "connection to the database was lost")
	})
	t.Run("few at once", func(t *testing.T) {
		t.Parallel()
		p := start(t, rawsql.Limits{Sessions: 1, Queue: 50 * time.Millisecond})
		ctx, cancel := contextOf(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.Serve(ctx, resttest.AdminToken, http.MethodPost, restricted, body(`SELECT pg_sleep(60)`))
		}()
		waitFor(t, "it runs", func() bool { return p.running("pg_sleep") == 1 })
		p.Refused(p.run(`SELECT 1`), 429, fault.TooManyRequests, "at once")
		cancel()
		<-done
		p.OK(p.run(`SELECT 1`), 200)
	})
}

func TestHostileTexts(t *testing.T) {
	t.Parallel()
	p := start(t, rawsql.Limits{})
	deep := 1_000_000
	for _, c := range []struct {
		name, sql, says string
		status          int
	}{
		{"100 MB", strings.Repeat("x", 100<<20), "longer than", 413},
		{"16 MB of nothing", strings.Repeat(" ", 16<<20), "", 200},
		{"16 MB of a string", "SELECT length('" + strings.Repeat("x", 16<<20-100) + "')", "", 200},
		{"10,000 statements", strings.Repeat("SELECT 1;", sqltext.MaxStatements), "", 200},
		{"more statements", strings.Repeat("SELECT 1;", sqltext.MaxStatements+1), "more than 10000 statements", 403},
		{"very deep parentheses", "SELECT " + strings.Repeat("(", deep) + "1" + strings.Repeat(")", deep), "", 0},
		{"very deep comments", "SELECT " + strings.Repeat("/*", deep) + strings.Repeat("*/", deep) + "1", "too many comments", 403},
		{"very deep comments with spaces", "SELECT " + strings.Repeat("/* ", deep) + strings.Repeat("*/", deep) + "1", "", 200},
		{"open comments", strings.Repeat("/* ", deep), "unterminated comment", 403},
		{"comments in a row", "SELECT 1 " + strings.Repeat(strings.Repeat("/**/", 64)+" ", deep/64), "", 200},
		{"continued strings", "SELECT length(" + strings.Repeat("'a' -- \n", deep/4) + ")", "", 200},
		{"dollar signs", strings.Repeat("$", deep), "", 0},
		{"tags", "SELECT " + strings.Repeat("$a", deep) + "$", "", 200},
		{"escaped names", "SELECT 1 " + strings.Repeat(`U&"a" /* */`, deep/10), "", 0},
		{"operators", "SELECT 1 " + strings.Repeat("+", deep) + "1", "too many operator", 403},
		{"operators in a row", "SELECT 1 " + strings.Repeat(strings.Repeat("+", 256)+" ", deep/256) + "1", "", 0},
		{"NOT", "SELECT " + strings.Repeat("NOT ", deep) + "true", "", 0},
	} {
		begun := time.Now()
		a := p.run(c.sql)
		message, _ := resttest.Member(a.Body, "message").(string)
		if c.status != 0 && a.Status != c.status || !strings.Contains(message, c.says) {
			t.Errorf("%s: got %d %.200s, want %d with %q", c.name, a.Status, a.Text, c.status, c.says)
		}
		if c.status == 0 && (a.Status < 400 || message == "") {
			t.Errorf("%s: got %d %.200s, want an error that says why", c.name, a.Status, a.Text)
		}
		t.Logf("%s: %d after %v: %.100s", c.name, a.Status, time.Since(begun).Round(time.Millisecond), message)
	}
	if !json.Valid([]byte(p.OK(p.run(`SELECT 1`), 200).Text)) {
		t.Error("the database is not well afterwards")
	}
}
