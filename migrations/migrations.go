// Package migrations holds the product's own schema as goose migrations and
// applies them. It owns the ledger system.goose_db_version.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed *.sql
var files embed.FS

const (
	// lockKey is the session advisory lock of the process that migrates a
	// database.
	lockKey = 0x696e73666f726765 // "insforge"
	// lockPoll is how often a taken lock is tried again. Waiting inside
	// Postgres instead would hold a snapshot, which blocks the migrator's
	// CREATE INDEX CONCURRENTLY.
	lockPoll = 100 * time.Millisecond
	lockWait = 5 * time.Minute
)

// Apply brings the schema up to date and returns the number of migrations it
// ran. Processes that start at the same time on one database take turns; a
// migration that fails is rolled back whole. db must be connected as the
// database owner, to Postgres itself: the lock belongs to a session.
//
// A database whose schemas hold something else, whose ledger was lost, or that
// a newer release has migrated is refused and left unchanged.
func Apply(ctx context.Context, db *sql.DB, log *slog.Logger) (int, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := acquire(ctx, conn, log); err != nil {
		return 0, err
	}
	defer release(ctx, conn)

	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName("system.goose_db_version"),
		goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(log))
	if err != nil {
		return 0, err
	}
	sources := provider.ListSources()
	if err := prepare(ctx, conn, sources[len(sources)-1].Version); err != nil {
		return 0, err
	}
	done, err := provider.Up(ctx)
	if err != nil {
		return len(done), fmt.Errorf("apply migrations: %w", err)
	}
	return len(done), nil
}

// acquire takes the lock of migrators, for as long as conn lives.
func acquire(ctx context.Context, conn *sql.Conn, log *slog.Logger) error {
	deadline := time.Now().Add(lockWait)
	for waiting := false; ; waiting = true {
		var taken bool
		if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, int64(lockKey)).Scan(&taken); err != nil {
			return fmt.Errorf("lock migrations: %w", err)
		}
		if taken {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("another process has been migrating this database for %v; "+
				"end it, or its session in pg_stat_activity, and start again", lockWait)
		}
		if !waiting {
			log.Warn("another process is migrating this database; waiting for it")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

// release gives the lock back, also when ctx has ended.
func release(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1)`, int64(lockKey)) // a broken session has no locks
}

// prepare creates the schema of the ledger, after a look at what is there:
// running the migrations over live data could destroy it. latest is the last
// migration that this release knows.
func prepare(ctx context.Context, conn *sql.Conn, latest int64) error {
	version, err := ledger(ctx, conn)
	if err != nil {
		return fmt.Errorf("inspect schema: %w", err)
	}
	if version > latest {
		return fmt.Errorf("the database was migrated by a newer release (schema %d, this one knows %d); "+
			"use that release or restore an earlier backup; nothing was changed", version, latest)
	}
	if version > 0 {
		return nil
	}
	var found sql.NullString
	err = conn.QueryRowContext(ctx, `
		SELECT string_agg(name, ', ' ORDER BY name)
		  FROM (SELECT n.nspname || '.' || c.relname AS name
		          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		         WHERE n.nspname IN ('auth', 'storage', 'system')
		           AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname <> 'goose_db_version'
		        UNION
		        SELECT n.nspname || '.' || p.proname || '()'
		          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		         WHERE n.nspname IN ('auth', 'storage', 'system')
		        ORDER BY 1 LIMIT 3) AS objects`).Scan(&found)
	if err != nil {
		return fmt.Errorf("inspect schema: %w", err)
	}
	if found.String != "" {
		return errors.New("the schemas auth, storage and system must be empty or InsForge's, but hold " + found.String +
			" and no migration ledger (system.goose_db_version): it belongs to something else, or its ledger was lost; " +
			"use an empty database or restore a backup; nothing was changed")
	}
	if _, err := conn.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS system`); err != nil {
		return fmt.Errorf("create schema system: %w", err)
	}
	return nil
}

// ledger returns the last migration that was applied, 0 for none.
func ledger(ctx context.Context, conn *sql.Conn) (version int64, err error) {
	var there bool
	err = conn.QueryRowContext(ctx, `SELECT to_regclass('system.goose_db_version') IS NOT NULL`).Scan(&there)
	if err != nil || !there {
		return 0, err
	}
	err = conn.QueryRowContext(ctx, `
		SELECT coalesce(max(version_id), 0)
		  FROM system.goose_db_version
		 WHERE is_applied`).Scan(&version)
	return version, err
}
