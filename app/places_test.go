package app_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/insforge/insforge-go/embed/bundle"
)

func TestServesAndRestartsAsAnUnprivilegedUser(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openFolder(t), "project")
	p := serving(t, dir).asNobody(t).start(t).ready(t)
	if a := p.createTable(t, "kept"); a.Status != http.StatusCreated {
		t.Fatalf("got %+v, want 201", a)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	uid := info.Sys().(*syscall.Stat_t).Uid
	if os.Geteuid() == 0 && uid != nobody {
		t.Errorf("got owner %d, want %d", uid, nobody)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("got mode %v, want 0700", info.Mode())
	}
	p.stop(t)
	p = serving(t, dir).asNobody(t).start(t).ready(t)
	if got := p.tables(t); !slices.Contains(got, "kept") {
		t.Errorf("got tables %v, want kept among them", got)
	}
	p.stop(t)
	if os.Geteuid() == 0 {
		// Root may serve the project of another user, and its owner stays.
		p = serving(t, dir).start(t).ready(t)
		p.stop(t)
		serving(t, dir).asNobody(t).start(t).ready(t).stop(t)
	}
}

func TestServesWhereverTheDataDirectoryIs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, folder string }{
		{"a path longer than a socket's address", strings.Repeat("long folder/", 12)},
		{"spaces and quotes", `it's "my" folder`},
		{"letters beyond ASCII", "проект 项目 é"},
		{"a backslash and a percent sign", `a\b%41 $HOME ; & * ? #`},
		{"a newline", "two\nlines"},
		{"a leading dash", "-rf"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), filepath.FromSlash(tt.folder))
			p := serving(t, dir).start(t).ready(t)
			if a := p.createTable(t, "kept"); a.Status != http.StatusCreated {
				t.Fatalf("got %+v, want 201", a)
			}
			p.stop(t)
			p = serving(t, dir).start(t).ready(t)
			if got := p.tables(t); !slices.Contains(got, "kept") {
				t.Errorf("got tables %v, want kept among them", got)
			}
			serving(t, dir).start(t).refused(t, "already serves", fmt.Sprint(p.Process.Pid))
			p.stop(t)
		})
	}
}

// Postgres runs as another user, who may not pass through the folder.
func TestServesBelowAFolderThatOnlyItsOwnerEnters(t *testing.T) {
	t.Parallel()
	home := filepath.Join(openFolder(t), "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, "project")
	p := serving(t, dir).start(t).ready(t)
	if a := p.createTable(t, "kept"); a.Status != http.StatusCreated {
		t.Fatalf("got %+v, want 201", a)
	}
	p.stop(t)
	serving(t, dir).start(t).ready(t).stop(t)
	if info, err := os.Stat(home); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got mode %v (%v), want 0700 as before", info.Mode(), err)
	}
}

func TestServesThroughALinkToTheDataDirectory(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	link := filepath.Join(base, "link")
	if err := os.Mkdir(filepath.Join(base, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	p := serving(t, link).start(t).ready(t)
	serving(t, filepath.Join(base, "real")).start(t).refused(t, "already serves")
	p.stop(t)
}

func TestOneOfManyStartsOnAFolderServes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "project")
	var all []*process
	for range 5 {
		all = append(all, serving(t, dir).start(t))
	}
	served := 0
	for _, p := range all {
		if p.getsReady(t) {
			served++
			p.ready(t)
			p.works(t, "kept")
			defer p.stop(t)
		}
	}
	if served != 1 {
		t.Fatalf("got %d serving processes, want one", served)
	}
	for _, p := range all {
		if p.url == "" {
			p.refused(t, "data directory in use", dir)
		}
	}
}

// A project made with an installed Postgres keeps that major version, even when
// there is a newer one.
func TestAProjectKeepsItsMajor(t *testing.T) {
	t.Parallel()
	for _, rt := range servers(t) {
		t.Run("Postgres "+rt.Version, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := serving(t, dir, bundle.PostgresDirEnv+"="+rt.BinDir).start(t).ready(t)
			p.works(t, "kept")
			p.stop(t)
			p = serving(t, dir).start(t).ready(t)
			if got := p.rows(t, "kept"); got != 1 {
				t.Errorf("got %d rows, want 1", got)
			}
			if got := readFile(t, dir, "postgres", "PG_VERSION"); got != fmt.Sprintln(rt.Major) {
				t.Errorf("got major %s, want %d", got, rt.Major)
			}
			p.stop(t)
		})
	}
}
