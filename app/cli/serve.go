package cli

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/insforge/insforge-go/app"
	"github.com/insforge/insforge-go/app/config"
	"github.com/spf13/cobra"
)

func newServe() *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Start the backend on a data directory",
		Long: "Starts everything on one data directory, creating it on the first run. It runs\n" +
			"until SIGINT, SIGTERM or SIGHUP, finishes the requests in progress and stops Postgres.\n" +
			"A second signal ends it at once; no acknowledged write is lost.\n\n" +
			"Exit codes: 0 stopped on request, 1 could not start or had to stop, 2 wrong usage.",
		Args: cobra.NoArgs,
	}
	dataDir := dataDirFlag(c)
	port := c.Flags().Int("port", 0, "port to listen on (default 7130, or PORT)")
	host := c.Flags().String("host", "", "address to listen on; 0.0.0.0 for all (default 127.0.0.1, or HOST)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := loadConfig(func(cfg *config.Config) {
			dataDir(cfg)
			if c.Flags().Changed("port") {
				cfg.Port = *port
			}
			if *host != "" {
				cfg.Host = *host
			}
		})
		if err != nil {
			return err
		}
		// Who read our output may go away, as in serve | head; the service stays.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
		return app.Run(c.Context(), cfg, app.Console{
			Log:   logWriter(c.ErrOrStderr()),
			Ready: func(b app.Banner) { printBanner(c.OutOrStdout(), b) },
		})
	}
	return c
}

// printBanner shows where everything is. The administrator's password stands
// in it only at the first start that gets here, if it was generated.
func printBanner(w io.Writer, b app.Banner) {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s %s\n", label, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "\ninsforge %s is ready in %d ms\n\n", b.Version, b.StartedIn.Milliseconds())
	line("API", "%s", b.URL)
	line("Dashboard", "%s/dashboard", b.URL)
	if b.AdminPassword != "" {
		line("Sign in", "%s  %s   (shown this once)", b.AdminUsername, b.AdminPassword)
	} else {
		line("Sign in", "%s", b.AdminUsername)
	}
	line("Secrets", "%s   (insforge keys show)", b.SecretsPath)
	if b.PostgresPort != 0 {
		line("Postgres", "postgres://postgres@127.0.0.1:%d/%s   (password: postgresPassword in the secrets)", b.PostgresPort, b.Database)
	}
	if b.Mail != "" {
		line("Mail", "%s", b.Mail)
	}
	fmt.Fprintln(w)
}
