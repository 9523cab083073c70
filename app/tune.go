package app

import (
	"os"
	"runtime/debug"

	"github.com/insforge/insforge-go/embed/postgres"
)

// gcPercent trades memory for fewer collections: the live heap of a busy
// process is small, so the default would collect all the time.
const gcPercent = 300

// leastMemoryLimit is room enough for the schema of 60,000 tables beside the
// one that replaces it.
const leastMemoryLimit = 256 << 20

// tune sets the runtime up for serving. GOGC and GOMEMLIMIT, where they are
// set, stay.
func tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit(postgres.UsableMemory()))
	}
	relaxTimers()
}

// memoryLimit is the size in bytes at which the process collects sooner than
// gcPercent asks for: a live heap that is large for the machine, such as the
// schema of very many tables, must not be multiplied. Three quarters of the
// machine are for Postgres, its cache of files and everybody else. The limit is
// soft: what is in use may pass it.
func memoryLimit(machine int64) int64 { return max(machine/4, leastMemoryLimit) }
