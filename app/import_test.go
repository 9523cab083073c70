package app_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
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

func TestAnImportThatFillsTheDiskLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, sql string
		room      int64
	}{
		{"with the file itself", rowsOf(20_000), 10 << 20},
		{"with its tables", "CREATE TABLE public.half AS SELECT n, repeat(md5(n::text), 40) AS body FROM generate_series(1, 100000) n;", 20 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			disk := openFolder(t)
			p := serving(t, filepath.Join(disk, "project"))
			onSmallDisk(t, p.Cmd, disk, 200)
			p.start(t).ready(t)
			filler := p.fill(t, disk, tt.room)
			a := upload(t, p.url, p.keyInside(t), "half.sql", strings.NewReader(tt.sql))
			// Without room for its log Postgres has to stop.
			full := a.Status == http.StatusInsufficientStorage || a.Status >= 400 && strings.Contains(a.Body, "No space left on device")
			stopped := a.Status == http.StatusServiceUnavailable && strings.Contains(a.Body, "nothing was changed")
			if !full && !stopped {
				t.Errorf("got %+v on a full disk, want that it is full, or that Postgres stopped", a)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			apptest.Eventually(t, patience, "the product continues by itself", func() error {
				a := send(t, http.MethodGet, p.url+"/api/database/tables", p.keyInside(t), nil)
				if a.Status != http.StatusOK || strings.Contains(a.Body, "half") {
					return fmt.Errorf("%+v", a)
				}
				return nil
			})
			// Postgres may stop only now: one of its processes gave up, and told so
			// before the others noticed.
			apptest.Eventually(t, patience, "an import succeeds", func() error {
				a := upload(t, p.url, p.keyInside(t), "half.sql", strings.NewReader(rowsOf(10)))
				if a.Status != http.StatusOK && a.Status != http.StatusServiceUnavailable {
					t.Fatalf("got %+v with room again, want 200", a)
				}
				if a.Status != http.StatusOK {
					return fmt.Errorf("%+v", a)
				}
				return nil
			})
			p.stop(t)
		})
	}
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
