package transfer_test

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/database/transfer"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// smallDisk is set for a run of this test on a disk of one megabyte.
const smallDisk = "TRANSFER_TEST_SMALL_DISK"

// TestAFullDiskIsReportedAndLeavesNothing runs itself again where a directory
// is a disk of one megabyte that no other process sees.
func TestAFullDiskIsReportedAndLeavesNothing(t *testing.T) {
	if dir := os.Getenv(smallDisk); dir != "" {
		testFullDisk(t, dir)
		return
	}
	t.Parallel()
	namespaces := "-m"
	if os.Geteuid() != 0 {
		namespaces = "-Urm"
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "unshare", namespaces, "sh", "-c",
		`mount -t tmpfs -o mode=0777,size=1m disk "$1" && shift && exec "$@"`, "sh", dir, os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), smallDisk+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Fatalf("on a small disk (program unshare of util-linux): %v\n%s", err, out)
	}
}

func testFullDisk(t *testing.T, dir string) {
	p := start(t, func(d *transfer.Deps) { d.TempDir = dir })
	p.ExecAdmin(`CREATE TABLE t (id int, x text); INSERT INTO t SELECT n, repeat('x', 4000) FROM generate_series(1, 1000) n`)
	filler := strings.Repeat("-- a line that says nothing at all\n", 100_000)
	for name, a := range map[string]resttest.Answer{
		"import":      p.importSQL("DELETE FROM t;\n" + filler),
		"bulk upsert": p.upsert("a.csv", "id,x\n"+strings.Repeat("1,y\n", 1_000_000), "t"),
		"export":      p.Call("POST", "/advance/export", `{}`),
	} {
		p.Refused(a, http.StatusInsufficientStorage, fault.InternalError, "disk is full")
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s: got files %v left behind (%v), want none", name, left, err)
		}
	}
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM t`); got != 1000 {
		t.Errorf("got %d rows, want all that there were", got)
	}
	// What fits still works.
	p.OK(p.importSQL("DELETE FROM t"), 200)
}
