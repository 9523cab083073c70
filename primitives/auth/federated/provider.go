package federated

import (
	"context"
	"net/http"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// provider returns the description of a configured provider and the project's
// registration there.
func (s *configs) provider(ctx context.Context, via providerRef, secret secrecy) (oauth.Provider, oauth.Registration, error) {
	if s.baseURL == "" {
		return oauth.Provider{}, oauth.Registration{}, errConfig("The address of this server is not known").
			Next("Set API_BASE_URL.")
	}
	r := oauth.Registration{CallbackURL: s.callbackURL(via)}
	if via.custom {
		return s.customProvider(ctx, via.name, r, secret)
	}
	p := s.providers[via.name]
	c, err := s.find(ctx, via.name, secret)
	if fault.Is(err, fault.AuthOAuthConfigNotFound) || err == nil && (c.UseSharedKey || c.ClientID == nil || c.secretID == nil) {
		return p, r, errConfig("Sign-in with " + p.Title + " is not configured").Because(err)
	}
	if err != nil {
		return p, r, err
	}
	r.ClientID, r.ClientSecret, r.Scopes = *c.ClientID, c.ClientSecret, c.Scopes
	return p, r, nil
}

func (s *configs) customProvider(ctx context.Context, key oauth.Name, r oauth.Registration, secret secrecy) (oauth.Provider, oauth.Registration, error) {
	c, err := s.findCustom(ctx, key, secret)
	if err != nil {
		return oauth.Provider{}, r, err
	}
	p, err := s.party.Discover(ctx, key, c.Name, c.DiscoveryEndpoint)
	if err != nil {
		return p, r, errConfig("Sign-in with " + c.Name + " is not available").
			Next("Check the discovery endpoint of the provider; the log says what is wrong.").Because(err)
	}
	r.ClientID, r.ClientSecret = c.ClientID, c.ClientSecret
	return p, r, nil
}

// callbackURL is the address that a provider sends browsers back to. It comes
// from the configuration only: the Host header of a request says what its
// sender wants.
func (s *configs) callbackURL(via providerRef) string {
	return s.baseURL + "/api/auth" + via.path() + "/callback"
}

func errConfig(message string) *fault.Error {
	return fault.New(http.StatusInternalServerError, fault.AuthOAuthConfigError, message).
		Next("Configure the provider in the project's authentication settings.")
}
