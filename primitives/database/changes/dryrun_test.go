package changes_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestADryRunHasNoEffect(t *testing.T) {
	t.Parallel()
	p := start(t)
	notified := p.listen()
	got := p.OK(p.dryRun(`CREATE TABLE posts (id int PRIMARY KEY); INSERT INTO posts VALUES (1); NOTIFY pgrst, 'reload schema'; SELECT pg_advisory_lock(1)`), http.StatusOK)
	p.Equal(got.Body, `{"valid":true,"statementCount":4,"riskLevel":"SAFE","riskFactors":[],
		"statements":["CREATE TABLE posts (id int PRIMARY KEY)","INSERT INTO posts VALUES (1)","NOTIFY pgrst, 'reload schema'","SELECT pg_advisory_lock(1)"]}`)
	p.WaitFor(`SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)
	p.untouched("a dry run")
	if all := p.heard(notified); all != nil {
		t.Errorf("got %v notified", all)
	}

	// It runs on what is there.
	p.ExecAdmin(`CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept VALUES (1)`)
	p.OK(p.dryRun(`TRUNCATE kept; DROP TABLE kept`), http.StatusOK)
	if n := dbtest.Value[int](p.Product, `SELECT count(*) FROM kept`); n != 1 {
		t.Errorf("got %d rows, want the one of before", n)
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ExecAdmin(`CREATE TABLE t (id int PRIMARY KEY, a text, CONSTRAINT c CHECK (a <> '')); INSERT INTO t VALUES (1, 'x')`)
	for _, tt := range []struct {
		sql, level, codes, err string
	}{
		{"", "SAFE", "EMPTY_SQL", "empty"}, {" \n\t", "SAFE", "EMPTY_SQL", "empty"}, {"-- x\n;", "SAFE", "EMPTY_SQL", "empty"},
		{"SELECT 1", "SAFE", "", ""}, {"CREATE TABLE u (n int)", "SAFE", "", ""}, {"ALTER TABLE t ADD COLUMN b int", "SAFE", "", ""},
		{"DROP TABLE t", "DANGER", "DESTRUCTIVE_DATA_LOSS", ""}, {"CREATE SCHEMA x; DROP SCHEMA x", "DANGER", "DESTRUCTIVE_DATA_LOSS", ""},
		{"TRUNCATE t", "DANGER", "DESTRUCTIVE_DATA_LOSS", ""}, {"DELETE FROM t", "DANGER", "DESTRUCTIVE_DATA_LOSS", ""},
		{"DELETE FROM t WHERE id = 1", "SAFE", "", ""}, {"WITH x AS (SELECT 1) DELETE FROM t", "DANGER", "DESTRUCTIVE_DATA_LOSS", ""},
		{"DO $$ BEGIN DROP  TABLE t; END $$", "DANGER", "DESTRUCTIVE_DATA_LOSS", ""},
		{"ALTER TABLE t DROP COLUMN a", "WARNING", "SCHEMA_BREAKING_CHANGE", ""},
		{"ALTER TABLE t DROP CONSTRAINT c, ALTER a TYPE varchar(5), ADD b int", "WARNING", "SCHEMA_BREAKING_CHANGE SCHEMA_BREAKING_CHANGE", ""},
		{"ALTER TABLE t DROP COLUMN a; TRUNCATE t", "DANGER", "SCHEMA_BREAKING_CHANGE DESTRUCTIVE_DATA_LOSS", ""},
		{"COMMIT", "DANGER", "GUARD_VIOLATION", "Transaction control"}, {"SELECT 1; SET ROLE anon", "DANGER", "GUARD_VIOLATION", "SET role"},
		{"SELECT 'open", "DANGER", "SYNTAX_OR_EXECUTION_ERROR", "unterminated"}, {"SELEC 1", "DANGER", "SYNTAX_OR_EXECUTION_ERROR", "syntax error"},
		{"INSERT INTO t VALUES (1, 'y')", "DANGER", "SYNTAX_OR_EXECUTION_ERROR", "duplicate key"},
		{"DROP TABLE t; SELECT * FROM t", "DANGER", "DESTRUCTIVE_DATA_LOSS SYNTAX_OR_EXECUTION_ERROR", "does not exist"},
		{"DROP TABLE auth.users", "DANGER", "DESTRUCTIVE_DATA_LOSS SYNTAX_OR_EXECUTION_ERROR", "must be owner"},
		{"CREATE TABLE u (n int REFERENCES t DEFERRABLE INITIALLY DEFERRED); INSERT INTO u VALUES (9)", "DANGER", "SYNTAX_OR_EXECUTION_ERROR", "foreign key"},
		{"VACUUM", "DANGER", "SYNTAX_OR_EXECUTION_ERROR", "transaction block"},
	} {
		report := p.OK(p.dryRun(tt.sql), http.StatusOK)
		var codes []string
		for _, f := range resttest.Member(report.Body, "riskFactors").([]any) {
			codes = append(codes, resttest.Member(f, "code").(string))
			if resttest.Member(f, "description") == "" {
				t.Errorf("%q: a factor says nothing: %v", tt.sql, f)
			}
		}
		message, failed := resttest.Member(report.Body, "error").(string)
		if resttest.Member(report.Body, "riskLevel") != tt.level || strings.Join(codes, " ") != tt.codes || !strings.Contains(message, tt.err) ||
			resttest.Member(report.Body, "valid") != (tt.err == "") || failed != (tt.err != "") {
			t.Errorf("%q: got %s, want %s with [%s] and error %q", tt.sql, report.Text, tt.level, tt.codes, tt.err)
		}
		if len(report.Header.Get("RateLimit-Limit")) == 0 {
			t.Errorf("got headers %v, want the budget", report.Header)
		}
	}
	p.Equal(p.OK(p.dryRun("SELECT 1;\nDROP TABLE t"), 200).Body, `{"valid":true,"statementCount":2,"statements":["SELECT 1","DROP TABLE t"],"riskLevel":"DANGER",
		"riskFactors":[{"code":"DESTRUCTIVE_DATA_LOSS","description":"Dropping a table deletes its rows.","level":"DANGER","statement":"DROP TABLE t"}]}`)
	p.Equal(p.OK(p.dryRun("\nSELECT nothing"), 200).Body, `{"valid":false,"statementCount":1,"statements":["SELECT nothing"],"riskLevel":"DANGER",
		"error":"column \"nothing\" does not exist","riskFactors":[{"code":"SYNTAX_OR_EXECUTION_ERROR","level":"DANGER","statement":"SELECT nothing",
		"description":"Statement 1 of 1 failed, in line 2 of the SQL (character 8 of the statement). Nothing was changed. SQLSTATE 42703."}]}`)
}

func TestADryRunOfEmptyText(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Refused(p.dryRun("SELECT 'a\x00b'"), http.StatusBadRequest, fault.InvalidInput, "NUL")
	p.Refused(p.Call("POST", "/migrations/dry-run", "{\"sql\":\"\xff\"}"), http.StatusBadRequest, fault.InvalidInput, "UTF-8")
}

func TestDryRunsAreLimited(t *testing.T) {
	t.Parallel()
	p := start(t)
	for range 40 {
		p.CallAs(resttest.UserToken, "POST", "/migrations/dry-run", `{"sql":"SELECT 1"}`)
	}
	for range 30 {
		p.OK(p.dryRun(""), http.StatusOK)
	}
	got := p.dryRun("")
	p.Refused(got, http.StatusTooManyRequests, fault.TooManyRequests, "dry runs")
	if got.Header.Get("RateLimit-Policy") != "30;w=900" || got.Header.Get("Retry-After") == "" {
		t.Errorf("got headers %v, want policy 30;w=900 and Retry-After", got.Header)
	}
	p.OK(p.apply("1", "SELECT 1"), http.StatusCreated)
}
