package federated

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

type deleted struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

// handleList serves "GET /api/auth/oauth/configs".
func (s *configs) handleList(c rest.Context) error {
	all, err := s.list(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"data": all, "count": len(all)})
}

// handleConfig serves "GET /api/auth/oauth/:provider/config".
func (s *configs) handleConfig(c rest.Context) error {
	via, err := builtInVia(c)
	if err != nil {
		return err
	}
	config, err := s.find(c.Request().Context(), via.name, withSecret)
	if err != nil {
		return err
	}
	return secretJSON(c, config)
}

// secretJSON answers with a client secret, which nothing on the way may store.
func secretJSON(c rest.Context, v any) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, v)
}

// handleCreate serves "POST /api/auth/oauth/configs".
func (s *configs) handleCreate(c rest.Context) error {
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
	in := changesOf(f)
	if err := f.Err(); err != nil {
		return err
	}
	config, err := s.create(c.Request().Context(), oauth.Name(provider), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, config)
}

// changesOf reads the members that a configuration may set and no
// others.
func changesOf(f *rest.Fields) changes {
	text := []rest.StringRule{rest.NoNUL, rest.MinLength(1)}
	in := changes{
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

// handleUpdate serves "PUT /api/auth/oauth/:provider/config".
func (s *configs) handleUpdate(c rest.Context) error {
	via, err := builtInVia(c)
	if err != nil {
		return err
	}
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	in := changesOf(f)
	if err := f.Err(); err != nil {
		return err
	}
	config, err := s.update(c.Request().Context(), via.name, in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, config)
}

// handleDelete serves "DELETE /api/auth/oauth/:provider/config".
func (s *configs) handleDelete(c rest.Context) error {
	via, err := builtInVia(c)
	if err != nil {
		return err
	}
	if err := s.remove(c.Request().Context(), via.name); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, deleted{Success: true, Message: "OAuth configuration for " + string(via.name) + " deleted successfully"})
}

// handleListCustom serves "GET /api/auth/oauth/custom/configs".
func (s *configs) handleListCustom(c rest.Context) error {
	all, err := s.customs(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"data": all, "count": len(all)})
}

// handleCreateCustom serves "POST /api/auth/oauth/custom/configs".
func (s *configs) handleCreateCustom(c rest.Context) error {
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
	config, err := s.createCustom(c.Request().Context(), oauth.Name(key), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, config)
}

// customChangesOf reads the members that a custom configuration may set and no
// others.
func customChangesOf(f *rest.Fields) customChanges {
	text := []rest.StringRule{rest.NoNUL, rest.MinLength(1)}
	in := customChanges{
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

// handleCustom serves "GET /api/auth/oauth/custom/:key/config".
func (s *configs) handleCustom(c rest.Context) error {
	via, err := customVia(c)
	if err != nil {
		return err
	}
	config, err := s.findCustom(c.Request().Context(), via.name, withSecret)
	if err != nil {
		return err
	}
	return secretJSON(c, config)
}

// handleUpdateCustom serves "PUT /api/auth/oauth/custom/:key/config".
func (s *configs) handleUpdateCustom(c rest.Context) error {
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
	config, err := s.updateCustom(c.Request().Context(), via.name, in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, config)
}

// handleDeleteCustom serves "DELETE /api/auth/oauth/custom/:key/config".
func (s *configs) handleDeleteCustom(c rest.Context) error {
	via, err := customVia(c)
	if err != nil {
		return err
	}
	if err := s.deleteCustom(c.Request().Context(), via.name); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, deleted{Success: true, Message: "OAuth configuration for " + string(via.name) + " deleted successfully"})
}
