package apptest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/insforge/insforge-go/app/apptest"
)

const recovery = 2 * time.Minute

// journal writes rows through HTTP from several connections and remembers
// which ones were acknowledged.
type journal struct {
	next  atomic.Int64
	acked atomic.Int64 // how many

	mu   sync.Mutex
	rows map[int64]bool
}

// write writes rows until ctx ends. A row whose request failed may be there or
// not, so it is not counted.
func (j *journal) write(ctx context.Context, p *apptest.Product) {
	for ctx.Err() == nil {
		n := j.next.Add(1)
		_, err := p.Call(ctx, http.MethodPost, "/api/database/records/journal", p.APIKey, map[string]any{"n": n})
		if err != nil {
			continue
		}
		j.mu.Lock()
		j.rows[n] = true
		j.mu.Unlock()
		j.acked.Add(1)
	}
}

// writing starts four writers and returns a function that ends them.
func (j *journal) writing(t *testing.T, p *apptest.Product) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() { j.write(ctx, p) })
	}
	stop = sync.OnceFunc(func() {
		cancel()
		writers.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// awaitMore waits for n further acknowledged rows.
func (j *journal) awaitMore(t *testing.T, n int64) {
	t.Helper()
	goal := j.acked.Load() + n
	apptest.Eventually(t, recovery, fmt.Sprintf("%d more rows are acknowledged", n), func() error {
		if got := j.acked.Load(); got < goal {
			return fmt.Errorf("%d so far", got)
		}
		return nil
	})
}

// check fails the test unless every acknowledged row is there, once.
func (j *journal) check(t *testing.T, p *apptest.Product) {
	t.Helper()
	a, err := p.Call(t.Context(), http.MethodGet, "/api/database/records/journal?select=n", p.APIKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	var found []struct{ N int64 }
	if err := json.Unmarshal(a.Body, &found); err != nil {
		t.Fatal(err)
	}
	there := map[int64]int{}
	for _, row := range found {
		there[row.N]++
	}
	lost := 0
	for n := range j.rows {
		if there[n] != 1 {
			lost++
			t.Errorf("acknowledged row %d is there %d times", n, there[n])
		}
	}
	t.Logf("%d rows acknowledged, %d found, %d lost", len(j.rows), len(found), lost)
}

func newJournal(t *testing.T, p *apptest.Product) *journal {
	t.Helper()
	if _, err := p.Call(t.Context(), http.MethodPost, "/api/database/tables", p.APIKey, map[string]any{
		"tableName": "journal",
		"columns":   []any{map[string]any{"columnName": "n", "type": "integer", "isNullable": false, "isUnique": true}},
	}); err != nil {
		t.Fatal(err)
	}
	return &journal{rows: map[int64]bool{}}
}

func onePostmaster(t *testing.T, p *apptest.Product) int {
	t.Helper()
	pids := apptest.Postmasters(p.Dir)
	if len(pids) != 1 {
		t.Fatalf("Postgres servers on the data directory: %v, want one", pids)
	}
	return pids[0]
}

func TestKilledProductLosesNoAcknowledgedRow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := apptest.Start(t, dir)
	j := newJournal(t, p)
	for range 2 { // the second time on what the first recovery left
		stop := j.writing(t, p)
		j.awaitMore(t, 100)
		p.Kill(t)
		stop()
		p = apptest.Start(t, dir)
		onePostmaster(t, p)
		j.check(t, p)
	}
	p.Stop(t)
}

func TestKilledPostgresComesBackUnderTheProduct(t *testing.T) {
	t.Parallel()
	p := apptest.Start(t, t.TempDir())
	j := newJournal(t, p)
	stop := j.writing(t, p)
	j.awaitMore(t, 100)
	before := onePostmaster(t, p)
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	apptest.Eventually(t, recovery, "another Postgres runs", func() error {
		if pids := apptest.Postmasters(p.Dir); len(pids) != 1 || pids[0] == before {
			return fmt.Errorf("servers: %v", pids)
		}
		return nil
	})
	j.awaitMore(t, 100) // neither the clients nor the product were restarted
	stop()
	onePostmaster(t, p)
	j.check(t, p)
	p.Stop(t)
}

func TestProductAndPostgresKilledTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := apptest.Start(t, dir)
	j := newJournal(t, p)
	stop := j.writing(t, p)
	j.awaitMore(t, 100)
	p.Kill(t)
	for _, pid := range apptest.Postmasters(dir) { // so that nothing is left to clean up
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	p = apptest.Start(t, dir)
	onePostmaster(t, p)
	j.check(t, p)
	p.Stop(t)
}

func TestSecondServeOnADataDirectoryExits(t *testing.T) {
	t.Parallel()
	p := apptest.Start(t, t.TempDir())
	cmd := apptest.Command(t, "serve", "--data-dir", p.Dir, "--port", "0")
	out, err := cmd.CombinedOutput()
	exit, ok := err.(*exec.ExitError)
	if !ok || exit.ExitCode() != 1 {
		t.Fatalf("second serve: got %v, want exit code 1\n%s", err, out)
	}
	for _, part := range []string{"already serves", p.Dir, strconv.Itoa(p.PID()), p.URL, "--data-dir"} {
		if !strings.Contains(string(out), part) {
			t.Errorf("message %q does not name %q", out, part)
		}
	}
	if lines := strings.Count(strings.TrimSpace(string(out)), "\n"); lines > 0 {
		t.Errorf("message has %d lines, want one:\n%s", lines+1, out)
	}
	onePostmaster(t, p)
	if _, err := p.Call(t.Context(), http.MethodGet, "/api/health", "", nil); err != nil {
		t.Errorf("the first serve suffered: %v", err)
	}
	p.Stop(t)
}
