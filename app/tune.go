package app

import (
	"os"
	"runtime/debug"

	"github.com/insforge/insforge-go/embed/postgres"
)

// gcPercent trades memory for fewer collections: the live heap of a busy
// process is small, so the default would collect all the time.
const gcPercent = 300

// leastMemoryLimit is room enough for the schema of 60,000 tables and the one
// that replaces it.
const leastMemoryLimit = 256 << 20

// Tune sets up the runtime for serving. It leaves GOGC and GOMEMLIMIT alone
// where they are set.
func Tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit(postgres.UsableMemory()))
	}
	relaxTimers()
}

// memoryLimit returns the size in bytes above which the process collects
// garbage more often than gcPercent asks for, so that a live heap that is large
// for the machine, such as the schema of very many tables, is not multiplied.
// Three quarters of the machine are left to Postgres, the file cache and other
// programs. The limit is soft: memory in use may exceed it.
func memoryLimit(machine int64) int64 { return max(machine/4, leastMemoryLimit) }
