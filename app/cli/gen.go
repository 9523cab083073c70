package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/insforge/insforge-go/app"
	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/embed/postgres"
	"github.com/insforge/insforge-go/primitives/database/typegen"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
)

// generateTimeout bounds connecting to the database and reading its catalog.
const generateTimeout = 2 * time.Minute

func newGen() *cobra.Command {
	return newGroup("gen", "Generate code from the project", "",
		newGroup("types", "Generate types of the database's schemas", "", newTypeScript("typescript")))
}

// newTypeScript is "gen types typescript", and under another name "db types".
func newTypeScript(use string) *cobra.Command {
	c := &cobra.Command{
		Use:   use,
		Short: "Print the schemas as TypeScript",
		Long: "Prints a type Database for the clients, with the tables, views, functions, enums\n" +
			"and composite types of every schema that the API serves, and the labels of the\n" +
			"enums as Constants. It reads the database of the running project, or the one that\n" +
			"--db-url names.\n\n" +
			"With @supabase/postgrest-js: new PostgrestClient<Database>(url). The client of\n" +
			"@insforge/sdk has no type parameter; there, cast:\n\n" +
			"  import type { PostgrestClient } from '@supabase/postgrest-js'\n" +
			"  const db = client.database as unknown as\n" +
			"    Pick<PostgrestClient<Database>, 'from' | 'rpc' | 'schema'>\n\n" +
			"Exit codes: 0 printed, 1 no project is running or the database was not reached,\n" +
			"2 wrong usage.",
		Example: "  insforge gen types typescript --out src/database.types.ts\n" +
			"  insforge gen types typescript --schema public,archive > types.ts",
		Args: cobra.NoArgs,
	}
	dataDir := dataDirFlag(c)
	schemas := c.Flags().StringSlice("schema", nil, "schemas to print, separated by commas (default all that the API serves)")
	out := c.Flags().StringP("out", "o", "", "file to write to instead of standard output")
	dbURL := c.Flags().String("db-url", "", "connection string of the database (or DATABASE_URL)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		access, err := databaseAccess(dataDir, *dbURL, runsElsewhere(c))
		if err != nil {
			return err
		}
		text, err := generateTypes(c.Context(), access, *schemas)
		if err != nil {
			return err
		}
		if *out != "" {
			return fileError("write", *out, os.WriteFile(*out, text, 0o644))
		}
		_, err = c.OutOrStdout().Write(text)
		return err
	}
	return c
}

// databaseAccess is how to reach the database: that of the flag, else the
// project's.
func databaseAccess(dataDir *settingFlag, dbURL string, elsewhere bool) (*pgx.ConnConfig, error) {
	if dbURL != "" {
		access, err := pgx.ParseConfig(dbURL)
		if err != nil { // the parser's message may hold parts of a password
			return nil, codedError{errors.New("--db-url is not of the form postgres://user:password@host:port/database"), exitUsage}
		}
		return access, nil
	}
	dsn, err := projectDSN(dataDir, elsewhere)
	if err != nil {
		return nil, err
	}
	access, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("DATABASE_URL is not of the form postgres://user:password@host:port/database")
	}
	return access, nil
}

// projectDSN is the connection string of the project's database: the external
// one of the settings, or that of the process that serves the data directory.
func projectDSN(dataDir *settingFlag, elsewhere bool) (string, error) {
	cfg, err := loadConfig(dataDir)
	switch {
	case err != nil:
		return "", err
	case cfg.Postgres.External():
		return cfg.Postgres.DSN(), nil
	case elsewhere:
		return "", codedError{errors.New(urlEnv + " names a project that runs elsewhere; set DATABASE_URL to its database, or name a local project with --data-dir"), exitUsage}
	}
	return ownDSN(cfg)
}

// runsElsewhere reports whether the environment names a project on another
// machine and no flag names a local one.
func runsElsewhere(c *cobra.Command) bool {
	return os.Getenv(urlEnv) != "" && !c.Flags().Changed("data-dir")
}

// ownDSN is the connection string of the Postgres that the process serving
// the data directory runs.
func ownDSN(cfg config.Config) (string, error) {
	i, err := serving(cfg)
	if err != nil {
		return "", err
	}
	if i.PostgresPort == 0 {
		return "", fmt.Errorf("the project in %s uses an external database; set DATABASE_URL to its connection string", cfg.DataDir)
	}
	s, err := storedSecrets(cfg)
	if err != nil {
		return "", err
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(postgres.Superuser, s.PostgresPassword),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(i.PostgresPort)), Path: "/" + cfg.Postgres.Database,
		RawQuery: "sslmode=disable",
	}
	return u.String(), nil
}

func generateTypes(ctx context.Context, access *pgx.ConnConfig, schemas []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, generateTimeout)
	defer cancel()
	access.DefaultQueryExecMode = pgx.QueryExecModeExec // a pooler may be in between
	conn, err := pgx.ConnectConfig(ctx, access)
	if err != nil {
		return nil, app.ConnectError(access, err, "check the connection string")
	}
	defer conn.Close(ctx)
	if len(schemas) == 0 {
		if schemas, err = typegen.Exposed(ctx, conn); err != nil {
			return nil, err
		}
	}
	for i, name := range schemas {
		schemas[i] = strings.TrimSpace(name)
	}
	return typegen.TypeScript(ctx, conn, schemas)
}
