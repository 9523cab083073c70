package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeTools puts a node and an npm on the PATH that note how they were called and make what the real ones make.
func fakeTools(t *testing.T, nodeVersion string) (calls func() string) {
	t.Helper()
	bin := t.TempDir()
	log := filepath.Join(bin, "calls")
	write(t, filepath.Join(bin, "node"), "#!/bin/sh\necho "+nodeVersion+"\n")
	write(t, filepath.Join(bin, "npm"), `#!/bin/sh
echo "$*" >> `+log+`
if [ -e fail ]; then echo "the reason"; exit 1; fi
case "$1" in
ci) rm -rf node_modules; mkdir node_modules ;;
run) mkdir -p dist/app; echo page > dist/app/index.html ;;
esac
`)
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	return func() string {
		out, err := os.ReadFile(log)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		os.Remove(log)
		return string(out)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func newProject(t *testing.T) builder {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{
		"package.json", "package-lock.json", ".npmrc", "vite.config.ts", "tsconfig.json", "index.html",
		"public/icon.svg", "src/main.tsx", "src/main.test.ts", "dist/.gitkeep",
	} {
		write(t, filepath.Join(dir, name), name)
	}
	return builder{dir: dir, say: &bytes.Buffer{}}
}

const both = "ci --include=dev\nrun build\n"

func TestRunDoesOnlyWhatIsOutOfDate(t *testing.T) {
	calls := fakeTools(t, "v20.20.2")
	b := newProject(t)
	steps := []struct {
		name   string
		change func()
		want   string
	}{
		{"fresh checkout installs and builds", func() {}, both},
		{"nothing changed does nothing", func() {}, ""},
		{"changed source builds only", func() { write(t, b.path("src/main.tsx"), "x") }, "run build\n"},
		{"new source builds", func() { write(t, b.path("src/pages/a.tsx"), "") }, "run build\n"},
		{"removed source builds", func() { os.Remove(b.path("src/pages/a.tsx")) }, "run build\n"},
		{"changed test does nothing", func() { write(t, b.path("src/main.test.ts"), "x") }, ""},
		{"changed lock file does both", func() { write(t, b.path("package-lock.json"), "x") }, both},
		{"lost output builds", func() { os.RemoveAll(b.path("dist/app")) }, "run build\n"},
		{"lost packages matter only to the next build", func() { os.RemoveAll(b.path("node_modules")) }, ""},
		{"which installs them again", func() { write(t, b.path("index.html"), "y") }, both},
	}
	for _, step := range steps {
		step.change()
		if err := b.run(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.want, calls()); diff != "" {
			t.Errorf("%s: npm calls (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestFailedStepIsReportedAndDoneAgain(t *testing.T) {
	calls := fakeTools(t, "v24.1.0")
	b := newProject(t)
	write(t, b.path("fail"), "")
	err := b.run()
	if err == nil || !strings.Contains(err.Error(), "the reason") {
		t.Fatalf("got error %v, want the output of npm", err)
	}
	calls()
	os.Remove(b.path("fail"))
	if err := b.run(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(both, calls()); diff != "" {
		t.Errorf("npm calls (-want +got):\n%s", diff)
	}
}

func TestMissingOrOldNodeIsOneLineThatSaysWhatToInstall(t *testing.T) {
	fakeTools(t, "v18.20.0")
	tooOld := newProject(t).run()
	t.Setenv("PATH", t.TempDir())
	missing := newProject(t).run()
	for name, err := range map[string]error{"too old": tooOld, "missing": missing} {
		if err == nil || !strings.Contains(err.Error(), "install Node.js 20.19") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line naming the version to install", name, err)
		}
	}
}

func TestSupported(t *testing.T) {
	for version, want := range map[string]bool{
		"v20.19.0": true, "v20.18.9": false, "v21.9.0": false, "v22.11.0": false, "v22.12.0": true,
		"v23.0.0": true, "v26.1.0": true, "v18.20.0": false, "": false, "garbage": false,
	} {
		if got := supported(version); got != want {
			t.Errorf("supported(%q): got %v, want %v", version, got, want)
		}
	}
}
