package cli

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/insforge/insforge-go/app"
	"github.com/spf13/cobra"
)

func newREST() *cobra.Command {
	return &cobra.Command{
		Use:   "rest [postgrest.conf]",
		Short: "Serve only the query API, on any Postgres, in the place of PostgREST",
		Long: "Serves only the query engine, on the Postgres that PGRST_DB_URI names, as a\n" +
			"PostgREST 12 process does and with its settings: PGRST_* in the environment, over\n" +
			"those of a configuration file. It needs no data directory.\n\n" +
			"Settings: db-uri, db-schemas, db-anon-role, db-extra-search-path, db-pre-request,\n" +
			"db-root-spec, db-max-rows, db-aggregates-enabled, db-plan-enabled, db-tx-end,\n" +
			"db-hoisted-tx-settings, db-pool, db-pool-acquisition-timeout, db-pool-max-lifetime,\n" +
			"db-pool-max-idletime, db-channel, db-channel-enabled, db-config (pgrst.db_schemas of\n" +
			"the login only), app.settings.*, jwt-secret, jwt-secret-is-base64, jwt-aud,\n" +
			"jwt-role-claim-key, openapi-mode, openapi-security-active,\n" +
			"openapi-server-proxy-uri, server-host, server-port, server-unix-socket,\n" +
			"server-unix-socket-mode, server-cors-allowed-origins, server-timing-enabled,\n" +
			"server-trace-header, admin-server-host, admin-server-port (/live, /ready),\n" +
			"log-level. db-uri and jwt-secret may be @ and the path of a file. Statements are\n" +
			"prepared where that helps and poolers allow it, and tokens are checked each time:\n" +
			"db-prepared-statements, db-pool-automatic-recovery and jwt-cache-max-lifetime\n" +
			"change nothing. db-pre-config is refused.\n\n" +
			"SIGUSR1 reads the schema again, SIGUSR2 the settings, without interrupting\n" +
			"requests. It runs until SIGINT, SIGTERM or SIGHUP and finishes the requests in\n" +
			"progress.\n\n" +
			"Exit codes: 0 stopped on request, 1 a setting is wrong, the address is taken or\n" +
			"the database refuses the login, 2 wrong usage.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r := app.REST{
				Environ:      os.Environ(),
				Log:          c.ErrOrStderr(),
				ReloadSchema: notified(syscall.SIGUSR1),
				ReloadConfig: notified(syscall.SIGUSR2),
				Ready: func(address net.Addr) {
					fmt.Fprintf(c.OutOrStdout(), "insforge rest listens on %s\n", address)
				},
			}
			if len(args) > 0 {
				r.ConfigFile = args[0]
			}
			// Who read our output may go away; the service stays.
			notified(syscall.SIGPIPE)
			return app.ServeREST(c.Context(), r)
		},
	}
}

// notified returns a channel of one signal's arrivals.
func notified(s os.Signal) <-chan os.Signal {
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, s)
	return arrived
}
