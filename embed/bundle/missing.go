package bundle

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"syscall"
)

// Missing explains why this machine cannot run a program of a runtime, from how
// it failed and what it wrote, and says which package to install. It returns ""
// when something else is wrong.
func Missing(err error, output string) string { return missing("/", err, output) }

// What loaders print: glibc's, for a library and for a version of itself, and
// macOS's.
var (
	absentLibrary = regexp.MustCompile(`error while loading shared libraries: ([^:\s]+)`)
	newerGlibc    = regexp.MustCompile("version `(GLIBC(?:XX)?_[0-9.]+)' not found")
	absentOnMac   = regexp.MustCompile(`Library not loaded: (\S+)`)
)

// missing is Missing on the system whose files are below root.
func missing(root string, err error, output string) string {
	system := systemAt(root)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "its folder may be mounted noexec; set " + CacheDirEnv + " to another one"
	case errors.Is(err, syscall.ENOEXEC):
		return "it was built for another kind of processor; " + ownPostgres
	case errors.Is(err, fs.ErrNotExist): // its loader, which is part of glibc
		return system.withoutGlibc()
	}
	if m := absentLibrary.FindStringSubmatch(output); m != nil {
		return system.withoutLibrary(m[1])
	}
	if m := newerGlibc.FindStringSubmatch(output); m != nil {
		return "the C library of " + system.name + " is too old (it lacks " + m[1] + "); " + ownPostgres
	}
	if m := absentOnMac.FindStringSubmatch(output); m != nil {
		return "it needs the library " + m[1] + ", which this system lacks; " + ownPostgres
	}
	return ""
}

const ownPostgres = "install PostgreSQL with the system's package manager and set " + PostgresDirEnv + " to its folder"

// system is the operating system as far as packages are concerned.
type system struct {
	name string // for people
	// kin are the distribution and those that it is made from, nearest first.
	kin []string
}

// systemAt reads the os-release file below root. Without one, as in an empty
// image, nothing is known.
func systemAt(root string) system {
	s := system{name: "this system"}
	f, err := os.Open(root + "/etc/os-release")
	if err != nil {
		if f, err = os.Open(root + "/usr/lib/os-release"); err != nil {
			return s
		}
	}
	defer f.Close()
	var like string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		value = strings.Trim(value, `"'`)
		switch name {
		case "PRETTY_NAME":
			s.name = value
		case "ID":
			s.kin = append(s.kin, value)
		case "ID_LIKE":
			like = value
		}
	}
	s.kin = append(s.kin, strings.Fields(like)...)
	return s
}

// packages are the names that distributions give to what our Postgres needs of
// them.
var packages = []struct {
	kin, install  string
	stdcxx, gcc   string
	postgres, bin string // for where our own Postgres does not run
}{
	{kin: "debian", install: "apt-get install -y", stdcxx: "libstdc++6", gcc: "libgcc-s1"},
	{kin: "fedora", install: "dnf install -y", stdcxx: "libstdc++", gcc: "libgcc"},
	{kin: "rhel", install: "dnf install -y", stdcxx: "libstdc++", gcc: "libgcc"},
	{kin: "suse", install: "zypper install -y", stdcxx: "libstdc++6", gcc: "libgcc_s1"},
	{kin: "arch", install: "pacman -S --noconfirm", stdcxx: "gcc-libs", gcc: "gcc-libs"},
	{kin: "alpine", install: "apk add", postgres: "postgresql17", bin: "/usr/libexec/postgresql17"},
}

// withoutLibrary says what to do about a library that the loader did not find.
func (s system) withoutLibrary(library string) string {
	problem := "it needs " + library + ", which " + s.name + " lacks; "
	for _, kin := range s.kin {
		for _, p := range packages {
			if p.kin != kin {
				continue
			}
			name := map[string]string{"libstdc++.so.6": p.stdcxx, "libgcc_s.so.1": p.gcc}[library]
			if name != "" {
				return problem + "run: " + p.install + " " + name
			}
		}
	}
	switch library {
	case "libstdc++.so.6", "libgcc_s.so.1":
		return problem + "install the package libstdc++6 or libstdc++"
	}
	return problem + "install the package that contains it, or " + ownPostgres
}

// withoutGlibc says what to do where there is another C library, or none.
func (s system) withoutGlibc() string {
	for _, kin := range s.kin {
		for _, p := range packages {
			if p.kin == kin && p.postgres != "" {
				return "it was built for glibc, which " + s.name + " lacks; run: " + p.install + " " + p.postgres +
					", and set " + PostgresDirEnv + "=" + p.bin
			}
		}
	}
	if len(s.kin) == 0 {
		return "it needs the C library glibc and libstdc++, and this system (an empty image?) lacks them; " +
			"use an image that has both, such as debian:stable-slim with the package libstdc++6"
	}
	return "it was built for glibc, which " + s.name + " lacks; " + ownPostgres
}
