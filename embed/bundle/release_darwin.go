//go:build bundled

package bundle

// releasePages does nothing: macOS drops clean file pages by itself and does
// not count them as the process's memory.
func releasePages(string) {}
