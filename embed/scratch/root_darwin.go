package scratch

import "os"

// root is the system's folder for temporary files.
func root() string { return os.TempDir() }
