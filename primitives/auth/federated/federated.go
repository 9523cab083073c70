package federated

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/sessions"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Vault keeps client secrets, in the owner's transaction that stores the
// configuration.
type Vault interface {
	// Keep stores a secret and returns its id, or 409 SECRET_ALREADY_EXISTS.
	Keep(ctx context.Context, tx pg.Tx, key, value string) (uuid.UUID, error)
	// Replace gives a secret another value.
	Replace(ctx context.Context, tx pg.Tx, id uuid.UUID, value string) error
	// Reveal returns the value of a secret and records that it was used.
	Reveal(ctx context.Context, tx pg.Tx, id uuid.UUID) (string, error)
	// Forget deletes a secret.
	Forget(ctx context.Context, tx pg.Tx, id uuid.UUID) error
}

// Deps are what federated needs.
type Deps struct {
	DB       *pg.DB
	Vault    Vault
	Accounts *accounts.Service
	Sessions *sessions.Service
	Audit    audit.Recorder
	Events   *events.Bus
	// JWTSecret is what the key that signs states is derived from.
	JWTSecret string
	// BaseURL is the public address of the product, which providers send
	// browsers back to.
	BaseURL string
	// Providers are the built-in providers; nil for oauth.Builtin().
	Providers []oauth.Provider
	// AllowPrivateProviders lets custom providers have private addresses, and
	// be on the loopback interface without TLS.
	AllowPrivateProviders bool
	Now                   func() time.Time // time.Now outside tests
	// Log gets the reasons of failed sign-ins; the zero Logger drops them.
	Log zerolog.Logger
}

// Service signs users in with other providers. It is safe for concurrent use.
type Service struct {
	configs  *configs
	db       *pg.DB
	accounts *accounts.Service
	sessions *sessions.Service
	events   *events.Bus
	states   stateCodec
	// idTokens bounds the sign-ins by ID token of a client.
	idTokens *rest.Limiter
	now      func() time.Time
	log      zerolog.Logger
}

// New returns a Service. It opens nothing.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Vault == nil || d.Accounts == nil || d.Sessions == nil || d.Events == nil || d.Now == nil {
		return nil, errors.New("auth: a dependency is missing")
	}
	party, err := oauth.New(oauth.Config{AllowPrivate: d.AllowPrivateProviders, Now: d.Now})
	if err != nil {
		return nil, err
	}
	return &Service{
		configs: &configs{
			db: d.DB, vault: d.Vault, audit: d.Audit, party: party,
			providers: byName(d.Providers), baseURL: strings.TrimRight(d.BaseURL, "/"),
		},
		db:       d.DB,
		accounts: d.Accounts,
		sessions: d.Sessions,
		events:   d.Events,
		states:   newStateCodec(d.JWTSecret),
		idTokens: rest.NewLimiter(rest.Limit{
			Window: 15 * time.Minute, Max: 30, Message: "Too many sign-ins by ID token", Now: d.Now,
		}),
		now: d.Now,
		log: d.Log,
	}, nil
}

// byName returns providers, or the built-in ones for nil, by their names.
func byName(providers []oauth.Provider) map[oauth.Name]oauth.Provider {
	if providers == nil {
		providers = oauth.Builtin()
	}
	all := make(map[oauth.Name]oauth.Provider, len(providers))
	for _, p := range providers {
		all[p.Name] = p
	}
	return all
}
