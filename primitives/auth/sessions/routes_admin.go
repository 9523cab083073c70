package sessions

import (
	"net/http"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

type adminInfo struct {
	Subject string `json:"sub"`
}

// adminAnswer is an administrator's session. Its refresh token is always in
// the cookie.
type adminAnswer struct {
	Admin       adminInfo `json:"admin"`
	AccessToken string    `json:"accessToken"`
	CSRFToken   string    `json:"csrfToken"`
}

func (s *Service) handOutAdmin(c rest.Context, g Grant) error {
	adminJar.set(c, g.refresh, s.now())
	return c.JSON(http.StatusOK, adminAnswer{
		Admin:       adminInfo{Subject: adminLabel + s.adminUsername},
		AccessToken: g.access,
		CSRFToken:   g.csrf,
	})
}

// handleAdminSignIn serves "POST /api/auth/admin/sessions".
func (s *Service) handleAdminSignIn(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	username := f.String("username", rest.Trimmed(rest.MinLength(1), rest.MaxLength(100)))
	password := f.String("password")
	if err := f.Err(); err != nil {
		return err
	}
	g, err := s.signInAdmin(c.Request().Context(), ClientOf(c), username, password)
	if err != nil {
		return err
	}
	return s.handOutAdmin(c, g)
}

// handleAdminCurrent serves "GET /api/auth/admin/sessions/current".
func (s *Service) handleAdminCurrent(c rest.Context) error {
	p := identity.From(c.Request().Context())
	if !p.IsAdmin() {
		return fault.New(http.StatusForbidden, fault.AuthUnauthorized, "Admin access required").
			Next("Sign in as an administrator.")
	}
	if err := s.checkAdminSession(c.Request().Context()); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]adminInfo{"admin": {Subject: p.Subject}})
}

// handleAdminRefresh serves "POST /api/auth/admin/refresh". It clears a cookie
// that is void.
func (s *Service) handleAdminRefresh(c rest.Context) error {
	g, err := s.refreshAdmin(c)
	if fault.Is(err, fault.AuthUnauthorized) {
		adminJar.clear(c)
	}
	if err != nil {
		return err
	}
	return s.handOutAdmin(c, g)
}

func (s *Service) refreshAdmin(c rest.Context) (Grant, error) {
	session, err := s.fromCookie(c, adminJar)
	if err != nil {
		return Grant{}, err
	}
	return s.renewAdmin(c.Request().Context(), ClientOf(c), session)
}

// handleAdminLogout serves "POST /api/auth/admin/logout".
func (s *Service) handleAdminLogout(c rest.Context) error {
	return s.logout(c, adminJar)
}
