package app

import (
	"context"
	"time"

	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/app/server"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/email"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/kernel/seal"
	"github.com/insforge/insforge-go/primitives/secrets"
	"github.com/insforge/insforge-go/web"
	"github.com/rs/zerolog"
)

// parts are what build composes the product from.
type parts struct {
	config  config.Config
	secrets config.Secrets
	db      *store
	// signingKey waits for the first key pair; nil makes it when one is needed.
	signingKey func() (tokens.KeyPair, error)
	log        zerolog.Logger
}

// base is what the services of several areas are built on.
type base struct {
	parts
	events *events.Bus
	audit  audit.Recorder
	box    *seal.Box
	vault  *secrets.Service
}

func newBase(in parts) (b base, err error) {
	b = base{parts: in, events: &events.Bus{}, audit: audit.NewRecorder(in.db.auditToken)}
	if b.box, err = seal.New(in.secrets.EncryptionKey); err != nil {
		return base{}, err
	}
	b.vault, err = secrets.New(secrets.Deps{DB: in.db.DB, Box: b.box, Now: time.Now})
	return b, err
}

// logOf returns the log of one component.
func (b base) logOf(component string) zerolog.Logger {
	return b.log.With().Str("component", component).Logger()
}

// product is the composed product, ready to serve.
type product struct {
	server     *server.Server
	auth       rest.Authenticator
	components []component
	mail       email.Delivery // at the start
	log        zerolog.Logger
}

// build constructs the services of every area on an open database and loads
// what must be known before the first request.
func build(ctx context.Context, in parts) (*product, error) {
	b, err := newBase(in)
	if err != nil {
		return nil, err
	}
	var s services
	// Auth sends mails, and email asks auth about its settings: the question
	// waits until both are there.
	if s.email, err = wireEmail(b, func(ctx context.Context, tx pg.Tx) (bool, error) {
		return s.auth.VerificationRequired(ctx, tx)
	}); err != nil {
		return nil, err
	}
	if s.auth, err = wireAuth(b, s.email); err != nil {
		return nil, err
	}
	if err := seedAuth(ctx, b, s.auth); err != nil {
		return nil, err
	}
	if s.database, err = wireDatabase(b); err != nil {
		return nil, err
	}
	if s.metadata, err = wireMetadata(b, s); err != nil {
		return nil, err
	}
	mail, err := s.email.Delivery(ctx)
	if err != nil {
		return nil, err
	}
	components := s.components()
	return &product{server: newServer(b, s.auth, components), auth: s.auth, components: components, mail: mail, log: in.log}, nil
}

func newServer(b base, auth rest.Authenticator, components []component) *server.Server {
	dashboard, _ := web.Dist()
	return server.New(server.Deps{
		Auth:              auth,
		Events:            b.events,
		Healthy:           b.db.Ping,
		Routes:            func(root rest.Router) { mountAll(root, components) },
		Dashboard:         dashboard,
		Version:           Version(),
		TrustProxy:        b.config.Server.TrustProxy,
		MaxJSONBody:       int64(b.config.Limits.JSONBody),
		MaxURLEncodedBody: int64(b.config.Limits.FormBody),
		KeepAlive:         time.Duration(b.config.Server.KeepAlive),
		Log:               b.log,
		Now:               time.Now,
	})
}
