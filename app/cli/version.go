package cli

import (
	"fmt"
	"runtime"

	"github.com/insforge/insforge-go/app"
	"github.com/insforge/insforge-go/app/server"
	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this executable",
		Long: "Prints the version of this executable, the InsForge release whose API it is\n" +
			"compatible with, and the platform.\n\nExit codes: 0 printed, 2 wrong usage.",
		Args: cobra.NoArgs,
		Run:  func(c *cobra.Command, _ []string) { printVersion(c) },
	}
}

// printVersion prints a line that describes this executable.
func printVersion(c *cobra.Command) {
	fmt.Fprintf(c.OutOrStdout(), "insforge %s (InsForge interface %s, %s/%s, %s)\n",
		app.Version(), server.ContractVersion, runtime.GOOS, runtime.GOARCH, runtime.Version())
}
