package bundle_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/insforge/insforge-go/embed/bundle"
)

// tree lists a directory: names with modes, contents and link targets.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + string(content)
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text = "-> " + target
		}
		got[rel] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPackAndUnpackKeepTheTree(t *testing.T) {
	t.Parallel()
	src, dst := t.TempDir(), t.TempDir()
	for name, mode := range map[string]fs.FileMode{"bin/run": 0o755, "private/data": 0o600, "share/empty": 0o644} {
		path := filepath.Join(src, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Repeat(name, len(name)%7)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(src, "private"), 0o500); err != nil { // filled before it is closed
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, dir := range []string{src, dst} {
			os.Chmod(filepath.Join(dir, "private"), 0o700)
		}
	})
	if err := os.Symlink("run", filepath.Join(src, "bin", "link")); err != nil {
		t.Fatal(err)
	}
	var one, two bytes.Buffer
	if err := errors.Join(bundle.Pack(&one, src), bundle.Pack(&two, src)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("packing twice gave different archives")
	}
	if err := bundle.Unpack(t.Context(), &one, dst, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree(t, src), tree(t, dst)); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
}

// archive makes a .tar.zst of headers; regular files contain "evil".
func archive(t *testing.T, headers ...tar.Header) io.Reader {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, h := range headers {
		h.Mode = 0o644
		if h.Typeflag == tar.TypeDir {
			h.Mode = 0o755
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = 4
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			io.WriteString(w, "evil")
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestUnpackStaysInside(t *testing.T) {
	t.Parallel()
	file := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name} }
	link := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
	}
	for name, headers := range map[string][]tar.Header{
		"parent":                     {file("../evil")},
		"parent in the middle":       {file("a/../../evil")},
		"absolute":                   {file("/tmp/evil")},
		"absolute link":              {link("a", "/tmp")},
		"link to the parent":         {link("a", "..")},
		"deep link to the outside":   {link("a/b/c", "../../../x")},
		"through links step by step": {link("a", "b"), link("b", "."), link("c", "a/.."), file("c/../evil")},
		"over a link":                {link("a", "b"), file("a")},
		"hard link":                  {{Typeflag: tar.TypeLink, Name: "a", Linkname: "/etc/passwd"}},
		"device":                     {{Typeflag: tar.TypeChar, Name: "a"}},
		"pipe":                       {{Typeflag: tar.TypeFifo, Name: "a"}},
		"same file twice":            {file("a"), file("a")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outside := t.TempDir()
			dir := filepath.Join(outside, "x", "dir")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			err := bundle.Unpack(t.Context(), archive(t, headers...), dir, nil)
			if err == nil && name != "through links step by step" {
				t.Error("it was accepted")
			}
			for got := range tree(t, outside) {
				if got != "x" && !strings.HasPrefix(got, filepath.Join("x", "dir")) {
					t.Errorf("%s was written outside", got)
				}
			}
		})
	}
}

