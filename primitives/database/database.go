package database

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/insforge/insforge-go/primitives/database/advisor"
	"github.com/insforge/insforge-go/primitives/database/catalog"
	"github.com/insforge/insforge-go/primitives/database/changes"
	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/rawsql"
	"github.com/insforge/insforge-go/primitives/database/records"
	"github.com/insforge/insforge-go/primitives/database/rows"
	"github.com/insforge/insforge-go/primitives/database/tables"
	"github.com/insforge/insforge-go/primitives/database/transfer"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
)

// Deps are what the database needs from the rest of the product.
type Deps struct {
	DB     *pg.DB
	Audit  audit.Recorder
	Events *events.Bus
	// Token proves to the database that the server records a migration; it is
	// the one given to pg.DB.Bootstrap.
	Token []byte
	// TempDir holds large bodies and results while they are worked on; empty
	// is the system's, which may be memory.
	TempDir string
	// MaxFileBytes is the largest file of an import or bulk upsert,
	// MaxBodyBytes the largest body of rows.
	MaxFileBytes, MaxBodyBytes int64
	// BaseURL is where clients reach the product, PlainPath the path below it
	// of the plain mount, and Version the product's: they describe the query
	// API to clients.
	BaseURL, PlainPath, Version string
	Log                         zerolog.Logger
	// Now is time.Now outside tests.
	Now func() time.Time
}

// Service is the database's parts.
type Service struct {
	summary
	tables   *tables.Service
	catalog  *catalog.Service
	rows     *rows.Service
	rawsql   *rawsql.Service
	changes  *changes.Service
	transfer *transfer.Service
	records  *records.Service
	advisor  *advisor.Service
	engine   *engine.Engine
	listener *pg.Listener
}

// summary describes the tables of schema public as a whole.
type summary interface {
	Tables(ctx context.Context) (names []string, sizeBytes int64, err error)
	CountRows(ctx context.Context, names []string) (map[string]int64, error)
	TableDefinition(ctx context.Context, name string) (json.RawMessage, error)
}

// New builds the parts. Nothing is read before Run or the first request.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Events == nil || d.Now == nil {
		return nil, errors.New("database: database, events and clock are needed")
	}
	s := &Service{
		tables:   tables.New(tables.Deps{DB: d.DB, Audit: d.Audit, Events: d.Events}),
		catalog:  catalog.New(catalog.Deps{DB: d.DB}),
		rows:     rows.New(rows.Deps{DB: d.DB, Events: d.Events}),
		rawsql:   rawsql.New(rawsql.Deps{DB: d.DB, Audit: d.Audit, Events: d.Events, TempDir: d.TempDir}),
		listener: pg.NewListener(d.DB.OwnerDSN(), d.logOf("listener")),
	}
	var err error
	if s.changes, err = changes.New(changes.Deps{DB: d.DB, Audit: d.Audit, Events: d.Events, Token: d.Token, Now: d.Now}); err != nil {
		return nil, err
	}
	if s.transfer, err = transfer.New(transfer.Deps{
		DB: d.DB, Audit: d.Audit, Events: d.Events, TempDir: d.TempDir, MaxImportBytes: d.MaxFileBytes, Now: d.Now,
	}); err != nil {
		return nil, err
	}
	s.summary = s.transfer
	if s.advisor, err = advisor.New(advisor.Deps{DB: d.DB, Log: d.logOf("advisor")}); err != nil {
		return nil, err
	}
	api, err := d.openAPI()
	if err != nil {
		return nil, err
	}
	if s.engine, err = engine.New(engine.Deps{
		Acquire:  d.DB.AcquireCaller,
		Listener: s.listener,
		Log:      d.logOf("engine"),
		Options: engine.Options{
			ExposedSchemas: func(ctx context.Context, _ *pgx.Conn) ([]string, error) { return exposedSchemas(ctx, d.DB) },
			AnonRole:       string(identity.RoleAnon),
			Aggregates:     true,
			MaxBodyBytes:   d.MaxBodyBytes,
			TempDir:        d.TempDir,
			OpenAPI:        api,
		},
	}); err != nil {
		return nil, err
	}
	s.records, err = records.New(records.Deps{Engine: s.engine, Events: d.Events})
	return s, err
}

// logOf returns the log of one part.
func (d Deps) logOf(part string) zerolog.Logger {
	return d.Log.With().Str("component", part).Logger()
}

// openAPI is how the root of the plain mount describes itself.
func (d Deps) openAPI() (engine.OpenAPI, error) {
	u, err := url.Parse(d.BaseURL)
	if err != nil {
		return engine.OpenAPI{}, fmt.Errorf("database: the base URL: %w", err)
	}
	return engine.OpenAPI{Version: d.Version, Scheme: u.Scheme, Host: u.Host, BasePath: u.Path + d.PlainPath, Security: true}, nil
}

// exposedSchemas are the schemas that the record layer serves, public first.
// The owner reads them: the callers' login has no right to look into schema
// system.
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

// Mount registers the routes of /api/database, where r is.
func (s *Service) Mount(r rest.Router) {
	s.tables.Mount(r)
	s.catalog.Mount(r)
	s.rows.Mount(r)
	s.rawsql.Mount(r)
	s.changes.Mount(r)
	s.transfer.Mount(r)
	s.records.Mount(r)
}

// MountPlain registers the query API as PostgREST serves it; r is at
// Deps.PlainPath.
func (s *Service) MountPlain(r rest.Router) { s.records.MountPlain(r) }

// MountAdvisor registers the advisor's routes; r is at /api/advisor.
func (s *Service) MountAdvisor(r rest.Router) { s.advisor.Mount(r) }

// Run listens for changes of the schema, keeps the engine's picture of it up
// to date and runs the advisor's scans, until ctx ends or one of them fails;
// the error names which.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for part, run := range map[string]func(context.Context) error{
		"listener": s.listener.Run, "engine": s.engine.Run, "advisor": s.advisor.Run,
	} {
		group.Go(func() error {
			if err := run(ctx); err != nil {
				return fmt.Errorf("%s: %w", part, err)
			}
			return nil
		})
	}
	return group.Wait()
}
