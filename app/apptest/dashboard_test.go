package apptest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/insforge/insforge-go/app/apptest"
	"github.com/insforge/insforge-go/web"
)

const browserTimeout = 5 * time.Minute

// TestDashboard drives the embedded dashboard in Chromium, with the script
// beside its source. DASHBOARD_SCREENSHOTS names a folder for screenshots.
func TestDashboard(t *testing.T) {
	t.Parallel()
	needNode(t)
	if _, built := web.Dist(); !built {
		t.Fatal("the dashboard is not built: run go generate ./...")
	}
	const password = "dashboard-administrator"
	p := apptest.Start(t, t.TempDir(), "ROOT_ADMIN_PASSWORD="+password)

	ctx, cancel := context.WithTimeout(t.Context(), browserTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", filepath.Join("..", "..", "web", "e2e", "dashboard.e2e.mjs"))
	cmd.Env = append(os.Environ(),
		"BASE_URL="+p.URL, "ADMIN_USERNAME=admin", "ADMIN_PASSWORD="+password,
		"SCREENSHOT_DIR="+os.Getenv("DASHBOARD_SCREENSHOTS"), "NO_COLOR=1")
	drive(t, p, cmd)
	p.Stop(t)
}
