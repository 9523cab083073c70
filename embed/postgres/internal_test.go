package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestMemoryOfTheContainerCounts(t *testing.T) {
	t.Parallel()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for _, test := range []struct {
		name string
		fs   fstest.MapFS
		want int64
	}{
		{"no control groups", fstest.MapFS{}, 0},
		{"version 2, own limit", fstest.MapFS{
			"proc/self/cgroup":                      file("0::/app/worker\n"),
			"sys/fs/cgroup/app/worker/memory.max":   file("300000000\n"),
			"sys/fs/cgroup/app/memory.max":          file("max\n"),
			"sys/fs/cgroup/app/worker/memory.high":  file("1\n"),
			"sys/fs/cgroup/unrelated/memory.max":    file("1\n"),
			"sys/fs/cgroup/memory/app/memory.max":   file("1\n"),
			"sys/fs/cgroup/app/worker/x/memory.max": file("1\n"),
		}, 300000000},
		{"version 2, the group above is smaller", fstest.MapFS{
			"proc/self/cgroup":                    file("0::/app/worker\n"),
			"sys/fs/cgroup/app/worker/memory.max": file("max\n"),
			"sys/fs/cgroup/app/memory.max":        file("200000000\n"),
		}, 200000000},
		{"container that sees the host's path", fstest.MapFS{
			"proc/self/cgroup":         file("0::/docker/0123abc\n"),
			"sys/fs/cgroup/memory.max": file("100000000\n"),
		}, 100000000},
		{"version 1 beside an empty version 2", fstest.MapFS{
			"proc/self/cgroup": file("9:name=systemd:/\n4:memory:/app\n3:cpu,cpuacct:/\n0::/\n"),
			"sys/fs/cgroup/memory/app/memory.limit_in_bytes": file("400000000\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes":     file("9223372036854771712\n"),
		}, 400000000},
		{"nonsense", fstest.MapFS{
			"proc/self/cgroup":         file("\n:\n0::\n0::/../..\n"),
			"sys/fs/cgroup/memory.max": file("-5\n"),
		}, 0},
	} {
		if got := cgroupMemory(test.fs); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
	if got := totalMemory(fstest.MapFS{"proc/meminfo": file("MemFree: 1 kB\nMemTotal:       2048 kB\n")}); got != 2<<20 {
		t.Errorf("total: got %d, want 2 MiB", got)
	}
	if got := UsableMemory(); got < 64*mib {
		t.Errorf("this machine seems to have %d bytes", got)
	}
}

func TestSettingsFitTheMemory(t *testing.T) {
	t.Parallel()
	for memory, want := range map[int64]string{
		0:         "32768kB",
		128 * mib: "32768kB",
		gib:       "131072kB",
		8 * gib:   "262144kB",
		64 * gib:  "1048576kB",
	} {
		settings := sized(memory)
		if got := settings[0]; got.name != "shared_buffers" || got.value != want {
			t.Errorf("%d bytes: got %v, want shared_buffers %s", memory, got, want)
		}
	}
}

func TestConfigurationValuesCannotEscape(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"plain":       `'plain'`,
		"it's":        `'it''s'`,
		`back\slash`:  `'back\\slash'`,
		"two\nlines":  `'two\nlines'`,
		"' # comment": `''' # comment'`,
	} {
		if got := quoteSetting(value); got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
}

func TestLogLinesAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Line{
		"12\t\t\tLOG:  ready":                     {LevelInfo, 12, "", "", "ready"},
		"12\tpsql\tapp\tERROR:  no such: thing":   {LevelError, 12, "psql", "app", "no such: thing"},
		"12\t[unknown]\t[unknown]\tFATAL:  no":    {LevelFatal, 12, "", "", "no"},
		"12\ta\tb\tPANIC:  disk":                  {LevelFatal, 12, "a", "b", "disk"},
		"12\ta\tb\tWARNING:  w":                   {LevelWarn, 12, "a", "b", "w"},
		"12\ta\tb\tDEBUG2:  d":                    {LevelDebug, 12, "a", "b", "d"},
		"12\ta\tb\tHINT:  try":                    {LevelInfo, 12, "a", "b", "HINT:  try"},
		"12\ta\ta\ttab\tERROR:  x":                {LevelInfo, 12, "a", "a", "tab\tERROR:  x"},
		"postgres: error while loading libraries": {LevelInfo, 0, "", "", "postgres: error while loading libraries"},
		"\tcontinued\twith\ttabs":                 {LevelInfo, 0, "", "", "continued\twith\ttabs"},
		"":                                        {LevelInfo, 0, "", "", ""},
	} {
		if diff := cmp.Diff(want, parseLine(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestFileErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	// A device that is always full.
	full := os.WriteFile("/dev/full", []byte("x"), 0)
	if _, err := os.Stat("/dev/full"); err != nil {
		full = &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	}
	for _, test := range []struct {
		err  error
		kind Kind
	}{
		{full, KindDiskFull},
		{fmt.Errorf("wrapped: %w", &os.PathError{Err: syscall.EDQUOT}), KindDiskFull},
		{&os.PathError{Err: syscall.EROFS}, KindReadOnly},
		{&os.PathError{Err: syscall.EACCES}, KindPermission},
		{&os.PathError{Err: syscall.EPERM}, KindPermission},
		{errors.New("anything"), KindInternal},
		{&Error{Kind: KindPort, Message: "kept"}, KindPort},
	} {
		var e *Error
		if err := fileError("write", "/data", test.err); !errors.As(err, &e) || e.Kind != test.kind {
			t.Errorf("%v: got %v, want kind %s", test.err, err, test.kind)
		}
	}
}

func TestServerErrorsAreSortedByWhatTheServerWrote(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line   string
		kind   Kind
		reason string
	}{
		{`7` + "\t\t\t" + `FATAL:  could not write lock file "postmaster.pid": No space left on device`, KindDiskFull, "could not write"},
		{`initdb: error: could not create directory "x": Read-only file system`, KindReadOnly, "could not create directory"},
		{"7\t\t\tFATAL:  pre-existing shared memory block (key 1, ID 2) is still in use", KindInUse, "pre-existing"},
		{"7\t\t\tFATAL:  could not create any TCP/IP sockets", KindPort, "could not create"},
		{"7\t\t\tFATAL:  data directory \"x\" has wrong ownership", KindPermission, "wrong ownership"},
		{"7\t\t\tPANIC:  could not locate a valid checkpoint record", KindStart, "valid checkpoint"},
		{"/lib/x: version `GLIBC_2.99' not found", KindRuntime, "GLIBC"},
		{"/x/postgres: error while loading shared libraries: libstdc++.so.6: cannot open shared object file", KindRuntime, "libstdc++.so.6"},
		{"", KindStart, ""},
	} {
		var e *Error
		if err := serverError("start", []string{"7\t\t\tLOG:  first", test.line}, nil); !errors.As(err, &e) {
			t.Fatalf("%q: got %v, want an Error", test.line, err)
		}
		if e.Kind != test.kind || !strings.Contains(e.Message, test.reason) || len(e.Log) != 2 {
			t.Errorf("%q: got %+v, want kind %s with %q", test.line, e, test.kind, test.reason)
		}
	}
}

func TestVerifierMatchesItsPasswordOnly(t *testing.T) {
	t.Parallel()
	// RFC 7677 section 3 gives salt and iterations of this password's exchange.
	verifier, err := ScramVerifier("pencil")
	if err != nil {
		t.Fatal(err)
	}
	again, err := ScramVerifier("pencil")
	if err != nil || again == verifier {
		t.Errorf("two verifiers of one password are equal, %v", err)
	}
	if strings.Contains(verifier, "pencil") || strings.ContainsAny(verifier, "'\\") {
		t.Errorf("verifier is not safe to write: %s", verifier)
	}
	if !scramMatches(verifier, "pencil") || scramMatches(verifier, "Pencil") || scramMatches(verifier, "") {
		t.Error("verifier does not distinguish its password from others")
	}
	for _, broken := range []string{"", "md5abc", "SCRAM-SHA-256$", "SCRAM-SHA-256$4096:!!$a:b", "SCRAM-SHA-256$-1:YQ==$a:b",
		"SCRAM-SHA-256$99999999999:YQ==$a:b", verifier + "x", verifier[:len(verifier)-4]} {
		if scramMatches(broken, "pencil") {
			t.Errorf("%q matches", broken)
		}
	}
}

func TestShortFolderIsNeverSomebodyElses(t *testing.T) {
	t.Parallel()
	base, victim := t.TempDir(), t.TempDir()
	first, err := privateFolder(base, "insforge-x")
	if err != nil {
		t.Fatal(err)
	}
	again, err := privateFolder(base, "insforge-x")
	if err != nil || again != first {
		t.Errorf("got %s, %v, want our own folder %s again", again, err, first)
	}
	plant := func(name string, make func(path string) error) {
		t.Helper()
		path := filepath.Join(base, name)
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		got, err := privateFolder(base, name)
		if err != nil || got == path {
			t.Errorf("%s: got %s, %v, want another folder", name, got, err)
			return
		}
		if info, err := os.Lstat(got); err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: got %v, %v, want a private folder", name, info, err)
		}
	}
	plant("link", func(path string) error { return os.Symlink(victim, path) })
	plant("dangling", func(path string) error { return os.Symlink("/nonexistent", path) })
	plant("file", func(path string) error { return os.WriteFile(path, nil, 0o700) })
	plant("open", func(path string) error { return errors.Join(os.Mkdir(path, 0o777), os.Chmod(path, 0o777)) })
	if entries, _ := os.ReadDir(victim); len(entries) != 0 {
		t.Errorf("the planted link was followed: %v", entries)
	}
}

func TestForeignControlFilesAreNotPatched(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{
		"empty": nil, "short": make([]byte, 100), "zeros": make([]byte, 8192),
		"right version, no checksum": append([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0xa4, 0x06, 0, 0}, make([]byte, 8180)...),
	} {
		before := append([]byte(nil), content...)
		if _, err := patchControl(content, 42); err == nil {
			t.Errorf("%s was accepted", name)
		}
		if diff := cmp.Diff(before, content); diff != "" {
			t.Errorf("%s was changed", name)
		}
	}
	segment := filepath.Join(t.TempDir(), "000000010000000000000001")
	if err := os.WriteFile(segment, make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := patchSegment(segment, 1, 2); err == nil {
		t.Error("a log segment without header was accepted")
	}
}

func TestTheLockOfTheOwnerIsFreeDespiteCopiesOfItsFile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	f, err := lockOwner(dir)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := syscall.Dup(int(f.Fd())) // as in a process that is being started
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(copied) })
	unlockOwner(f)
	again, err := lockOwner(dir)
	if err != nil {
		t.Fatalf("got %v, want the lock to be free", err)
	}
	unlockOwner(again)
}
