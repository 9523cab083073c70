package app

import (
	"context"
	"io/fs"
	"net/url"
	"time"

	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/app/server"
	"github.com/insforge/insforge-go/primitives/auth"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/database/advisor"
	"github.com/insforge/insforge-go/primitives/database/catalog"
	"github.com/insforge/insforge-go/primitives/database/changes"
	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/rawsql"
	"github.com/insforge/insforge-go/primitives/database/records"
	"github.com/insforge/insforge-go/primitives/database/rows"
	"github.com/insforge/insforge-go/primitives/database/tables"
	"github.com/insforge/insforge-go/primitives/database/transfer"
	"github.com/insforge/insforge-go/primitives/email"
	"github.com/insforge/insforge-go/primitives/email/smtp"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/egress"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/kernel/seal"
	"github.com/insforge/insforge-go/primitives/metadata"
	"github.com/insforge/insforge-go/primitives/secrets"
	"github.com/insforge/insforge-go/web"
	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"
)

// parts are what build composes the product from.
type parts struct {
	config  config.Config
	secrets config.Secrets
	db      *database
	// signingKey waits for the first key pair; nil makes it when one is needed.
	signingKey func() (tokens.KeyPair, error)
	log        zerolog.Logger
}

// product is the composed product, ready to serve.
type product struct {
	server     *server.Server
	background []func(context.Context) error
	mail       email.Delivery // at the start
	log        zerolog.Logger
}

// services are the primitives, by constructor.
type services struct {
	auth     *auth.Service
	email    *email.Service
	metadata *metadata.Service
	tables   *tables.Service
	records  *records.Service
	catalog  *catalog.Service
	rows     *rows.Service
	rawsql   *rawsql.Service
	changes  *changes.Service
	transfer *transfer.Service
	advisor  *advisor.Service
}

// generateSigningKey starts making a key pair for access tokens, which takes
// longer than anything else at a first start, and returns a function that
// waits for it.
func generateSigningKey() func() (tokens.KeyPair, error) {
	type result struct {
		pair tokens.KeyPair
		err  error
	}
	done := make(chan result, 1)
	go func() {
		pair, err := tokens.GenerateKey()
		done <- result{pair, err}
	}()
	return func() (tokens.KeyPair, error) {
		r := <-done
		return r.pair, r.err
	}
}

