package cli

import (
	"github.com/spf13/cobra"
)

func newDB() *cobra.Command {
	c := &cobra.Command{
		Use:   "db",
		Short: "SQL, tables, migrations and types of a running project",
		Long: "Works with the database of a running project: of the process that serves the\n" +
			"data directory, or of the one that --url or INSFORGE_URL names, with the API key\n" +
			"in --api-key or INSFORGE_API_KEY.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newDBQuery(), newDBTables(), newDBMigrations(), newTypeScript("types"))
	return c
}
