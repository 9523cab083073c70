// Package migrations holds the product's own schema as goose migrations and
// applies them. It owns the ledger system.goose_db_version.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed *.sql
var files embed.FS

// Apply brings the schema up to date and returns the number of migrations it
// ran. An advisory lock keeps two starters apart; a migration that fails is
// rolled back whole. db must be connected as the database owner.
func Apply(ctx context.Context, db *sql.DB, log *slog.Logger) (int, error) {
	if err := prepare(ctx, db); err != nil {
		return 0, err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return 0, err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker),
		goose.WithTableName("system.goose_db_version"),
		goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(log))
	if err != nil {
		return 0, err
	}
	done, err := provider.Up(ctx)
	if err != nil {
		return len(done), fmt.Errorf("apply migrations: %w", err)
	}
	return len(done), nil
}

// prepare creates the schema of the ledger. It refuses a database whose
// ledger was lost while the product's tables are still there: running the
// migrations again over live data could destroy it.
func prepare(ctx context.Context, db *sql.DB) error {
	var lost bool
	err := db.QueryRowContext(ctx, `
		SELECT to_regclass('system.goose_db_version') IS NULL
		   AND (to_regclass('auth.users') IS NOT NULL
		     OR to_regclass('system.secrets') IS NOT NULL
		     OR to_regclass('storage.objects') IS NOT NULL)`).Scan(&lost)
	if err != nil {
		return fmt.Errorf("inspect schema: %w", err)
	}
	if lost {
		return fmt.Errorf("the database holds InsForge tables but no migration ledger (system.goose_db_version); " +
			"it was made by another product version or its ledger was lost, so nothing was changed; " +
			"restore a backup or use an empty database")
	}
	if _, err := db.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS system`); err != nil {
		return fmt.Errorf("create schema system: %w", err)
	}
	return nil
}
