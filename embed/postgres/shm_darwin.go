package postgres

// sharedMemory leaves the choice to initdb: macOS has no /dev/shm that could be
// too small.
func sharedMemory() []setting { return nil }
