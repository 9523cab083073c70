// Command build brings web/dist up to date: it installs the npm packages when the lock file changed, and builds the
// dashboard when a source changed. With nothing to do it only hashes the sources and needs neither Node.js nor npm.
// "go generate" runs it in the folder web.
package main

import (
	"fmt"
	"os"
)

func main() {
	b := builder{dir: ".", say: os.Stdout}
	if err := b.run(); err != nil {
		fmt.Fprintf(os.Stderr, "web: %v\n", err)
		os.Exit(1)
	}
}
