package app_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/app/apptest"
	"github.com/jackc/pgx/v5"
)

// upload sends a file to the import.
func upload(t *testing.T, url, key, name string, content io.Reader) answer {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", name)
	if err == nil {
		_, err = io.Copy(part, content)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/database/advance/import", &form)
	if err != nil {
		return answer{Err: err}
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", w.FormDataContentType())
	client := http.Client{Timeout: patience}
	res, err := client.Do(r)
	if err != nil {
		return answer{Err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return answer{Status: res.StatusCode, Body: string(text), Err: err}
}

// rowsOf is a COPY of n rows of a kilobyte.
func rowsOf(n int) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE public.half (n int, body text);\nCOPY public.half (n, body) FROM stdin;\n")
	for i := range n {
		fmt.Fprintf(&b, "%d\t%s\n", i, strings.Repeat("x", 1000))
	}
	b.WriteString("\\.\n")
	return b.String()
}

// Killed in the middle of its work, the product has done all of it or nothing.
func TestAKilledProductLeavesNoHalfWork(t *testing.T) {
	t.Parallel()
	const asleep = `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'`
	for _, tt := range []struct {
		name string
		work func(p *process, key string) answer
	}{
		{"an import", func(p *process, key string) answer {
			return upload(t, p.url, key, "half.sql", strings.NewReader(rowsOf(5000)+"SELECT pg_sleep(600);"))
		}},
		{"a migration", func(p *process, key string) answer {
			return send(t, http.MethodPost, p.url+"/api/database/migrations", key,
				[]byte(`{"version":"1","name":"half","sql":"CREATE TABLE half (n int); INSERT INTO half SELECT generate_series(1, 5000); SELECT pg_sleep(600)"}`))
		}},
		{"raw SQL", func(p *process, key string) answer {
			return send(t, http.MethodPost, p.url+"/api/database/advance/rawsql", key,
				[]byte(`{"query":"CREATE TABLE half (n int); SELECT pg_sleep(600)"}`))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := serving(t, dir).start(t).ready(t)
			key := p.apiKey(t)
			tool := p.connect(t)
			done := make(chan answer, 1)
			go func() { done <- tt.work(p, key) }()
			awaitSleep(t, tool, asleep)
			if err := p.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if a := <-done; a.Err == nil {
				t.Errorf("got %+v from a product that was killed, want no answer", a)
			}
			_ = p.exitCode(t)

			p = serving(t, dir).start(t).ready(t)
			if names := p.tables(t); len(names) != 0 {
				t.Errorf("got tables %v, want none", names)
			}
			if a := p.call(t, http.MethodGet, "/api/database/migrations", nil); a.Body != `{"migrations":[]}` && strings.TrimSpace(a.Body) != `{"migrations":[]}` {
				t.Errorf("got %+v, want no migration", a)
			}
			// Nothing prevents the same work from being done completely.
			a := p.call(t, http.MethodPost, "/api/database/migrations", map[string]string{"version": "1", "name": "half", "sql": "CREATE TABLE half (n int)"})
			if a.Status != http.StatusCreated {
				t.Errorf("got %+v, want 201", a)
			}
			p.stop(t)
		})
	}
}

func awaitSleep(t *testing.T, tool *pgx.Conn, query string) {
	t.Helper()
	apptest.Eventually(t, patience, "the work is in its middle", func() error {
		var n int
		if err := tool.QueryRow(t.Context(), query).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return errors.New("not yet")
		}
		return nil
	})
}
