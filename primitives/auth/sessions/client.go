package sessions

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// maxAgent bounds what is kept of a User-Agent, in bytes.
const maxAgent = 256

// ClientType says where a client keeps its refresh token.
type ClientType string

// The types of clients. A browser keeps the token in a cookie; any unknown type
// counts as one.
const (
	Web     ClientType = "web"
	Mobile  ClientType = "mobile"
	Desktop ClientType = "desktop"
	Server  ClientType = "server"
)

// Client is who asks for a session.
type Client struct {
	Type      ClientType
	UserAgent string
	Addr      netip.Addr
}

// ClientOf returns the client that sent a request.
func ClientOf(c rest.Context) Client {
	agent := strings.ToValidUTF8(c.Request().UserAgent(), "")
	if len(agent) > maxAgent {
		agent = strings.ToValidUTF8(agent[:maxAgent], "")
	}
	addr := identity.CallFrom(c.Request().Context()).ClientIP
	return Client{Type: clientTypeOf(c), UserAgent: agent, Addr: addr.Unmap().WithZone("")}
}

func clientTypeOf(c rest.Context) ClientType {
	switch t := ClientType(c.QueryParam("client_type")); t {
	case Mobile, Desktop, Server:
		return t
	}
	return Web
}

// address is nil when the address is unknown.
func (by Client) address() *string {
	if !by.Addr.IsValid() {
		return nil
	}
	text := by.Addr.String()
	return &text
}

// Answer is a session as clients get it: the refresh token is in the cookie or
// in the body, depending on the type of the client.
type Answer struct {
	User         accounts.User `json:"user"`
	AccessToken  string        `json:"accessToken"`
	CSRFToken    string        `json:"csrfToken,omitempty"`
	RefreshToken string        `json:"refreshToken,omitempty"`
}

// HandOut sets the cookie for a browser and returns the body of the answer.
func (s *Service) HandOut(c rest.Context, user accounts.User, g Grant) Answer {
	answer := Answer{User: user, AccessToken: g.access}
	if clientTypeOf(c) == Web {
		userJar.set(c, g.refresh, s.now())
		answer.CSRFToken = g.csrf
		return answer
	}
	answer.RefreshToken = g.refresh
	return answer
}

// jar is a cookie that holds refresh tokens.
type jar struct {
	name, path string
	audience   tokens.Audience
}

var (
	userJar  = jar{name: "insforge_refresh_token", path: "/api/auth", audience: tokens.ForUser}
	adminJar = jar{name: "insforge_admin_refresh_token", path: "/api/auth/admin", audience: tokens.ForAdmin}
)

// get returns the token in the cookie of the request, or "".
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

// cookie is sent across sites, because the pages of an app are rarely served
// from the address of its backend; the CSRF token protects what it opens.
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
