package federated

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

// configs are the providers that the project is registered with. Their tables
// belong to the owner alone.
type configs struct {
	db    *pg.DB
	vault Vault
	audit audit.Recorder
	party *oauth.RelyingParty
	// providers are the built-in ones.
	providers map[oauth.Name]oauth.Provider
	baseURL   string
}

// secretKeyOf is the name under which a provider's client secret is kept.
func secretKeyOf(via providerRef) string {
	if via.custom {
		return "CUSTOM_OAUTH_" + string(via.name) + "_CLIENT_SECRET"
	}
	return strings.ToUpper(string(via.name)) + "_CLIENT_SECRET"
}

func errNoConfig(provider string) *fault.Error {
	return fault.New(http.StatusNotFound, fault.AuthOAuthConfigNotFound, "OAuth configuration not found: "+provider).
		Next("Create the configuration first.")
}

func errConfigExists(provider string) *fault.Error {
	return fault.New(http.StatusConflict, fault.AuthOAuthConfigAlreadyExists, "OAuth configuration already exists: "+provider).
		Next("Update the configuration instead.")
}

// errBadConfig is 400 AUTH_OAUTH_CONFIG_ERROR.
func errBadConfig(message string) *fault.Error {
	return fault.New(http.StatusBadRequest, fault.AuthOAuthConfigError, message).
		Next("Enter the client id and the client secret that the provider issued.")
}

// list returns the configurations of built-in providers, without secrets.
func (s *configs) list(ctx context.Context) (all []builtInConfig, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		all, err = selectConfigs(ctx, tx)
		return err
	})
	for i := range all {
		all[i].CallbackURL = s.callbackURL(providerRef{name: all[i].Provider})
	}
	return all, err
}

// secrecy says whether a configuration is read with its secret. That records the
// use of the secret.
type secrecy bool

const (
	withSecret    secrecy = true
	withoutSecret secrecy = false
)

// find returns a configuration, or 404 AUTH_OAUTH_CONFIG_NOT_FOUND.
func (s *configs) find(ctx context.Context, provider oauth.Name, secret secrecy) (c builtInConfig, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		if c, err = selectConfig(ctx, tx, provider); err != nil || c.secretID == nil || secret == withoutSecret {
			return err
		}
		c.ClientSecret, err = s.vault.Reveal(ctx, tx, *c.secretID)
		return err
	})
	c.CallbackURL = s.callbackURL(providerRef{name: provider})
	return c, err
}

// changes are the members of a configuration to set; nil ones are left
// unchanged.
type changes struct {
	clientID, clientSecret, redirectURI *string
	scopes, nativeClientIDs             []string
	useSharedKey                        *bool
}

// fields names what changes, for the audit log.
func (in changes) fields() []string {
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

// check refuses what this server does not support.
func (in changes) check(provider oauth.Name) error {
	if in.useSharedKey != nil && *in.useSharedKey {
		return errBadConfig("Shared keys are not available on this server")
	}
	if in.clientSecret != nil {
		if err := provider.CheckSecret(*in.clientSecret); err != nil {
			return errBadConfig("clientSecret: " + err.Error())
		}
	}
	return nil
}

// create stores the configuration of a built-in provider.
//
// It returns 400 AUTH_OAUTH_CONFIG_ERROR without client id or secret, 409
// AUTH_OAUTH_CONFIG_ALREADY_EXISTS and 409 SECRET_ALREADY_EXISTS.
func (s *configs) create(ctx context.Context, provider oauth.Name, in changes) (c builtInConfig, err error) {
	if err := in.check(provider); err != nil {
		return c, err
	}
	if in.clientID == nil || in.clientSecret == nil {
		return c, errBadConfig("clientId and clientSecret are required")
	}
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		if err := lockConfigs(ctx, tx); err != nil {
			return err
		}
		if _, err := selectConfig(ctx, tx, provider); !fault.Is(err, fault.AuthOAuthConfigNotFound) {
			return orExists(err, string(provider))
		}
		if c, err = s.insert(ctx, tx, provider, in); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Entry{
			Module: audit.Auth, Action: "CREATE_OAUTH_CONFIG",
			Details: map[string]any{"provider": provider, "useSharedKey": false},
		})
	})
	c.CallbackURL = s.callbackURL(providerRef{name: provider})
	return c, err
}

