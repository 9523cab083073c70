package cli

import (
	"encoding/json"
	"fmt"

	"github.com/insforge/insforge-go/app"
	"github.com/spf13/cobra"
)

func newDoctor() *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what is wrong",
		Long: "Checks permissions, disk, the secrets file, ports, the Postgres programs and the\n" +
			"database, and prints one line for each, with what to do where something is wrong.\n" +
			"It changes nothing and can be run while the project is served.\n\n" +
			"Exit codes: 0 nothing is wrong (there may be warnings), 1 something is wrong,\n" +
			"2 wrong usage.",
		Args: cobra.NoArgs,
	}
	dataDir := dataDirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := loadConfig(dataDir)
		if err != nil {
			return err
		}
		findings := app.Diagnose(c.Context(), cfg)
		out := c.OutOrStdout()
		if *asJSON {
			if err := json.NewEncoder(out).Encode(findings); err != nil {
				return err
			}
		}
		wrong := 0
		for _, f := range findings {
			if f.Level == app.Wrong {
				wrong++
			}
			if !*asJSON {
				fmt.Fprintf(out, "%-5s %-10s %s\n", f.Level, f.Subject, f.Message)
			}
		}
		if wrong > 0 {
			return codedError{nil, exitError}
		}
		return nil
	}
	return c
}
