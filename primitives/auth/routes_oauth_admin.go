package auth

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/redirect"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const (
	maxClientID        = 1024
	maxClientSecret    = 16 << 10
	maxClientIDs       = 20
	maxNativeClientID  = 255
	maxScopes          = 50
	maxScope           = 255
	maxProviderName    = 100
	maxEndpointAddress = 2048
)

type oauthDeleted struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

// handleListOAuth serves "GET /api/auth/oauth/configs".
func (s *Service) handleListOAuth(c rest.Context) error {
	all, err := s.oauthConfigs(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"data": all, "count": len(all)})
}

// handleOAuthConfig serves "GET /api/auth/oauth/:provider/config".
func (s *Service) handleOAuthConfig(c rest.Context) error {
	via, err := builtInVia(c)
	if err != nil {
		return err
	}
	config, err := s.oauthConfig(c.Request().Context(), via.name, withSecret)
	if err != nil {
		return err
	}
	return secretJSON(c, config)
}

// secretJSON answers with a client secret, which nobody on the way keeps.
func secretJSON(c rest.Context, v any) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, v)
}

// handleCreateOAuth serves "POST /api/auth/oauth/configs".
func (s *Service) handleCreateOAuth(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	var names []string
	for _, name := range oauth.Names() {
		names = append(names, string(name))
	}
	provider := f.Enum("provider", names...)
	f.Bool("useSharedKey")
	in := oauthChangesOf(f)
	if err := f.Err(); err != nil {
		return err
	}
	config, err := s.createOAuthConfig(c.Request().Context(), oauth.Name(provider), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, config)
}

// oauthChangesOf reads the members that a configuration may set and no
// others.
func oauthChangesOf(f *rest.Fields) oauthChanges {
	text := []rest.StringRule{rest.NoNUL, rest.MinLength(1)}
	in := oauthChanges{
		clientID:        f.OptString("clientId", append(text, rest.MaxLength(maxClientID))...),
		clientSecret:    f.OptString("clientSecret", append(text, rest.MaxLength(maxClientSecret))...),
		nativeClientIDs: f.Strings("nativeClientIds", append(text, rest.MaxLength(maxNativeClientID))...),
		scopes:          f.Strings("scopes", append(text, rest.MaxLength(maxScope))...),
		redirectURI:     f.OptString("redirectUri", rest.NoNUL, rest.URL, rest.MaxLength(redirect.MaxBytes)),
	}
	if f.Has("useSharedKey") {
		in.useSharedKey = f.OptBool("useSharedKey")
	}
	for name, list := range map[string]struct{ got, most int }{
		"nativeClientIds": {len(in.nativeClientIDs), maxClientIDs}, "scopes": {len(in.scopes), maxScopes},
	} {
		if list.got > list.most {
			f.Complain(name, fmt.Sprintf("Array must contain at most %d element(s)", list.most))
		}
	}
	return in
}

// handleUpdateOAuth serves "PUT /api/auth/oauth/:provider/config".
func (s *Service) handleUpdateOAuth(c rest.Context) error {
	via, err := builtInVia(c)
	if err != nil {
		return err
	}
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	in := oauthChangesOf(f)
	if err := f.Err(); err != nil {
		return err
	}
	config, err := s.updateOAuthConfig(c.Request().Context(), via.name, in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, config)
}

// handleDeleteOAuth serves "DELETE /api/auth/oauth/:provider/config".
func (s *Service) handleDeleteOAuth(c rest.Context) error {
	via, err := builtInVia(c)
	if err != nil {
		return err
	}
	if err := s.deleteOAuthConfig(c.Request().Context(), via.name); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, oauthDeleted{Success: true, Message: "OAuth configuration for " + string(via.name) + " deleted successfully"})
}

// handleListCustomOAuth serves "GET /api/auth/oauth/custom/configs".
func (s *Service) handleListCustomOAuth(c rest.Context) error {
	all, err := s.customOAuthConfigs(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"data": all, "count": len(all)})
}

// handleCreateCustomOAuth serves "POST /api/auth/oauth/custom/configs".
func (s *Service) handleCreateCustomOAuth(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	key := f.String("key", customKeyRule)
	for _, name := range []string{"name", "discoveryEndpoint", "clientId", "clientSecret"} {
		if !f.Has(name) {
			f.Complain(name, "Required")
		}
	}
	in := customChangesOf(f)
	if err := f.Err(); err != nil {
		return err
	}
	config, err := s.createCustomOAuth(c.Request().Context(), oauth.Name(key), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, config)
}

// customChangesOf reads the members that a custom configuration may set and no
// others.
func customChangesOf(f *rest.Fields) customOAuthChanges {
	text := []rest.StringRule{rest.NoNUL, rest.MinLength(1)}
	in := customOAuthChanges{
		name:              f.OptString("name", rest.NoNUL, rest.Trimmed(rest.MinLength(1), rest.MaxLength(maxProviderName))),
		discoveryEndpoint: f.OptString("discoveryEndpoint", rest.NoNUL, rest.URL, rest.MaxLength(maxEndpointAddress)),
		clientID:          f.OptString("clientId", append(text, rest.MaxLength(maxClientID))...),
		clientSecret:      f.OptString("clientSecret", append(text, rest.MaxLength(maxClientSecret))...),
	}
	if in.name != nil {
		*in.name = strings.TrimSpace(*in.name)
	}
	return in
}

// handleCustomOAuth serves "GET /api/auth/oauth/custom/:key/config".
func (s *Service) handleCustomOAuth(c rest.Context) error {
	via, err := customVia(c)
	if err != nil {
		return err
	}
	config, err := s.customOAuthConfig(c.Request().Context(), via.name, withSecret)
	if err != nil {
		return err
	}
	return secretJSON(c, config)
}

// handleUpdateCustomOAuth serves "PUT /api/auth/oauth/custom/:key/config".
func (s *Service) handleUpdateCustomOAuth(c rest.Context) error {
	via, err := customVia(c)
	if err != nil {
		return err
	}
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	in := customChangesOf(f)
	if err := f.Err(); err != nil {
		return err
	}
	config, err := s.updateCustomOAuth(c.Request().Context(), via.name, in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, config)
}

// handleDeleteCustomOAuth serves "DELETE /api/auth/oauth/custom/:key/config".
func (s *Service) handleDeleteCustomOAuth(c rest.Context) error {
	via, err := customVia(c)
	if err != nil {
		return err
	}
	if err := s.deleteCustomOAuth(c.Request().Context(), via.name); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, oauthDeleted{Success: true, Message: "OAuth configuration for " + string(via.name) + " deleted successfully"})
}
