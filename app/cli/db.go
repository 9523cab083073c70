package cli

import (
	"github.com/spf13/cobra"
)

func newDB() *cobra.Command {
	return newGroup("db", "Work with a running project's database",
		"Works with the database of a running project: that of the process that serves the\n"+
			"data directory, or the one that --url or INSFORGE_URL names, with the API key\n"+
			"in --api-key or INSFORGE_API_KEY.",
		newDBQuery(), newDBTables(), newDBMigrations(), newTypeScript("types"), newDBURL())
}
