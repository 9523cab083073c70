package auth

import (
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// jar is a cookie that holds refresh tokens.
type jar struct{ name, path string }

var (
	userJar  = jar{name: "insforge_refresh_token", path: "/api/auth"}
	adminJar = jar{name: "insforge_admin_refresh_token", path: "/api/auth/admin"}
)

// get returns the token that the request brought, or "".
func (j jar) get(c rest.Context) string {
	cookie, err := c.Request().Cookie(j.name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// set hands the token to the browser.
func (j jar) set(c rest.Context, token string, now time.Time) {
	cookie := j.cookie(token, now.Add(tokens.RefreshLifetime))
	cookie.MaxAge = int(tokens.RefreshLifetime.Seconds())
	http.SetCookie(c.Response(), cookie)
}

// clear makes the browser forget the token.
func (j jar) clear(c rest.Context) {
	http.SetCookie(c.Response(), j.cookie("", time.Unix(0, 0)))
}

// cookie is sent across sites, because an app's pages are rarely at the
// address of its backend; the CSRF token guards what it opens.
func (j jar) cookie(value string, expires time.Time) *http.Cookie {
	return &http.Cookie{
		Name:     j.name,
		Value:    value,
		Path:     j.path,
		Expires:  expires,
		HttpOnly: true,
		Secure:   true,
		SameSite: http.SameSiteNoneMode,
	}
}
