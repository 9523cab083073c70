package transfer_test

import (
	"bufio"
	"fmt"
	"io"
	"mime/multipart"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/database/transfer"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// maxHeap is what a transfer may need besides its largest statement.
const maxHeap = 24 << 20

// megabytes is how large the files are; the variable makes them larger.
func megabytes(t *testing.T) int {
	if text := os.Getenv("TRANSFER_TEST_MEGABYTES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 32
}

// stream sends a file that write makes on the way.
func (p product) stream(path, filename string, fields []string, write func(w io.Writer)) int {
	p.T.Helper()
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		for i := 0; i < len(fields); i += 2 {
			_ = form.WriteField(fields[i], fields[i+1])
		}
		part, err := form.CreateFormFile("file", filename)
		if err == nil {
			buffered := bufio.NewWriterSize(part, 64<<10)
			write(buffered)
			err = buffered.Flush()
		}
		if err == nil {
			err = form.Close()
		}
		w.CloseWithError(err)
	}()
	req := httptest.NewRequest("POST", dbtest.Prefix+"/advance"+path, r)
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Authorization", resttest.AdminToken)
	answer := httptest.NewRecorder()
	p.Handler.ServeHTTP(answer, req)
	if answer.Code != 200 {
		p.T.Errorf("%s: got %d %s", filename, answer.Code, answer.Body)
	}
	return answer.Code
}

// highest returns the largest heap while f runs, over that before it.
func highest(f func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, uint64(0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	f()
	close(stop)
	<-done
	return most - min(before, most)
}

// It runs alone: what it measures is the whole process.
func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	size := megabytes(t)
	p := start(t, func(d *transfer.Deps) { d.MaxImportBytes = int64(size+10) << 20 })
	p.ExecAdmin(`CREATE TABLE t (id bigint, x text)`)
	text := strings.Repeat("abcdefghij", 20)
	lines := size << 20 / 220
	for _, tt := range []struct {
		name, path, file string
		write            func(w io.Writer)
	}{
		{"COPY", "/import", "a.sql", func(w io.Writer) {
			fmt.Fprint(w, "COPY t FROM stdin;\n")
			for i := range lines {
				fmt.Fprintf(w, "%d\t%s\n", i, text)
			}
			fmt.Fprint(w, "\\.\n")
		}},
		{"INSERT", "/import", "a.sql", func(w io.Writer) {
			for i := range lines / 10 {
				fmt.Fprintf(w, "INSERT INTO t VALUES (%d, '%s')", i, text)
				for range 9 {
					fmt.Fprintf(w, ", (%d, '%s')", i, text)
				}
				fmt.Fprint(w, ";\n")
			}
		}},
		{"CSV", "/bulk-upsert", "a.csv", func(w io.Writer) {
			fmt.Fprint(w, "id,x\n")
			for i := range lines {
				fmt.Fprintf(w, "%d,%s\n", i, text)
			}
		}},
		{"JSON", "/bulk-upsert", "a.json", func(w io.Writer) {
			fmt.Fprint(w, "[")
			for i := range lines {
				if i > 0 {
					fmt.Fprint(w, ",\n")
				}
				fmt.Fprintf(w, `{"id":%d,"x":"%s"}`, i, text)
			}
			fmt.Fprint(w, "]")
		}},
	} {
		began := time.Now()
		most := highest(func() { p.stream(tt.path, tt.file, []string{"table", "t", "truncate", "true"}, tt.write) })
		t.Logf("%s: %d MB in %v with %d MB of heap", tt.name, size, time.Since(began).Round(time.Millisecond), most>>20)
		if most > maxHeap {
			t.Errorf("%s: got %d MB of heap, want at most %d", tt.name, most>>20, maxHeap>>20)
		}
		p.Exec(`TRUNCATE t`)
	}
	p.Exec(`INSERT INTO t SELECT n, repeat('x', $1 * 105) FROM generate_series(1, 10000) n`, size)
	most := highest(func() {
		r := httptest.NewRequest("POST", dbtest.Prefix+"/advance/export", strings.NewReader(`{"rowLimit":10000}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", resttest.AdminToken)
		w := &counter{ResponseRecorder: httptest.NewRecorder()}
		p.Handler.ServeHTTP(w, r)
		if w.Code != 200 || w.bytes < size<<20 {
			t.Errorf("export: got %d with %d bytes, want %d MB", w.Code, w.bytes, size)
		}
	})
	if most > maxHeap {
		t.Errorf("export: got %d MB of heap, want at most %d", most>>20, maxHeap>>20)
	}
}

// counter is a response whose body is only counted.
type counter struct {
	*httptest.ResponseRecorder
	bytes int
}

func (c *counter) Write(p []byte) (int, error) { c.bytes += len(p); return len(p), nil }
