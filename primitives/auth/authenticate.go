package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/keys"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

// credentials are what the project accepts, as loaded at one time. Requests
// are checked against them without touching the database.
type credentials struct {
	apiKeys, anonKeys keys.Ring
	tokens            *tokens.Authority
	verified          *cache
	// fingerprint tells these from those of another time.
	fingerprint [sha256.Size]byte
}

// APIKey implements rest.Authenticator.
func (s *Service) APIKey(_ context.Context, key string) (identity.Principal, error) {
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

// AnonKey implements rest.Authenticator.
func (s *Service) AnonKey(_ context.Context, key string) (identity.Principal, error) {
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

// AccessToken implements rest.Authenticator. Tokens that were checked before
// are remembered until they expire or credentials are reloaded.
func (s *Service) AccessToken(ctx context.Context, token string) (identity.Principal, error) {
	c, err := s.loaded()
	if err != nil {
		return identity.Principal{}, err
	}
	var usual [1024]byte // a conversion to []byte would be garbage
	digest := sha256.Sum256(append(usual[:0], token...))
	if p, ok := c.verified.get(digest, s.now()); ok {
		return s.unlessEnded(p)
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
	return s.unlessEnded(p)
}

// unlessEnded refuses the access token of a session that was ended.
func (s *Service) unlessEnded(p identity.Principal) (identity.Principal, error) {
	if p.Session == "" {
		return p, nil
	}
	if answer, ok := s.ended.Get(p.Session); ok {
		return identity.Principal{}, answer
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