func TestUnpackRefusesWhatIsNotAnArchive(t *testing.T) {
	t.Parallel()
	var whole bytes.Buffer
	src := t.TempDir()
	if err := os.WriteFile(filepath.Join(src, "a"), bytes.Repeat([]byte("0123456789abcdef"), 100_000), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := bundle.Pack(&whole, src); err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole.Bytes())
	flipped[len(flipped)/2] ^= 0x40
	for name, content := range map[string][]byte{
		"noise":     []byte("this is not an archive"),
		"cut short": whole.Bytes()[:whole.Len()-8],
		"flipped":   flipped,
	} {
		if err := bundle.Unpack(t.Context(), bytes.NewReader(content), t.TempDir(), nil); err == nil {
			t.Errorf("%s: it was accepted", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := bundle.Unpack(ctx, bytes.NewReader(whole.Bytes()), t.TempDir(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// fill is a runtime of two files.
func fill(tmp string) error {
	if err := os.Mkdir(filepath.Join(tmp, "bin"), 0o755); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(tmp, "bin", "postgres"), []byte("program"), 0o755),
		os.WriteFile(filepath.Join(tmp, "LICENSE"), []byte("text"), 0o644))
}

func TestConcurrentInstallsGiveOneCompleteRuntime(t *testing.T) {
	t.Parallel()
	cache := filepath.Join(t.TempDir(), "cache")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			dir, err := bundle.Install(cache, "postgres-1-abc", fill)
			if err != nil {
				t.Error(err)
			} else if err := bundle.Check(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	entries, err := os.ReadDir(cache)
	if err != nil || len(entries) != 1 {
		t.Errorf("cache holds %v, %v, want only the runtime", entries, err)
	}
	if info, err := os.Stat(filepath.Join(cache, "postgres-1-abc")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("got %v, %v, want mode 0755", info.Mode(), err)
	}
}

func TestDamagedRuntimeIsReplaced(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(dir string) error{
		"file missing":     func(dir string) error { return os.Remove(filepath.Join(dir, "bin", "postgres")) },
		"file cut short":   func(dir string) error { return os.Truncate(filepath.Join(dir, "bin", "postgres"), 3) },
		"manifest missing": func(dir string) error { return os.Remove(filepath.Join(dir, "MANIFEST")) },
		"manifest empty":   func(dir string) error { return os.Truncate(filepath.Join(dir, "MANIFEST"), 0) },
		"manifest garbage": func(dir string) error { return os.WriteFile(filepath.Join(dir, "MANIFEST"), []byte("?"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cache := t.TempDir()
			var fills atomic.Int64
			counting := func(tmp string) error { fills.Add(1); return fill(tmp) }
			dir, err := bundle.Install(cache, "r", counting)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			if err := bundle.Check(dir); !errors.Is(err, bundle.ErrDamaged) {
				t.Errorf("check: got %v, want ErrDamaged", err)
			}
			var wg sync.WaitGroup
			for range 4 { // all starts notice it at once
				wg.Go(func() {
					if _, err := bundle.Install(cache, "r", counting); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if err := bundle.Check(dir); err != nil {
				t.Error(err)
			}
			before := fills.Load()
			if _, err := bundle.Install(cache, "r", counting); err != nil || fills.Load() != before {
				t.Errorf("an intact runtime was filled again, %v", err)
			}
		})
	}
}

func TestFailedInstallLeavesNothing(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	broken := errors.New("broken")
	_, err := bundle.Install(cache, "r", func(tmp string) error { return errors.Join(fill(tmp), broken) })
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of fill", err)
	}
	if entries, _ := os.ReadDir(cache); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestFolderThatOthersCanWriteIsNotTrusted(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	if err := os.Chmod(cache, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Install(cache, "r", fill); err == nil || !strings.Contains(err.Error(), "writable by everyone") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestPinsOfEveryPlatformAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, os := range []string{"linux", "darwin"} {
		for _, arch := range []string{"amd64", "arm64"} {
			p, err := bundle.ParsePlatform(os + "/" + arch)
			if err != nil {
				t.Fatal(err)
			}
			pin, err := bundle.PinFor(bundle.PostgresName, p)
			if err != nil {
				t.Fatal(err)
			}
			v := pin.Vector
			if !strings.HasPrefix(pin.Integrity, "sha512-") || pin.Package == "" || pin.Version == "" ||
				len(v.SHA256) != 64 || !strings.Contains(v.Source, "="+v.Version) || !strings.Contains(v.File, v.Version) || v.Suite == "" {
				t.Errorf("%s: incomplete pin %+v", p, pin)
			}
			if other, ok := seen[pin.CacheName()]; ok {
				t.Errorf("%s and %s share the cache name %s", p, other, pin.CacheName())
			}
			seen[pin.CacheName()] = p.String()
			if !strings.HasPrefix(pin.Release, fmt.Sprint(bundle.PreferredMajor)) {
				t.Errorf("release %s is not of the preferred major", pin.Release)
			}
		}
	}
	if _, err := bundle.PinFor(bundle.PostgresName, bundle.Platform{OS: "plan9", Arch: "mips"}); err == nil || !strings.Contains(err.Error(), "plan9/mips") {
		t.Errorf("unknown platform: got %v", err)
	}
	for _, bad := range []string{"", "linux", "/", "linux/", "a/b/c"} {
		if _, err := bundle.ParsePlatform(bad); err == nil {
			t.Errorf("platform %q was accepted", bad)
		}
	}
}

func TestCacheDirFollowsTheEnvironment(t *testing.T) {
	t.Setenv(bundle.CacheDirEnv, "relative/cache")
	dir, err := bundle.CacheDir()
	if err != nil || !filepath.IsAbs(dir) || !strings.HasSuffix(dir, "relative/cache") {
		t.Errorf("got %s, %v, want an absolute path", dir, err)
	}
	t.Setenv(bundle.CacheDirEnv, "")
	dir, err = bundle.CacheDir()
	if err != nil || os.Geteuid() == 0 != (dir == "/var/cache/insforge") {
		t.Errorf("got %s, %v for uid %d", dir, err, os.Geteuid())
	}
}

func TestUnpackedFilesIgnoreTheUmask(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	dst := t.TempDir()
	if err := bundle.Unpack(t.Context(), archive(t, tar.Header{Typeflag: tar.TypeDir, Name: "d/"}, tar.Header{Typeflag: tar.TypeReg, Name: "d/f"}), dst, nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"d": 0o755, "d/f": 0o644} {
		if info, err := os.Stat(filepath.Join(dst, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}
