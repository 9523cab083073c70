package app

import "runtime/debug"

// release is set by the linker in release builds (-ldflags "-X …").
var release = "" //nolint:gochecknoglobals // the linker needs a variable

// Version is this executable's version: the release it was built as, else the
// module version or the revision that the Go tool recorded, else "dev".
func Version() string {
	info, _ := debug.ReadBuildInfo() // nil when there is none
	return version(release, info)
}

func version(release string, info *debug.BuildInfo) string {
	if release != "" {
		return release
	}
	if info == nil {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	v := "dev"
	if revision := settings["vcs.revision"]; len(revision) >= 12 {
		v += "-" + revision[:12]
	}
	if settings["vcs.modified"] == "true" {
		v += "+dirty"
	}
	return v
}
