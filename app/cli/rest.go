package cli

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/insforge/insforge-go/app"
	"github.com/insforge/insforge-go/primitives/database/engine/standalone"
	"github.com/spf13/cobra"
)

func newREST() *cobra.Command {
	return &cobra.Command{
		Use:   "rest [postgrest.conf]",
		Short: "Serve only the query API, on any Postgres, in place of PostgREST",
		Long: "Serves only the query engine, on the Postgres that PGRST_DB_URI names, in place of a\n" +
			"PostgREST 12 process and with its settings: PGRST_* in the environment override\n" +
			"those of a configuration file. It needs no data directory.\n\n" +
			"Settings: db-uri, db-schemas, db-anon-role, db-extra-search-path, db-pre-request,\n" +
			"db-root-spec, db-max-rows, db-aggregates-enabled, db-plan-enabled, db-tx-end,\n" +
			"db-hoisted-tx-settings, db-pool, db-pool-acquisition-timeout, db-pool-max-lifetime,\n" +
			"db-pool-max-idletime, db-channel, db-channel-enabled, db-config, db-pre-config,\n" +
			"app.settings.*, jwt-secret, jwt-secret-is-base64, jwt-aud, jwt-role-claim-key,\n" +
			"openapi-mode, openapi-security-active, openapi-server-proxy-uri, server-host,\n" +
			"server-port, server-unix-socket, server-unix-socket-mode,\n" +
			"server-cors-allowed-origins, server-timing-enabled, server-trace-header,\n" +
			"admin-server-host, admin-server-port, log-level, client-error-verbosity,\n" +
			"url-use-legacy-target-names. db-uri and jwt-secret may be @ followed by the path of\n" +
			"a file.\n\n" +
			"Settings that PostgREST does not have, all off by default: with\n" +
			"client-error-table-not-found an unknown table is the PGRST205 of newer releases, with\n" +
			"the name that was probably meant; with db-pre-config-required it is an error if the\n" +
			"function db-pre-config fails, which otherwise is logged and ignored.\n\n" +
			"Unless db-config is off, the database may hold settings that override all others:\n" +
			"ALTER ROLE <login> SET pgrst.<name>, and what the function db-pre-config sets.\n" +
			"Until they have been read, requests are refused with 503.\n\n" +
			"admin-server-port serves /live, /ready, /config (secrets hidden), /schema_cache and\n" +
			"/metrics.\n\n" +
			"Without effect: db-prepared-statements (statements are prepared where that helps\n" +
			"and poolers allow it), db-pool-automatic-recovery (always), jwt-cache-max-lifetime\n" +
			"and jwt-cache-max-entries (a checked token is remembered until it expires),\n" +
			"db-timezone-enabled, log-query and server-otel-enabled.\n\n" +
			"SIGUSR1 reloads the schema and SIGUSR2 the settings, without interrupting requests.\n" +
			"On SIGINT, SIGTERM or SIGHUP it finishes the requests in progress.\n\n" +
			"Exit codes: 0 stopped on request, 1 a setting is wrong, the address is taken or\n" +
			"the database refuses the login, 2 wrong usage.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p := standalone.Process{
				Environ:      os.Environ(),
				Log:          logWriter(c.ErrOrStderr()),
				ReloadSchema: notified(syscall.SIGUSR1),
				ReloadConfig: notified(syscall.SIGUSR2),
				Ready: func(address net.Addr) {
					fmt.Fprintf(c.OutOrStdout(), "insforge rest listens on %s\n", address)
				},
			}
			if len(args) > 0 {
				p.ConfigFile = args[0]
			}
			// The reader of our output may go away; the service stays.
			notified(syscall.SIGPIPE)
			return app.ServeREST(c.Context(), p)
		},
	}
}

// notified returns a channel of one signal's arrivals.
func notified(s os.Signal) <-chan os.Signal {
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, s)
	return arrived
}
