package federated

import (
	"context"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// customs returns the configurations of custom providers, without secrets.
func (s *configs) customs(ctx context.Context) (all []customConfig, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		all, err = selectCustoms(ctx, tx)
		return err
	})
	for i := range all {
		all[i].CallbackURL = s.callbackURL(providerRef{name: all[i].Key, custom: true})
	}
	return all, err
}

// findCustom returns a configuration, or 404 AUTH_OAUTH_CONFIG_NOT_FOUND.
func (s *configs) findCustom(ctx context.Context, key oauth.Name, secret secrecy) (c customConfig, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		if c, err = selectCustom(ctx, tx, key); err != nil || secret == withoutSecret {
			return err
		}
		c.ClientSecret, err = s.vault.Reveal(ctx, tx, c.secretID)
		return err
	})
	c.CallbackURL = s.callbackURL(providerRef{name: key, custom: true})
	return c, err
}

// customChanges are the members of a custom configuration to set; nil ones are
// left unchanged.
type customChanges struct{ name, discoveryEndpoint, clientID, clientSecret *string }

func (in customChanges) fields() []string {
	var names []string
	for _, f := range []struct {
		name  string
		value *string
	}{
		{"name", in.name}, {"discoveryEndpoint", in.discoveryEndpoint}, {"clientId", in.clientID}, {"clientSecret", in.clientSecret},
	} {
		if f.value != nil {
			names = append(names, f.name)
		}
	}
	return names
}

// checkDiscoveryEndpoint returns 400 INVALID_INPUT for an address that this
// server must not call.
func (s *configs) checkDiscoveryEndpoint(address *string) error {
	if address == nil {
		return nil
	}
	if err := s.party.CheckEndpoint(*address); err != nil {
		return fault.Invalid("discoveryEndpoint: " + err.Error()).
			Next("Use the https address of a public provider's discovery document; private ones must be allowed by the server's settings.")
	}
	return nil
}

// createCustom stores the configuration of a custom provider. All members of in
// are set. It returns 400 INVALID_INPUT, 409
// AUTH_OAUTH_CONFIG_ALREADY_EXISTS and 409 SECRET_ALREADY_EXISTS.
func (s *configs) createCustom(ctx context.Context, key oauth.Name, in customChanges) (c customConfig, err error) {
	if err := s.checkDiscoveryEndpoint(in.discoveryEndpoint); err != nil {
		return c, err
	}
	via := providerRef{name: key, custom: true}
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		if err := lockConfigs(ctx, tx); err != nil {
			return err
		}
		if _, err := selectCustom(ctx, tx, key); !fault.Is(err, fault.AuthOAuthConfigNotFound) {
			return orExists(err, string(key))
		}
		var secret uuid.UUID
		if secret, err = s.vault.Keep(ctx, tx, secretKeyOf(via), *in.clientSecret); err != nil {
			return err
		}
		c, err = insertCustomConfig(ctx, tx, customConfig{
			Key: key, Name: *in.name, DiscoveryEndpoint: *in.discoveryEndpoint, ClientID: *in.clientID, secretID: secret,
		})
		if err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Entry{
			Module: audit.Auth, Action: "CREATE_CUSTOM_OAUTH_CONFIG", Details: map[string]any{"key": key, "name": c.Name},
		})
	})
	c.CallbackURL = s.callbackURL(via)
	return c, err
}

// updateCustom changes a configuration. It returns 404
// AUTH_OAUTH_CONFIG_NOT_FOUND and 400 INVALID_INPUT.
func (s *configs) updateCustom(ctx context.Context, key oauth.Name, in customChanges) (c customConfig, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		if err := lockConfigs(ctx, tx); err != nil {
			return err
		}
		if c, err = selectCustom(ctx, tx, key); err != nil {
			return err
		}
		if err := s.checkDiscoveryEndpoint(in.discoveryEndpoint); err != nil {
			return err
		}
		fields := in.fields()
		if len(fields) == 0 {
			return nil
		}
		for target, value := range map[*string]*string{&c.Name: in.name, &c.DiscoveryEndpoint: in.discoveryEndpoint, &c.ClientID: in.clientID} {
			if value != nil {
				*target = *value
			}
		}
		if in.clientSecret != nil {
			if err := s.vault.Replace(ctx, tx, c.secretID, *in.clientSecret); err != nil {
				return err
			}
		}
		if c, err = updateCustomConfig(ctx, tx, c); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Entry{
			Module: audit.Auth, Action: "UPDATE_CUSTOM_OAUTH_CONFIG", Details: map[string]any{"key": key, "updatedFields": fields},
		})
	})
	c.CallbackURL = s.callbackURL(providerRef{name: key, custom: true})
	return c, err
}

// deleteCustom deletes a configuration and its secret. It returns 404
// AUTH_OAUTH_CONFIG_NOT_FOUND.
func (s *configs) deleteCustom(ctx context.Context, key oauth.Name) error {
	return s.db.AsOwner(ctx, func(tx pg.Tx) error {
		c, err := selectCustom(ctx, tx, key)
		if err != nil {
			return err
		}
		if err := deleteCustomConfig(ctx, tx, c.ID); err != nil {
			return err
		}
		if err := s.vault.Forget(ctx, tx, c.secretID); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Entry{
			Module: audit.Auth, Action: "DELETE_CUSTOM_OAUTH_CONFIG", Details: map[string]any{"key": key},
		})
	})
}
