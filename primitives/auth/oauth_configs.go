package auth

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// secretKeyOf is the name under which a provider's client secret is kept.
func secretKeyOf(via signInVia) string {
	if via.custom {
		return "CUSTOM_OAUTH_" + string(via.name) + "_CLIENT_SECRET"
	}
	return strings.ToUpper(string(via.name)) + "_CLIENT_SECRET"
}

func errNoOAuthConfig(provider string) *fault.Error {
	return fault.New(http.StatusNotFound, fault.AuthOAuthConfigNotFound, "OAuth configuration not found: "+provider).
		Next("Create the configuration first.")
}

func errOAuthConfigExists(provider string) *fault.Error {
	return fault.New(http.StatusConflict, fault.AuthOAuthConfigAlreadyExists, "OAuth configuration already exists: "+provider).
		Next("Update the configuration instead.")
}

// errBadOAuthConfig is 400 AUTH_OAUTH_CONFIG_ERROR.
func errBadOAuthConfig(message string) *fault.Error {
	return fault.New(http.StatusBadRequest, fault.AuthOAuthConfigError, message).
		Next("Enter the client id and the client secret that the provider gave out.")
}

// oauthConfigs returns the configurations of built-in providers, without
// secrets.
func (s *Service) oauthConfigs(ctx context.Context) (all []oauthConfig, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		all, err = listOAuthConfigs(ctx, tx)
		return err
	})
	for i := range all {
		all[i].CallbackURL = s.callbackURL(signInVia{name: all[i].Provider})
	}
	return all, err
}

// secrecy says whether a configuration is read with its secret, which writes
// down that it was used.
type secrecy bool

const (
	withSecret    secrecy = true
	withoutSecret secrecy = false
)

// oauthConfig returns a configuration, or 404 AUTH_OAUTH_CONFIG_NOT_FOUND.
func (s *Service) oauthConfig(ctx context.Context, provider oauth.Name, secret secrecy) (c oauthConfig, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		if c, err = findOAuthConfig(ctx, tx, provider); err != nil || c.secretID == nil || secret == withoutSecret {
			return err
		}
		c.ClientSecret, err = s.vault.Reveal(ctx, tx, *c.secretID)
		return err
	})
	c.CallbackURL = s.callbackURL(signInVia{name: provider})
	return c, err
}

// oauthChanges are the members that a configuration is made of; nil ones stay
// as they are.
type oauthChanges struct {
	clientID, clientSecret, redirectURI *string
	scopes, nativeClientIDs             []string
	useSharedKey                        *bool
}

// fields names what changes, for the audit log.
func (in oauthChanges) fields() []string {
	var names []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"clientId", in.clientID != nil},
		{"clientSecret", in.clientSecret != nil},
		{"redirectUri", in.redirectURI != nil},
		{"scopes", in.scopes != nil},
		{"nativeClientIds", in.nativeClientIDs != nil},
		{"useSharedKey", in.useSharedKey != nil},
	} {
		if f.set {
			names = append(names, f.name)
		}
	}
	return names
}

// check refuses what this server has no use for.
func (in oauthChanges) check(provider oauth.Name) error {
	if in.useSharedKey != nil && *in.useSharedKey {
		return errBadOAuthConfig("Shared keys are not available on this server")
	}
	if in.clientSecret != nil {
		if err := provider.CheckSecret(*in.clientSecret); err != nil {
			return errBadOAuthConfig("clientSecret: " + err.Error())
		}
	}
	return nil
}

// createOAuthConfig stores the configuration of a built-in provider.
//
// It returns 400 AUTH_OAUTH_CONFIG_ERROR without client id or secret, 409
// AUTH_OAUTH_CONFIG_ALREADY_EXISTS and 409 SECRET_ALREADY_EXISTS.
func (s *Service) createOAuthConfig(ctx context.Context, provider oauth.Name, in oauthChanges) (c oauthConfig, err error) {
	if err := in.check(provider); err != nil {
		return c, err
	}
	if in.clientID == nil || in.clientSecret == nil {
		return c, errBadOAuthConfig("clientId and clientSecret are required")
	}
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		if err := lockOAuthConfigs(ctx, tx); err != nil {
			return err
		}
		if _, err := findOAuthConfig(ctx, tx, provider); !fault.Is(err, fault.AuthOAuthConfigNotFound) {
			return orExists(err, string(provider))
		}
		if c, err = s.insertOAuthConfig(ctx, tx, provider, in); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Entry{
			Module: audit.Auth, Action: "CREATE_OAUTH_CONFIG",
			Details: map[string]any{"provider": provider, "useSharedKey": false},
		})
	})
	c.CallbackURL = s.callbackURL(signInVia{name: provider})
	return c, err
}

