package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/credentials"
	"github.com/insforge/insforge-go/primitives/auth/federated"
	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/mailed"
	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/sessions"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Vault stores the project's credentials and the secrets of providers, sealed.
type Vault interface {
	credentials.Vault
	federated.Vault
}

// Deps are what auth needs from the rest of the product.
type Deps struct {
	DB     *pg.DB
	Vault  Vault
	Audit  audit.Recorder
	Events *events.Bus
	// JWTSecret signs refresh tokens and checks tokens of third parties.
	JWTSecret string
	// AdminUsername is the administrator's name, and AdminPassword returns the
	// password in force, which may change at any time but is never empty.
	AdminUsername string
	AdminPassword func() string
	Now           func() time.Time // time.Now outside tests
	// Mail sends what users must read; nil when nothing can.
	Mail mailed.Mailer
	// MailboxOn reports whether mails are kept in the development mailbox
	// instead of being sent; nil for never.
	MailboxOn func(ctx context.Context) (bool, error)
	// BaseURL is API_BASE_URL, the public address of the product: of links in
	// mails, and of the pages that providers send browsers back to.
	BaseURL string
	// Providers are the built-in providers to sign in with; nil for
	// oauth.Builtin().
	Providers []oauth.Provider
	// AllowPrivateProviders lets custom providers have private addresses, and
	// be on the loopback interface without TLS.
	AllowPrivateProviders bool
	// PasswordCost is the bcrypt cost of passwords and mailed codes; zero for
	// guard.DefaultCost. Tests use a cheap one.
	PasswordCost int
	// Log receives what goes wrong in the background; the zero Logger drops it.
	Log zerolog.Logger
}

// Service is the auth primitive. It is safe for concurrent use.
type Service struct {
	db          *pg.DB
	audit       audit.Recorder
	events      *events.Bus
	log         zerolog.Logger
	throttle    *guard.Throttle
	passwords   *guard.Hasher
	credentials *credentials.Service
	accounts    *accounts.Service
	sessions    *sessions.Service
	mailed      *mailed.Service
	federated   *federated.Service
}

var _ rest.Authenticator = (*Service)(nil)

// New returns a Service that lets no one in before Seed or Reload has loaded
// the project's credentials. It opens nothing.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Vault == nil || d.Events == nil || d.Now == nil {
		return nil, errors.New("auth: a dependency is missing")
	}
	s := &Service{
		db: d.DB, audit: d.Audit, events: d.Events, log: d.Log,
		throttle: guard.NewThrottle(d.Now), passwords: guard.NewHasher(d.PasswordCost),
	}
	var err error
	if s.credentials, err = credentials.New(credentials.Deps{
		DB: d.DB, Vault: d.Vault, Audit: d.Audit, JWTSecret: d.JWTSecret, Now: d.Now, Log: d.Log,
	}); err != nil {
		return nil, err
	}
	if s.accounts, err = accounts.New(accounts.Deps{
		DB: d.DB, Audit: d.Audit, Now: d.Now,
		MailConfigured: func(ctx context.Context) (bool, error) {
			if d.Mail == nil {
				return false, nil
			}
			return d.Mail.Configured(ctx)
		},
	}); err != nil {
		return nil, err
	}
	if s.sessions, err = sessions.New(sessions.Deps{
		DB: d.DB, Credentials: s.credentials, Accounts: s.accounts, Throttle: s.throttle, Audit: d.Audit,
		JWTSecret: d.JWTSecret, AdminUsername: d.AdminUsername, AdminPassword: d.AdminPassword, Now: d.Now, Log: d.Log,
	}); err != nil {
		return nil, err
	}
	if s.mailed, err = mailed.New(mailed.Deps{
		DB: d.DB, Accounts: s.accounts, Sessions: s.sessions, Passwords: s.passwords, Events: d.Events,
		Mail: d.Mail, MailboxOn: d.MailboxOn, BaseURL: d.BaseURL, Now: d.Now, Log: d.Log,
	}); err != nil {
		return nil, err
	}
	if s.federated, err = federated.New(federated.Deps{
		DB: d.DB, Vault: d.Vault, Accounts: s.accounts, Sessions: s.sessions, Audit: d.Audit, Events: d.Events,
		JWTSecret: d.JWTSecret, BaseURL: d.BaseURL, Providers: d.Providers, AllowPrivateProviders: d.AllowPrivateProviders,
		Now: d.Now, Log: d.Log,
	}); err != nil {
		return nil, err
	}
	return s, nil
}

// Seed stores the credentials that the project lacks and loads them all; see
// credentials.Service.Seed.
func (s *Service) Seed(ctx context.Context, seeds credentials.Seeds) error {
	return s.credentials.Seed(ctx, seeds)
}

// Reload loads the project's credentials again, as after a rotation.
func (s *Service) Reload(ctx context.Context) error { return s.credentials.Reload(ctx) }

// SeedOAuth configures the providers that are not configured yet; see
// federated.Service.Seed.
func (s *Service) SeedOAuth(ctx context.Context, seeds []federated.Seed) error {
	return s.federated.Seed(ctx, seeds)
}

// VerificationRequired reports whether users must verify their address before
// they may sign in; see accounts.Service.VerificationRequired.
func (s *Service) VerificationRequired(ctx context.Context, tx pg.Tx) (bool, error) {
	return s.accounts.VerificationRequired(ctx, tx)
}

// APIKey implements rest.Authenticator.
func (s *Service) APIKey(_ context.Context, key string) (identity.Principal, error) {
	return s.credentials.APIKey(key)
}

// AnonKey implements rest.Authenticator.
func (s *Service) AnonKey(_ context.Context, key string) (identity.Principal, error) {
	return s.credentials.AnonKey(key)
}

// AccessToken implements rest.Authenticator.
func (s *Service) AccessToken(ctx context.Context, token string) (identity.Principal, error) {
	return s.sessions.AccessToken(ctx, token)
}

// sweepEvery is how often what has expired is deleted.
const sweepEvery = time.Hour

// Run delivers mails, follows rotations of the signing key by other processes
// on the same database, and deletes what has expired, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var group sync.WaitGroup
	group.Go(func() { s.mailed.Run(ctx) })
	group.Go(func() { s.credentials.Follow(ctx) })
	group.Go(func() { s.sweepUntil(ctx) })
	group.Wait()
	return nil
}

func (s *Service) sweepUntil(ctx context.Context) {
	every := time.NewTicker(sweepEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn().Err(err).Msg("auth: deleting expired sessions and codes failed; will try again")
		}
	}
}

func (s *Service) sweep(ctx context.Context) error {
	return errors.Join(s.sessions.Sweep(ctx), s.mailed.Sweep(ctx))
}
