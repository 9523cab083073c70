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

func (a *administrators) handOut(c rest.Context, g Grant) error {
	adminJar.set(c, g.refresh, a.sessions.now())
	return c.JSON(http.StatusOK, adminAnswer{
		Admin:       adminInfo{Subject: adminLabel + a.username},
		AccessToken: g.access,
		CSRFToken:   g.csrf,
	})
}

// handleSignIn serves "POST /api/auth/admin/sessions".
func (a *administrators) handleSignIn(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	username := f.String("username", rest.Trimmed(rest.MinLength(1), rest.MaxLength(100)))
	password := f.String("password")
	if err := f.Err(); err != nil {
		return err
	}
	g, err := a.signIn(c.Request().Context(), ClientOf(c), username, password)
	if err != nil {
		return err
	}
	return a.handOut(c, g)
}

// handleCurrent serves "GET /api/auth/admin/sessions/current".
func (a *administrators) handleCurrent(c rest.Context) error {
	p := identity.From(c.Request().Context())
	if !p.IsAdmin() {
		return fault.New(http.StatusForbidden, fault.AuthUnauthorized, "Admin access required").
			Next("Sign in as an administrator.")
	}
	if err := a.checkSession(c.Request().Context()); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]adminInfo{"admin": {Subject: p.Subject}})
}

// handleRefresh serves "POST /api/auth/admin/refresh". It clears a cookie
// that is void.
func (a *administrators) handleRefresh(c rest.Context) error {
	g, err := a.refresh(c)
	if fault.Is(err, fault.AuthUnauthorized) {
		adminJar.clear(c)
	}
	if err != nil {
		return err
	}
	return a.handOut(c, g)
}

func (a *administrators) refresh(c rest.Context) (Grant, error) {
	session, err := a.sessions.fromCookie(c, adminJar)
	if err != nil {
		return Grant{}, err
	}
	return a.renew(c.Request().Context(), ClientOf(c), session)
}

// handleLogout serves "POST /api/auth/admin/logout".
func (a *administrators) handleLogout(c rest.Context) error {
	return a.sessions.logout(c, adminJar)
}
