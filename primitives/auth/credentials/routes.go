package credentials

import (
	"net/http"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Mount registers the routes on r, which is at /api/auth.
func (s *Service) Mount(r rest.Router) {
	body := rest.MaxBody(guard.MaxBodyBytes)
	r.POST("/tokens/anon", rest.Admin, s.handleAnonToken, body)
	r.POST("/keys/jwt/rotate", rest.Admin, s.handleRotate, body)
}

// MountJWKS registers the public keys of access tokens on r, which is at /.
func (s *Service) MountJWKS(r rest.Router) {
	r.GET("/.well-known/jwks.json", rest.Public, s.handleJWKS)
	r.GET("/api/.well-known/jwks.json", rest.Public, s.handleJWKS)
}

// handleJWKS serves "GET /.well-known/jwks.json" and the same below /api.
func (s *Service) handleJWKS(c rest.Context) error {
	a, err := s.Authority()
	if err != nil {
		return err
	}
	document, err := a.JWKS()
	if err != nil {
		return err
	}
	return c.JSONBlob(http.StatusOK, document)
}

// handleAnonToken serves "POST /api/auth/tokens/anon". The name is historical:
// what it returns is the anon key.
func (s *Service) handleAnonToken(c rest.Context) error {
	key, err := s.vault.Value(c.Request().Context(), secretAnonKey)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{
		"accessToken": key,
		"message":     "This is the project's anon key. The route is deprecated; use GET /api/metadata/anon-key.",
	})
}

// handleRotate serves "POST /api/auth/keys/jwt/rotate".
func (s *Service) handleRotate(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	revoke := f.OptBool("revokeOld")
	if err := f.Err(); err != nil {
		return err
	}
	done, err := s.Rotate(c.Request().Context(), revoke != nil && *revoke)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, done)
}