// orExists returns err, or 409 AUTH_OAUTH_CONFIG_ALREADY_EXISTS for nil.
func orExists(err error, provider string) error {
	if err != nil {
		return err
	}
	return errConfigExists(provider)
}

func (s *configs) insert(ctx context.Context, tx pg.Tx, provider oauth.Name, in changes) (builtInConfig, error) {
	secret, err := s.vault.Keep(ctx, tx, secretKeyOf(providerRef{name: provider}), *in.clientSecret)
	if err != nil {
		return builtInConfig{}, err
	}
	scopes := in.scopes
	if len(scopes) == 0 {
		scopes = provider.DefaultScopes()
	}
	native := in.nativeClientIDs
	if native == nil {
		native = []string{}
	}
	return insertConfig(ctx, tx, builtInConfig{
		Provider: provider, ClientID: in.clientID, secretID: &secret, Scopes: scopes, NativeClientIDs: native,
	})
}

// update changes a configuration. It returns 404
// AUTH_OAUTH_CONFIG_NOT_FOUND and 400 AUTH_OAUTH_CONFIG_ERROR.
func (s *configs) update(ctx context.Context, provider oauth.Name, in changes) (c builtInConfig, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		if err := lockConfigs(ctx, tx); err != nil {
			return err
		}
		if c, err = selectConfig(ctx, tx, provider); err != nil {
			return err
		}
		if err := in.check(provider); err != nil {
			return err
		}
		fields := in.fields()
		if len(fields) == 0 {
			return nil
		}
		if err := s.apply(ctx, tx, &c, in); err != nil {
			return err
		}
		if c, err = updateConfig(ctx, tx, c); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Entry{
			Module: audit.Auth, Action: "UPDATE_OAUTH_CONFIG",
			Details: map[string]any{"provider": provider, "updatedFields": fields},
		})
	})
	c.CallbackURL = s.callbackURL(providerRef{name: provider})
	return c, err
}

func (s *configs) apply(ctx context.Context, tx pg.Tx, c *builtInConfig, in changes) error {
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
	id, err := s.vault.Keep(ctx, tx, secretKeyOf(providerRef{name: c.Provider}), *in.clientSecret)
	c.secretID = &id
	return err
}

// remove deletes a configuration and its secret. Users who signed in with the
// provider stay. It returns 404 AUTH_OAUTH_CONFIG_NOT_FOUND.
func (s *configs) remove(ctx context.Context, provider oauth.Name) error {
	return s.db.AsOwner(ctx, func(tx pg.Tx) error {
		c, err := selectConfig(ctx, tx, provider)
		if err != nil {
			return err
		}
		if err := deleteConfig(ctx, tx, c.ID); err != nil {
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

// Seed is a built-in provider that the environment configures.
type Seed struct{ Provider, ClientID, ClientSecret string }

// Seed configures the providers that are not configured yet. It skips seeds
// without id or secret. It returns an error for a name that no built-in provider
// has, and for a secret that the provider cannot have issued.
func (s *Service) Seed(ctx context.Context, seeds []Seed) error {
	for _, seed := range seeds {
		provider := oauth.Name(seed.Provider)
		if seed.ClientID == "" || seed.ClientSecret == "" {
			continue
		}
		if !slices.Contains(oauth.Names(), provider) {
			return errBadConfig("Unknown provider " + seed.Provider)
		}
		_, err := s.configs.create(ctx, provider, changes{clientID: &seed.ClientID, clientSecret: &seed.ClientSecret})
		if err != nil && !fault.Is(err, fault.AuthOAuthConfigAlreadyExists) {
			return err
		}
	}
	return nil
}
