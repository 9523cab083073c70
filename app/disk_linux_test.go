package app_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/insforge/insforge-go/app/apptest"
)

// onSmallDisk makes a command run where dir, which must exist, is a disk of a
// few megabytes that no other process sees.
func onSmallDisk(t *testing.T, cmd *exec.Cmd, dir string, megabytes int) {
	t.Helper()
	onDisk(t, cmd, dir, fmt.Sprintf("mode=0777,size=%dm", megabytes))
}

// onDisk mounts a disk with these options on dir. Root gets a mount namespace
// for that, and other users a user namespace in which they are root; there the
// product runs as an ordinary user again.
func onDisk(t *testing.T, cmd *exec.Cmd, dir, options string) {
	t.Helper()
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatalf("a small disk needs the program unshare (package util-linux): %v", err)
	}
	script := `mount -t tmpfs -o ` + options + ` disk "$1" && shift && `
	namespaces := "-m"
	if os.Geteuid() == 0 {
		script += `exec "$@"`
	} else {
		namespaces = "-Urm"
		script += `exec unshare -U --map-user=` + strconv.Itoa(nobody) + ` "$@"`
	}
	cmd.Args = append([]string{"unshare", namespaces, "sh", "-c", script, "sh", dir, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = unshare
}

// inside is the path of a file on the small disk of a running process.
func (p *process) inside(elem ...string) string {
	return filepath.Join(append([]string{"/proc", strconv.Itoa(p.Process.Pid), "root"}, elem...)...)
}

// fill writes a file until the disk is full, leaving room, and returns its path.
func (p *process) fill(t *testing.T, disk string, room int64) string {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(p.inside(disk), &s); err != nil {
		t.Fatal(err)
	}
	free := int64(s.Bavail) * s.Bsize
	if free > 1<<30 {
		t.Fatalf("got a disk with %d bytes free, want a small one", free)
	}
	filler := p.inside(disk, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, max(free-room, 1)); err != nil {
		t.Fatal(err)
	}
	return filler
}

func TestADiskThatIsFullAtTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	serving(t, dir).start(t).ready(t).stop(t)
	needed := megabytesOf(t, dir)
	for _, megabytes := range []int{1, 8, needed / 2, needed - 8, needed - 7, needed - 6, needed - 5} {
		t.Run(fmt.Sprintf("%d of %d MB", megabytes, needed), func(t *testing.T) {
			t.Parallel()
			disk := openFolder(t)
			p := serving(t, filepath.Join(disk, "project"))
			onSmallDisk(t, p.Cmd, disk, megabytes)
			p.start(t)
			// The last bits are written only when the database stops.
			if megabytes > needed/2 && p.getsReady(t) {
				return
			}
			p.refused(t, "disk", "full", "free some space and start again")
		})
	}
}

// megabytesOf is the disk space that a folder takes.
func megabytesOf(t *testing.T, dir string) int {
	t.Helper()
	var blocks int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			blocks += info.Sys().(*syscall.Stat_t).Blocks
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return int(blocks * 512 >> 20)
}

func TestADiskThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, below := range []string{".", "project"} {
		disk := openFolder(t)
		dir := filepath.Join(disk, below)
		p := serving(t, dir)
		onDisk(t, p.Cmd, disk, "ro,size=1m")
		p.start(t).refused(t, "data directory "+dir+" cannot be written", "read-only file system", "--data-dir")

		cmd := apptest.Command(t, "doctor", "--data-dir", dir)
		cmd.Env = append(cmd.Env, "PORT="+strconv.Itoa(freePort(t)))
		onDisk(t, cmd, disk, "ro,size=1m")
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), "WRONG data") || !strings.Contains(string(out), "cannot be written") {
			t.Errorf("got exit code %d and %s, want 1 and a line about data", code, out)
		}
	}
}

func TestDoctorSeesASmallDisk(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		megabytes, code int
		want            string
	}{
		{50, 1, "WRONG disk       0.1 GB free for "},
		{500, 0, "warn  disk       0.5 GB free for "},
	} {
		disk := openFolder(t)
		cmd := apptest.Command(t, "doctor", "--data-dir", disk)
		cmd.Env = append(cmd.Env, "PORT="+strconv.Itoa(freePort(t)))
		onSmallDisk(t, cmd, disk, tt.megabytes)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != tt.code || !strings.Contains(string(out), tt.want) || !strings.Contains(string(out), "free some space") {
			t.Errorf("%d MB: got exit code %d and %s, want %d and %q", tt.megabytes, code, out, tt.code, tt.want)
		}
	}
}

func TestADiskThatFillsUpLosesNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		// exhaust writes until the disk is full.
		exhaust func(t *testing.T, p *process, create func(name string) answer)
		want    []string // one of them is in the answer then
	}{
		{"with tables", func(t *testing.T, p *process, create func(string) answer) {
			for n := 0; create(fmt.Sprintf("full_%d", n)).Status == http.StatusCreated; n++ {
			}
		}, []string{"No space left on device", "Check free disk space"}},
		// Without room for its log Postgres has to stop.
		{"with the write-ahead log", func(t *testing.T, p *process, create func(string) answer) {
			q := *p
			q.dir = p.inside(p.dir)
			tool := q.connect(t)
			for {
				if _, err := tool.Exec(t.Context(), `SELECT pg_logical_emit_message(false, 'fill', repeat('x', 1000000))`); err != nil {
					return
				}
			}
		}, []string{"The database is not available", "No space left on device"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			disk := openFolder(t)
			p := serving(t, filepath.Join(disk, "project"))
			onSmallDisk(t, p.Cmd, disk, 160)
			p.start(t).ready(t)
			var kept []string
			create := func(name string) answer {
				a := send(t, http.MethodPost, p.url+"/api/database/tables", p.keyInside(t),
					fmt.Appendf(nil, `{"tableName":%q,"columns":[{"columnName":"n","type":"integer","isNullable":true,"isUnique":false}]}`, name))
				if a.Status == http.StatusCreated {
					kept = append(kept, name)
				}
				return a
			}
			if a := create("before"); a.Status != http.StatusCreated {
				t.Fatalf("got %+v, want 201", a)
			}
			filler := p.fill(t, disk, 2<<20)
			tt.exhaust(t, p, create)
			failure := create("too_much")
			says := func(part string) bool { return strings.Contains(failure.Body, part) }
			if failure.Status < 500 || !says(`"statusCode"`) || !slices.ContainsFunc(tt.want, says) {
				t.Errorf("got %+v on a full disk, want an envelope with one of %q", failure, tt.want)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			apptest.Eventually(t, patience, "the product continues by itself", func() error {
				if a := create(fmt.Sprintf("after_%d", len(kept))); a.Status != http.StatusCreated {
					return fmt.Errorf("%+v", a)
				}
				return nil
			})
			var a answer
			apptest.Eventually(t, patience, "the tables are listed", func() error { // Postgres may stop only now
				if a = send(t, http.MethodGet, p.url+"/api/database/tables", p.keyInside(t), nil); a.Status != http.StatusOK {
					return fmt.Errorf("%+v", a)
				}
				return nil
			})
			for _, name := range kept {
				if !strings.Contains(a.Body, `"`+name+`"`) {
					t.Errorf("table %s was acknowledged and is gone", name)
				}
			}
			t.Logf("%d tables acknowledged before, on and after the full disk", len(kept))
			p.stop(t)
		})
	}
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

// keyInside is the API key of a project on a small disk.
func (p *process) keyInside(t *testing.T) string {
	t.Helper()
	q := *p
	q.dir = p.inside(p.dir)
	return q.apiKey(t)
}
