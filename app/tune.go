package app

import (
	"os"
	"runtime/debug"
)

// gcPercent trades memory for fewer collections: the live heap of a busy
// process is small, so the default would collect all the time.
const gcPercent = 300

// tune sets the runtime up for serving. GOGC, where it is set, stays.
func tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	relaxTimers()
}
