package credentials

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/keys"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// Vault stores the reserved secrets, sealed.
type Vault interface {
	// Value returns the value of an active secret, or 404 SECRET_NOT_FOUND.
	Value(ctx context.Context, key string) (string, error)
	// Each visits the active reserved secrets that match accepts; expires is
	// zero for one that stays.
	Each(ctx context.Context, match func(key string) bool, visit func(key, value string, expires time.Time) error) error
	// Reconcile writes the reserved secrets that decide returns for those
	// that are stored, in one transaction, one caller after the other.
	Reconcile(ctx context.Context, keys []string, decide func(stored map[string]string) (map[string]string, error)) error
}

// Deps are what credentials needs.
type Deps struct {
	DB    *pg.DB
	Vault Vault
	Audit audit.Recorder
	// JWTSecret signs refresh tokens and checks tokens of third parties.
	JWTSecret string
	Now       func() time.Time // time.Now outside tests
	// Log gets what goes wrong in the background; the zero Logger drops it.
	Log zerolog.Logger
}

// Service checks the project's credentials. It is safe for concurrent use.
type Service struct {
	db        *pg.DB
	vault     Vault
	audit     audit.Recorder
	jwtSecret string
	now       func() time.Time
	log       zerolog.Logger

	current atomic.Pointer[snapshot]
	// loading holds one token while credentials are read and put in force, so
	// that what was read last is what counts. It guards reloaded.
	loading chan struct{}
	// reloaded is when the last reload for an unknown key ended.
	reloaded time.Time
}

// New returns a Service that accepts nothing before Seed or Reload.
func New(d Deps) (*Service, error) {
	switch {
	case d.DB == nil || d.Vault == nil || d.Now == nil:
		return nil, errors.New("auth: a dependency is missing")
	case d.JWTSecret == "":
		return nil, errors.New("auth: the JWT secret is empty; set JWT_SECRET")
	}
	return &Service{
		db: d.DB, vault: d.Vault, audit: d.Audit, jwtSecret: d.JWTSecret, now: d.Now, log: d.Log,
		loading: make(chan struct{}, 1),
	}, nil
}

// snapshot is what the project accepted when it was loaded.
type snapshot struct {
	apiKeys, anonKeys keys.Ring
	tokens            *tokens.Authority
	verified          *cache
	// fingerprint differs from that of any other snapshot.
	fingerprint [sha256.Size]byte
}

// errNotLoaded is a bug in the start: a request came before Seed.
var errNotLoaded = errors.New("auth: credentials are not loaded")

func (s *Service) loaded() (*snapshot, error) {
	if c := s.current.Load(); c != nil {
		return c, nil
	}
	return nil, errNotLoaded
}

// Authority returns what makes and checks tokens.
func (s *Service) Authority() (*tokens.Authority, error) {
	c, err := s.loaded()
	if err != nil {
		return nil, err
	}
	return c.tokens, nil
}

// APIKey returns the administrator that the project's API key stands for, or
// 401 AUTH_INVALID_API_KEY.
func (s *Service) APIKey(key string) (identity.Principal, error) {
	c, err := s.loaded()
	if err != nil {
		return identity.Principal{}, err
	}
	if !c.apiKeys.Has(key, s.now()) {
		return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthInvalidAPIKey, "Invalid API key").
			Next("Use the project's API key; `insforge keys show` prints it.")
	}
	return identity.NewAdmin(identity.APIKey, ""), nil
}

// AnonKey returns the anonymous caller that the project's anon key stands for,
// or 401 AUTH_INVALID_CREDENTIALS.
func (s *Service) AnonKey(key string) (identity.Principal, error) {
	c, err := s.loaded()
	if err != nil {
		return identity.Principal{}, err
	}
	if !c.anonKeys.Has(key, s.now()) {
		return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthInvalidCredentials, "Invalid anon key").
			Next("Use the project's anon key; `insforge keys show` prints it.")
	}
	return identity.Anonymous(identity.AnonKey), nil
}

// AccessToken returns whom an access token stands for. Tokens that were checked
// before are remembered until they expire or credentials are reloaded.
//
// It returns 401 AUTH_UNAUTHORIZED for a bad token and 403 AUTH_UNAUTHORIZED
// for one with an unknown role.
func (s *Service) AccessToken(ctx context.Context, token string) (identity.Principal, error) {
	c, err := s.loaded()
	if err != nil {
		return identity.Principal{}, err
	}
	var usual [1024]byte // a conversion to []byte would be garbage
	digest := sha256.Sum256(append(usual[:0], token...))
	if p, ok := c.verified.get(digest, s.now()); ok {
		return p, nil
	}
	claims, err := c.tokens.VerifyAccess(token)
	if errors.Is(err, tokens.ErrUnknownKey) && s.reloadForKey(ctx, c) {
		if c, err = s.loaded(); err != nil {
			return identity.Principal{}, err
		}
		claims, err = c.tokens.VerifyAccess(token)
	}
	if errors.Is(err, tokens.ErrSubject) {
		return identity.Principal{}, guard.Unauthorized("Invalid token subject")
	}
	if err != nil {
		return identity.Principal{}, guard.Unauthorized("Invalid token")
	}
	p, err := principalOf(claims)
	if err != nil {
		return identity.Principal{}, err
	}
	if len(token) <= maxCachedToken {
		c.verified.put(digest, p, claims.ExpiresAt)
	}
	return p, nil
}

func principalOf(c tokens.Claims) (identity.Principal, error) {
	switch identity.Role(c.Role) {
	case "", identity.RoleAuthenticated:
		p := identity.NewUser(c.Subject, c.Email, c.All)
		p.Session = c.Session
		return p, nil
	case identity.RoleAnon:
		return identity.Anonymous(identity.AnonKey), nil
	case identity.RoleProjectAdmin:
		p := identity.NewAdmin(identity.Admin, c.Subject)
		p.Session = c.Session
		return p, nil
	}
	return identity.Principal{}, fault.New(http.StatusForbidden, fault.AuthUnauthorized, "Unknown role in token").
		Next("Use a token whose role is anon, authenticated or project_admin.")
}
