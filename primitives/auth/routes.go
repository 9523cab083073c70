package auth

import (
	"net/http"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// maxBodyBytes bounds the bodies of routes that anybody may call.
const maxBodyBytes = 1 << 20

// Mount registers the routes on r, which is at /api/auth.
func (s *Service) Mount(r rest.Router) {
	body := rest.MaxBody(maxBodyBytes)

	admin := r.Group("/admin")
	admin.POST("/sessions", rest.Public, s.handleAdminSignIn, s.adminFailures.Middleware, body)
	admin.GET("/sessions/current", rest.JWT, s.handleAdminCurrent)
	admin.POST("/refresh", rest.Public, s.handleAdminRefresh, body)
	admin.POST("/logout", rest.Public, s.handleAdminLogout, body)
	admin.GET("/sessions", rest.Admin, s.handleListSessions(adminSessions))
	admin.DELETE("/sessions", rest.Admin, s.handleEndSessions(adminSessions))
	admin.DELETE("/sessions/:sessionId", rest.Admin, s.handleEndSession(adminSessions))

	r.GET("/public-config", rest.Public, s.handlePublicConfig)
	r.GET("/config", rest.Admin, s.handleConfig)
	r.PUT("/config", rest.Admin, s.handleConfigure, body)

	r.POST("/users", rest.User, s.handleSignUp, body, guard.SendRetryAfter)
	r.GET("/users", rest.Admin, s.handleListUsers)
	r.DELETE("/users", rest.Admin, s.handleDeleteUsers, body)
	r.GET("/users/:userId", rest.Admin, s.handleUser)
	r.GET("/users/:userId/sessions", rest.Admin, s.handleListSessions(sessionsOfUser))
	r.DELETE("/users/:userId/sessions", rest.Admin, s.handleEndSessions(sessionsOfUser))
	r.DELETE("/users/:userId/sessions/:sessionId", rest.Admin, s.handleEndSession(sessionsOfUser))

	r.POST("/sessions", rest.Public, s.handleSignIn, body, guard.SendRetryAfter)
	r.GET("/sessions/current", rest.JWT, s.handleCurrent)
	r.GET("/sessions", rest.JWT, s.handleListSessions(s.ownSessions))
	r.DELETE("/sessions", rest.JWT, s.handleEndSessions(s.ownSessions))
	r.DELETE("/sessions/:sessionId", rest.JWT, s.handleEndSession(s.ownSessions))
	r.POST("/refresh", rest.Public, s.handleRefresh, body)
	r.POST("/logout", rest.Public, s.handleLogout, body)

	mail := r.Group("/email")
	mail.POST("/send-otp", rest.Public, s.handleSendOTP, s.mailRequests.Middleware, body, guard.SendRetryAfter)
	mail.POST("/send-verification", rest.Public, s.handleRequest(verification(), "verification"), s.mailRequests.Middleware, body, guard.SendRetryAfter)
	mail.POST("/send-reset-password", rest.Public, s.handleRequest(passwordReset(), "password reset"), s.mailRequests.Middleware, body, guard.SendRetryAfter)
	mail.POST("/verify", rest.Public, s.handleVerify, s.codeFailures.Middleware, body, guard.SendRetryAfter)
	mail.GET("/verify-link", rest.Public, s.handleVerifyLink)
	mail.GET("/reset-password-link", rest.Public, s.handleResetLink)
	mail.POST("/exchange-reset-password-token", rest.Public, s.handleExchangeReset, s.codeFailures.Middleware, body, guard.SendRetryAfter)
	mail.POST("/reset-password", rest.Public, s.handleReset, s.codeFailures.Middleware, body, guard.SendRetryAfter)

	r.GET("/profiles/:userId", rest.Public, s.handleProfile)
	r.PATCH("/profiles/current", rest.JWT, s.handleUpdateProfile, body)

	r.POST("/tokens/anon", rest.Admin, s.handleAnonToken, body)

	s.mountOAuth(r)
	r.POST("/keys/jwt/rotate", rest.Admin, s.handleRotateKey, body)
}

// MountJWKS registers the public keys of access tokens on r, which is at /.
func (s *Service) MountJWKS(r rest.Router) {
	r.GET("/.well-known/jwks.json", rest.Public, s.handleJWKS)
	r.GET("/api/.well-known/jwks.json", rest.Public, s.handleJWKS)
}

// handleJWKS serves "GET /.well-known/jwks.json" and the same below /api.
func (s *Service) handleJWKS(c rest.Context) error {
	a, err := s.authority()
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

// handlePublicConfig serves "GET /api/auth/public-config".
func (s *Service) handlePublicConfig(c rest.Context) error {
	shown, err := s.Describe(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, shown.publicConfig)
}
