package app

import (
	"context"
	"net/url"
	"time"

	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/primitives/database/advisor"
	"github.com/insforge/insforge-go/primitives/database/catalog"
	"github.com/insforge/insforge-go/primitives/database/changes"
	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/rawsql"
	"github.com/insforge/insforge-go/primitives/database/records"
	"github.com/insforge/insforge-go/primitives/database/rows"
	"github.com/insforge/insforge-go/primitives/database/tables"
	"github.com/insforge/insforge-go/primitives/database/transfer"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// databaseServices are the services of the project's tables and rows.
type databaseServices struct {
	tables   *tables.Service
	records  *records.Service
	catalog  *catalog.Service
	rows     *rows.Service
	rawsql   *rawsql.Service
	changes  *changes.Service
	transfer *transfer.Service
	advisor  *advisor.Service
	listener *pg.Listener
	engine   *engine.Engine
}

func wireDatabase(b base) (s databaseServices, err error) {
	db := b.db.DB
	if s.transfer, err = transfer.New(transfer.Deps{
		DB: db, Audit: b.audit, Events: b.events, TempDir: b.config.DataDir,
		MaxImportBytes: int64(b.config.Limits.File), Now: time.Now,
	}); err != nil {
		return s, err
	}
	s.tables = tables.New(tables.Deps{DB: db, Audit: b.audit, Events: b.events})
	s.catalog = catalog.New(catalog.Deps{DB: db})
	s.rows = rows.New(rows.Deps{DB: db, Events: b.events})
	s.rawsql = rawsql.New(rawsql.Deps{DB: db, Audit: b.audit, Events: b.events, TempDir: b.config.DataDir})
	if s.changes, err = changes.New(changes.Deps{
		DB: db, Audit: b.audit, Events: b.events, Token: b.db.auditToken, Now: time.Now,
	}); err != nil {
		return s, err
	}
	if s.advisor, err = advisor.New(advisor.Deps{DB: db, Log: b.logOf("advisor")}); err != nil {
		return s, err
	}
	s.listener = pg.NewListener(db.OwnerDSN(), b.logOf("listener"))
	if s.engine, err = engine.New(engine.Deps{
		Acquire:  db.AcquireCaller,
		Listener: s.listener,
		Log:      b.logOf("engine"),
		Options: engine.Options{
			ExposedSchemas: func(ctx context.Context, _ *pgx.Conn) ([]string, error) { return exposedSchemas(ctx, db) },
			AnonRole:       string(identity.RoleAnon),
			Aggregates:     true,
			MaxBodyBytes:   int64(b.config.Limits.JSONBody),
			TempDir:        b.config.DataDir, // the system's may be memory
			OpenAPI:        openAPI(b.config),
		},
	}); err != nil {
		return s, err
	}
	s.records, err = records.New(records.Deps{Engine: s.engine, Events: b.events})
	return s, err
}

// exposedSchemas are the schemas that the record layer serves, public first.
// The owner asks: the callers' login has no right to look into schema system.
func exposedSchemas(ctx context.Context, db *pg.DB) (names []string, err error) {
	err = db.AsOwner(ctx, func(tx pg.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT nspname::text FROM pg_namespace
			 WHERE system.is_exposed_schema(nspname)
			 ORDER BY nspname <> 'public', nspname`)
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return names, err
}

// openAPI is how the root of the plain mount describes itself.
func openAPI(c config.Config) engine.OpenAPI {
	u, err := url.Parse(c.Server.BaseURL)
	if err != nil { // Load has parsed it
		panic("app: API_BASE_URL was not validated: " + err.Error())
	}
	return engine.OpenAPI{
		Version: Version(), Scheme: u.Scheme, Host: u.Host, BasePath: u.Path + plainMount, Security: true,
	}
}