// orExists is the answer when a configuration was looked for and not missed.
func orExists(err error, provider string) error {
	if err != nil {
		return err
	}
	return errOAuthConfigExists(provider)
}

func (s *Service) insertOAuthConfig(ctx context.Context, tx pg.Tx, provider oauth.Name, in oauthChanges) (oauthConfig, error) {
	secret, err := s.vault.Keep(ctx, tx, secretKeyOf(signInVia{name: provider}), *in.clientSecret)
	if err != nil {
		return oauthConfig{}, err
	}
	scopes := in.scopes
	if len(scopes) == 0 {
		scopes = provider.DefaultScopes()
	}
	native := in.nativeClientIDs
	if native == nil {
		native = []string{}
	}
	return insertOAuthConfig(ctx, tx, oauthConfig{
		Provider: provider, ClientID: in.clientID, secretID: &secret, Scopes: scopes, NativeClientIDs: native,
	})
}

// updateOAuthConfig changes a configuration. It returns 404
// AUTH_OAUTH_CONFIG_NOT_FOUND and 400 AUTH_OAUTH_CONFIG_ERROR.
func (s *Service) updateOAuthConfig(ctx context.Context, provider oauth.Name, in oauthChanges) (c oauthConfig, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		if err := lockOAuthConfigs(ctx, tx); err != nil {
			return err
		}
		if c, err = findOAuthConfig(ctx, tx, provider); err != nil {
			return err
		}
		if err := in.check(provider); err != nil {
			return err
		}
		fields := in.fields()
		if len(fields) == 0 {
			return nil
		}
		if err := s.applyOAuthChanges(ctx, tx, &c, in); err != nil {
			return err
		}
		if c, err = updateOAuthConfig(ctx, tx, c); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Entry{
			Module: audit.Auth, Action: "UPDATE_OAUTH_CONFIG",
			Details: map[string]any{"provider": provider, "updatedFields": fields},
		})
	})
	c.CallbackURL = s.callbackURL(signInVia{name: provider})
	return c, err
}

func (s *Service) applyOAuthChanges(ctx context.Context, tx pg.Tx, c *oauthConfig, in oauthChanges) error {
	if in.clientID != nil {
		c.ClientID = in.clientID
	}
	if in.redirectURI != nil {
		c.RedirectURI = in.redirectURI
	}
	if in.scopes != nil {
		c.Scopes = in.scopes
	}
	if in.nativeClientIDs != nil {
		c.NativeClientIDs = in.nativeClientIDs
	}
	if in.useSharedKey != nil {
		c.UseSharedKey = *in.useSharedKey
	}
	switch {
	case in.clientSecret == nil:
		return nil
	case c.secretID != nil:
		return s.vault.Replace(ctx, tx, *c.secretID, *in.clientSecret)
	}
	id, err := s.vault.Keep(ctx, tx, secretKeyOf(signInVia{name: c.Provider}), *in.clientSecret)
	c.secretID = &id
	return err
}

// deleteOAuthConfig removes a configuration and its secret. It returns 404
// AUTH_OAUTH_CONFIG_NOT_FOUND. Who signed in that way stays a user.
func (s *Service) deleteOAuthConfig(ctx context.Context, provider oauth.Name) error {
	return s.db.AsOwner(ctx, func(tx pg.Tx) error {
		c, err := findOAuthConfig(ctx, tx, provider)
		if err != nil {
			return err
		}
		if err := deleteOAuthConfig(ctx, tx, c.ID); err != nil {
			return err
		}
		if c.secretID != nil {
			if err := s.vault.Forget(ctx, tx, *c.secretID); err != nil {
				return err
			}
		}
		return s.audit.Record(ctx, tx, audit.Entry{
			Module: audit.Auth, Action: "DELETE_OAUTH_CONFIG", Details: map[string]any{"provider": provider},
		})
	})
}

// OAuthSeed is a built-in provider that the environment configures.
type OAuthSeed struct{ Provider, ClientID, ClientSecret string }

// SeedOAuth configures the providers that are not configured yet. Seeds
// without id or secret are left out. It returns an error for the name of no
// built-in provider and for a secret that cannot be the provider's.
func (s *Service) SeedOAuth(ctx context.Context, seeds []OAuthSeed) error {
	for _, seed := range seeds {
		provider := oauth.Name(seed.Provider)
		if seed.ClientID == "" || seed.ClientSecret == "" {
			continue
		}
		if !slices.Contains(oauth.Names(), provider) {
			return errBadOAuthConfig("Unknown provider " + seed.Provider)
		}
		_, err := s.createOAuthConfig(ctx, provider, oauthChanges{clientID: &seed.ClientID, clientSecret: &seed.ClientSecret})
		if err != nil && !fault.Is(err, fault.AuthOAuthConfigAlreadyExists) {
			return err
		}
	}
	return nil
}
