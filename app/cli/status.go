package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/insforge/insforge-go/app"
	"github.com/spf13/cobra"
)

// Exit codes of status.
const (
	exitNotRunning = 3
	exitUnhealthy  = 4
)

// projectStatus is what status prints.
type projectStatus struct {
	Running bool          `json:"running"`
	Healthy bool          `json:"healthy"`
	DataDir string        `json:"dataDir"`
	Process *app.Instance `json:"process,omitempty"`
}

func newStatus() *cobra.Command {
	c := &cobra.Command{
		Use:   "status",
		Short: "Report whether the backend is running",
		Long: "Reports whether a process serves the data directory and whether it is healthy.\n\n" +
			"Exit codes: 0 running and healthy, 1 could not find out, 2 wrong usage,\n" +
			"3 not running, 4 running but not healthy (insforge doctor says why).",
		Args: cobra.NoArgs,
	}
	dataDir := dataDirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := loadConfig(dataDir)
		if err != nil {
			return err
		}
		s, err := readStatus(c.Context(), cfg.DataDir)
		if err != nil {
			return err
		}
		if *asJSON {
			if err := json.NewEncoder(c.OutOrStdout()).Encode(s); err != nil {
				return err
			}
		} else {
			fmt.Fprintln(c.OutOrStdout(), s)
		}
		switch {
		case !s.Running:
			return codedError{nil, exitNotRunning}
		case !s.Healthy:
			return codedError{nil, exitUnhealthy}
		}
		return nil
	}
	return c
}

// String is the line for people.
func (s projectStatus) String() string {
	switch {
	case !s.Running:
		return "not running (" + s.DataDir + ")"
	case s.Process == nil:
		return "starting or stopping (" + s.DataDir + ")"
	case !s.Healthy:
		return fmt.Sprintf("process %d is running but %s/api/health reports a problem; insforge doctor says why", s.Process.PID, s.Process.URL)
	}
	return fmt.Sprintf("running: %s, process %d, since %s", s.Process.URL, s.Process.PID, s.Process.StartedAt.Local().Format(time.DateTime))
}

func readStatus(ctx context.Context, dir string) (projectStatus, error) {
	s := projectStatus{DataDir: dir}
	running, err := app.Serving(dir)
	if err != nil || !running {
		return s, err
	}
	s.Running = true
	i, err := app.ReadInstance(dir)
	if err != nil {
		return s, nil //nolint:nilerr // no note yet: still starting
	}
	s.Process = &i
	s.Healthy = app.AskHealth(ctx, i.URL) == nil
	return s, nil
}
