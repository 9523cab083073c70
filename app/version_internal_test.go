package app

import (
	"os"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionComesFromTheBuild(t *testing.T) {
	t.Parallel()
	revision := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}, {Key: "vcs.modified", Value: modified}}
	}
	for _, tt := range []struct {
		name, release string
		info          *debug.BuildInfo
		want          string
	}{
		{"the linker's flag first", "v1.2.3", &debug.BuildInfo{Main: debug.Module{Version: "v9.9.9"}}, "v1.2.3"},
		{"the module's version", "", &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "v1.2.3"},
		{"the revision", "", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: revision("false")}, "dev-0123456789ab"},
		{"a revision with changes", "", &debug.BuildInfo{Settings: revision("true")}, "dev-0123456789ab+dirty"},
		{"nothing known", "", &debug.BuildInfo{}, "dev"},
		{"no build information", "", nil, "dev"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := version(tt.release, tt.info); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// The release line of the README names a variable by its path, which no
// compiler checks.
func TestTheReleaseLineNamesTheVersionVariable(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if flag := "-X github.com/insforge/insforge-go/app.release="; !strings.Contains(string(readme), flag) {
		t.Errorf("the README's release line does not set %s", flag)
	}
}