// build constructs every service on an open database and loads what must be
// known before the first request.
func build(ctx context.Context, in parts) (*product, error) {
	db, log := in.db.DB, in.log
	bus := &events.Bus{}
	recorder := audit.NewRecorder(in.db.auditToken)
	box, err := seal.New(in.secrets.EncryptionKey)
	if err != nil {
		return nil, err
	}
	vault, err := secrets.New(secrets.Deps{DB: db, Box: box, Now: time.Now})
	if err != nil {
		return nil, err
	}

	var s services
	if s.email, err = email.New(email.Deps{
		DB: db, Box: box, Audit: recorder, Log: log.With().Str("component", "email").Logger(), Now: time.Now,
		SMTP:                 smtp.Client{Guard: egress.Guard{AllowPrivate: in.config.Mail.AllowPrivateHosts}},
		VerificationRequired: func(ctx context.Context, tx pg.Tx) (bool, error) { return s.auth.VerificationRequired(ctx, tx) },
		Mailbox:              in.config.Mail.Mailbox, BaseURL: in.config.Server.BaseURL,
	}); err != nil {
		return nil, err
	}
	if s.auth, err = auth.New(auth.Deps{
		DB: db, Vault: vault, Audit: recorder, Events: bus,
		JWTSecret:     in.secrets.JWTSecret,
		AdminUsername: in.secrets.AdminUsername, AdminPassword: in.secrets.AdminPassword,
		Mail: s.email, BaseURL: in.config.Server.BaseURL, AllowPrivateProviders: in.config.OAuth.AllowPrivateHosts,
		Log: log.With().Str("component", "auth").Logger(), Now: time.Now,
	}); err != nil {
		return nil, err
	}
	if err := s.auth.Seed(ctx, auth.Seeds{
		APIKey: in.secrets.APIKey, AnonKey: in.secrets.AnonKey,
		BaseURL: in.config.Server.BaseURL, InternalURL: in.config.Server.BaseURL,
		SigningKey: in.signingKey,
	}); err != nil {
		return nil, err
	}
	for _, p := range in.config.OAuth.Providers() {
		// What is wrong with a provider must not keep the rest from starting.
		if err := s.auth.SeedOAuth(ctx, []auth.OAuthSeed{{Provider: p.Name, ClientID: p.ClientID, ClientSecret: p.ClientSecret}}); err != nil {
			log.Error().Err(err).Str("provider", p.Name).Msg("sign-in at a provider was not set up from the environment")
		}
	}
	if s.transfer, err = transfer.New(transfer.Deps{
		DB: db, Audit: recorder, Events: bus, TempDir: in.config.DataDir,
		MaxImportBytes: int64(in.config.Limits.File), Now: time.Now,
	}); err != nil {
		return nil, err
	}
	if s.metadata, err = metadata.New(metadata.Deps{
		Secrets: vault, Auth: signIn{s.auth, s.email}, Database: s.transfer, DatabaseURL: in.db.toolDSN(in.config.Postgres, in.secrets),
		ProjectID: in.config.ProjectID, Version: Version(), Now: time.Now,
	}); err != nil {
		return nil, err
	}
	s.tables = tables.New(tables.Deps{DB: db, Audit: recorder, Events: bus})
	s.catalog = catalog.New(catalog.Deps{DB: db})
	s.rows = rows.New(rows.Deps{DB: db, Events: bus})
	s.rawsql = rawsql.New(rawsql.Deps{DB: db, Audit: recorder, Events: bus, TempDir: in.config.DataDir})
	if s.changes, err = changes.New(changes.Deps{
		DB: db, Audit: recorder, Events: bus, Token: in.db.auditToken, Now: time.Now,
	}); err != nil {
		return nil, err
	}
	if s.advisor, err = advisor.New(advisor.Deps{DB: db, Log: log.With().Str("component", "advisor").Logger()}); err != nil {
		return nil, err
	}
	listener := pg.NewListener(db.OwnerDSN(), log.With().Str("component", "listener").Logger())
	queries, err := engine.New(engine.Deps{
		Acquire:  db.AcquireCaller,
		Listener: listener,
		Log:      log.With().Str("component", "engine").Logger(),
		Options: engine.Options{
			ExposedSchemas: func(ctx context.Context, _ *pgx.Conn) ([]string, error) { return exposedSchemas(ctx, db) },
			AnonRole:       string(identity.RoleAnon),
			Aggregates:     true,
			MaxBodyBytes:   int64(in.config.Limits.JSONBody),
			TempDir:        in.config.DataDir, // the system's may be memory
			OpenAPI:        openAPI(in.config),
		},
	})
	if err != nil {
		return nil, err
	}
	if s.records, err = records.New(records.Deps{Engine: queries, Events: bus}); err != nil {
		return nil, err
	}

	mail, err := s.email.Delivery(ctx)
	if err != nil {
		return nil, err
	}
	dashboard, _ := web.Dist()
	return &product{
		log:        log,
		mail:       mail,
		server:     newServer(in, s, bus, dashboard),
		background: []func(context.Context) error{listener.Run, queries.Run, s.advisor.Run, s.auth.Run, s.email.Run},
	}, nil
}

// signIn is the auth part of the metadata. Clients look for the mail settings
// there too.
type signIn struct {
	auth  *auth.Service
	email *email.Service
}

// Describe implements metadata.Source.
func (p signIn) Describe(ctx context.Context) (any, error) {
	users, err := p.auth.Describe(ctx)
	if err != nil {
		return nil, err
	}
	mail, err := p.email.Config(ctx)
	if err != nil {
		return nil, err
	}
	return struct {
		auth.Description
		SMTP email.Config `json:"smtpConfig"`
	}{users, mail}, nil
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
	if err != nil { // Validate has parsed it
		panic("app: API_BASE_URL was not validated: " + err.Error())
	}
	return engine.OpenAPI{
		Version: Version(), Scheme: u.Scheme, Host: u.Host, BasePath: u.Path + plainMount, Security: true,
	}
}

func newServer(in parts, s services, bus *events.Bus, dashboard fs.FS) *server.Server {
	return server.New(server.Deps{
		Auth:              s.auth,
		Events:            bus,
		Healthy:           in.db.Ping,
		Routes:            func(root rest.Router) { s.mount(root) },
		Dashboard:         dashboard,
		Version:           Version(),
		TrustProxy:        in.config.Server.TrustProxy,
		MaxJSONBody:       int64(in.config.Limits.JSONBody),
		MaxURLEncodedBody: int64(in.config.Limits.FormBody),
		BodyLimit:         bodyLimit(int64(in.config.Limits.File)),
		KeepAlive:         time.Duration(in.config.Server.KeepAlive),
		Log:               in.log,
		Now:               time.Now,
	})
}
