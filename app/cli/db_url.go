package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newDBURL() *cobra.Command {
	c := &cobra.Command{
		Use:   "url",
		Short: "Print the database's connection string",
		Long: "Prints the connection string of the database, with its password: for psql, an ORM\n" +
			"or a migration tool. It is the Postgres that the running project opens to tools on\n" +
			"this machine, or the external one of DATABASE_URL.\n\n" +
			"Exit codes: 0 printed, 1 no project is running, 2 wrong usage.",
		Example: `  psql "$(insforge db url)"`,
		Args:    cobra.NoArgs,
	}
	dataDir := dataDirFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		dsn, err := projectDSN(dataDir, runsElsewhere(c))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), dsn)
		return err
	}
	return c
}
