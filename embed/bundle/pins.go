package bundle

import (
	"crypto/sha256"
	_ "embed" // for the pins
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
)

//go:embed runtimes.json
var pinsJSON []byte

// layoutRevision is part of every cache name. Raise it when the generator lays
// a runtime or its template out differently, so that older caches are not used.
const layoutRevision = "4"

// PostgresName is the name of the Postgres runtime in runtimes.json.
const PostgresName = "postgres"

// Platform is an operating system and architecture in Go's words.
type Platform struct{ OS, Arch string }

// Host is the platform this program runs on.
func Host() Platform { return Platform{OS: runtime.GOOS, Arch: runtime.GOARCH} }

// ParsePlatform reads "linux/arm64".
func ParsePlatform(s string) (Platform, error) {
	os, arch, ok := strings.Cut(s, "/")
	if !ok || os == "" || arch == "" || strings.Contains(arch, "/") {
		return Platform{}, fmt.Errorf("platform %q is not of the form os/arch, such as linux/arm64", s)
	}
	return Platform{OS: os, Arch: arch}, nil
}

// String returns "linux/arm64".
func (p Platform) String() string { return p.OS + "/" + p.Arch }

// Pin is exactly what a runtime is built from on one platform: an npm package
// and the extension that it lacks.
type Pin struct {
	Name      string // of the runtime: "postgres"
	Version   string // of the package
	Release   string // of the program inside: "17.10"
	Package   string // npm name
	Integrity string // "sha512-<base64>" of the package file
	Platform  Platform
	Vector    VectorPin
}

// VectorPin is the exact source of the extension vector (pgvector), which the
// package of Postgres lacks. The zero value means none.
type VectorPin struct {
	Version string // of the extension: "0.8.0"
	Suite   string // of Debian that has the source
	Source  string // what "apt-get source" is asked for
	File    string // of the source package: the upstream archive
	SHA256  string // of that file, hex
}

// Spec returns what "npm pack" is asked for.
func (p Pin) Spec() string { return p.Package + "@" + p.Version }

// CacheName is the directory of this runtime inside the cache. It changes with
// the content of what it is built from and with the generator's layout.
func (p Pin) CacheName() string {
	if p.Vector == (VectorPin{}) {
		return p.PlainName()
	}
	return p.cacheName(p.Vector.Source + "\x00" + p.Vector.SHA256)
}

// PlainName is CacheName of the runtime without the extension vector, made
// where that cannot be built.
func (p Pin) PlainName() string { return p.cacheName("") }

func (p Pin) cacheName(extension string) string {
	sum := sha256.Sum256([]byte(layoutRevision + "\x00" + p.Package + "\x00" + p.Integrity + "\x00" + extension))
	return fmt.Sprintf("%s-%s-%s", p.Name, p.Version, hex.EncodeToString(sum[:4]))
}

// PinFor returns the pinned package of a runtime on a platform. The error names
// the platform when there is no package for it.
func PinFor(name string, p Platform) (Pin, error) {
	var all map[string]struct {
		Version   string
		Release   string
		Vector    VectorPin
		Platforms map[string]struct{ Package, Integrity string }
	}
	if err := json.Unmarshal(pinsJSON, &all); err != nil {
		return Pin{}, fmt.Errorf("read runtimes.json: %w", err)
	}
	entry, ok := all[name]
	if !ok {
		return Pin{}, fmt.Errorf("runtimes.json has no runtime %q", name)
	}
	source, ok := entry.Platforms[p.String()]
	if !ok {
		return Pin{}, fmt.Errorf("there is no %s package for %s", name, p)
	}
	return Pin{
		Name: name, Version: entry.Version, Release: entry.Release,
		Package: source.Package, Integrity: source.Integrity, Platform: p,
		Vector: entry.Vector,
	}, nil
}
