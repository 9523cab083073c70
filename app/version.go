package app

import "runtime/debug"

// release is set by the linker in release builds (-ldflags "-X …").
var release = "" //nolint:gochecknoglobals // the linker needs a variable

// Version is this executable's version: the release it was built as, else the
// module version and revision that the Go tool recorded, else "dev".
func Version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}
