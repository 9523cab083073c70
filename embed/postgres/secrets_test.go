package postgres_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestPasswordFollowsTheOptions(t *testing.T) {
	t.Parallel()
	o, book := options(t, filepath.Join(t.TempDir(), "data"))
	stop(t, start(t, o))

	o.Password = "the-second-password"
	s := start(t, o)
	login := func(password string) error {
		conn, err := pgx.Connect(t.Context(), s.DSN("postgres", password, "postgres"))
		if err != nil {
			return err
		}
		return conn.Close(t.Context())
	}
	if err := login("the-second-password"); err != nil {
		t.Fatal(err)
	}
	var refused *pgconn.PgError
	if err := login(password); !errors.As(err, &refused) || refused.Code != "28P01" {
		t.Errorf("old password: got %v, want 28P01", err)
	}
	conn, err := pgx.Connect(t.Context(), s.DSN("postgres", "the-second-password", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "ALTER ROLE postgres PASSWORD 'by-sql'"); err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
	stop(t, s)

	s = start(t, o)
	if err := login("the-second-password"); err != nil {
		t.Errorf("after a change by SQL: %v", err)
	}
	stop(t, s)
	noSecrets(t, book.text(), o.DataDir, "the-second-password", password)
}

// noSecrets fails when a secret is in the log or in our files.
func noSecrets(t *testing.T, log, dir string, secrets ...string) {
	t.Helper()
	texts := map[string]string{"log": log}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil {
			texts[file] = string(content)
		}
	}
	for name, text := range texts {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s contains the secret %q", name, secret)
			}
		}
	}
}

func TestStatementsAndValuesStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	o, book := options(t, filepath.Join(t.TempDir(), "data"))
	conn := connect(t, start(t, o))
	const secret = "hunter2secret"
	if _, err := conn.Exec(t.Context(), "CREATE TABLE t (email text UNIQUE CHECK (email <> 'x'), n int NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct {
		sql  string
		args []any
	}{
		{"INSERT INTO t VALUES ($1, NULL)", []any{secret}},
		{"SELECT 1/0, '" + secret + "'", nil},
		{"ALTER ROLE nobody_there PASSWORD '" + secret + "'", nil},
		{"DO $$ BEGIN EXECUTE 'SELECT ''" + secret + "'' FROM missing'; END $$", nil},
	} {
		if _, err := conn.Exec(t.Context(), try.sql, try.args...); err == nil {
			t.Errorf("%s did not fail", try.sql)
		}
	}
	eventually(t, "the errors are in the log", func() bool { return strings.Contains(book.text(), "missing") })
	noSecrets(t, book.text(), o.DataDir, secret)
	if text := book.text(); !strings.Contains(text, "error [@postgres] division by zero") {
		t.Errorf("log lacks the error with its level and database:\n%s", text)
	}
}
