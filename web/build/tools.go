package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

const wantNode = "Node.js 20.19 or later in 20, or 22.12 or later"

// checkTools looks for a Node.js that the build tools support, and for npm.
func (b builder) checkTools() error {
	out, err := exec.Command("node", "--version").Output()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("node was not found: install %s to build the dashboard, then run go generate again", wantNode)
	}
	if err != nil {
		return fmt.Errorf("node --version: %w: reinstall Node.js, then run go generate again", err)
	}
	if version := strings.TrimSpace(string(out)); !supported(version) {
		return fmt.Errorf("node %s is not supported: install %s to build the dashboard, then run go generate again", version, wantNode)
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return errors.New("npm was not found: install npm (it comes with Node.js) to build the dashboard, then run go generate again")
	}
	return nil
}

// supported reports whether a version such as "v20.20.2" satisfies "engines" of package.json: ^20.19.0 ||
// >=22.12.0.
func supported(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "v%d.%d.", &major, &minor); err != nil {
		return false
	}
	switch major {
	case 20:
		return minor >= 19
	case 22:
		return minor >= 12
	default:
		return major > 22
	}
}
