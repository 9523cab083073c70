package auth

import (
	"net/http"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Mount registers the routes on r, which is at /api/auth. Each concern mounts
// its own; here are those that bring several together.
func (s *Service) Mount(r rest.Router) {
	body := rest.MaxBody(guard.MaxBodyBytes)
	r.POST("/users", rest.User, s.handleSignUp, body, guard.SendRetryAfter)
	r.DELETE("/users", rest.Admin, s.handleDeleteUsers, body)
	r.POST("/sessions", rest.Public, s.handleSignIn, body, guard.SendRetryAfter)
	r.GET("/public-config", rest.Public, s.handlePublicConfig)

	s.accounts.Mount(r)
	s.sessions.Mount(r)
	s.mailed.Mount(r)
	s.federated.Mount(r)
	s.credentials.Mount(r)
}

// MountJWKS registers the public keys of access tokens on r, which is at /.
func (s *Service) MountJWKS(r rest.Router) { s.credentials.MountJWKS(r) }

// handlePublicConfig serves "GET /api/auth/public-config".
func (s *Service) handlePublicConfig(c rest.Context) error {
	shown, err := s.Describe(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, shown.publicConfig)
}
