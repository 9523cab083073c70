package bundle

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestMissingNamesThePackage(t *testing.T) {
	t.Parallel()
	const (
		stdcxx = "/x/postgres: error while loading shared libraries: libstdc++.so.6: cannot open shared object file: No such file or directory"
		other  = "/x/postgres: error while loading shared libraries: libfoo.so.2: cannot open shared object file: No such file or directory"
		old    = "/x/postgres: /lib/libc.so.6: version `GLIBC_2.29' not found (required by /x/postgres)"
	)
	noLoader := &fs.PathError{Op: "fork/exec", Path: "/x/postgres", Err: syscall.ENOENT}
	exit := fmt.Errorf("exit status 127")
	for _, tt := range []struct {
		name, release string // the os-release file
		err           error
		output        string
		want          string
	}{
		{"Debian", "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n", exit, stdcxx,
			"it needs libstdc++.so.6, which Debian GNU/Linux 13 (trixie) lacks; run: apt-get install -y libstdc++6"},
		{"a child of Debian's", "ID=neon\nID_LIKE=\"ubuntu debian\"\n", exit, stdcxx, "; run: apt-get install -y libstdc++6"},
		{"Fedora", "ID=fedora\n", exit, stdcxx, "; run: dnf install -y libstdc++"},
		{"Rocky", "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", exit, stdcxx, "; run: dnf install -y libstdc++"},
		{"SUSE", "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n", exit, stdcxx, "; run: zypper install -y libstdc++6"},
		{"Arch", "ID=arch\n", exit, stdcxx, "; run: pacman -S --noconfirm gcc-libs"},
		{"an unknown distribution", "ID=mine\n", exit, stdcxx, "; install the package libstdc++6 or libstdc++"},
		{"a library of a package that we do not know", "ID=debian\n", exit, other, "it needs libfoo.so.2, which this system lacks; install the package that contains it, or "},
		{"Alpine", "ID=alpine\nPRETTY_NAME=\"Alpine Linux v3.22\"\n", noLoader, "",
			"it was built for glibc, which Alpine Linux v3.22 lacks; run: apk add postgresql17, and set INSFORGE_POSTGRES_DIR=/usr/libexec/postgresql17"},
		{"another C library", "ID=void\nPRETTY_NAME=Void\n", noLoader, "", "it was built for glibc, which Void lacks; install PostgreSQL "},
		{"an empty image", "", noLoader, "", "this system (an empty image?) lacks them; use an image that has both"},
		{"an old glibc", "ID=centos\nPRETTY_NAME=\"CentOS 7\"\n", exit, old, "the C library of CentOS 7 is too old (it lacks GLIBC_2.29); install PostgreSQL "},
		{"another processor", "", &fs.PathError{Err: syscall.ENOEXEC}, "", "another kind of processor; install PostgreSQL "},
		{"noexec", "", &fs.PathError{Err: syscall.EACCES}, "", "mounted noexec; set INSFORGE_CACHE_DIR to another one"},
		{"something else", "ID=debian\n", exit, "FATAL: oh no", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			if tt.release != "" {
				if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(root, "etc", "os-release"), []byte(tt.release), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := missing(root, tt.err, tt.output); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
		})
	}
}
