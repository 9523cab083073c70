package auth

import (
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const csrfHeader = "X-CSRF-Token"

// clientType says where a client keeps its refresh token.
type clientType string

const (
	// webClient keeps it in a cookie; any unknown type counts as web.
	webClient     clientType = "web"
	mobileClient  clientType = "mobile"
	desktopClient clientType = "desktop"
	serverClient  clientType = "server"
)

func clientTypeOf(c rest.Context) clientType {
	switch t := clientType(c.QueryParam("client_type")); t {
	case mobileClient, desktopClient, serverClient:
		return t
	}
	return webClient
}

// sessionAnswer is a session as clients get it: the refresh token is in the
// cookie or in the body, by the type of the client.
type sessionAnswer struct {
	User         User   `json:"user"`
	AccessToken  string `json:"accessToken"`
	CSRFToken    string `json:"csrfToken,omitempty"`
	RefreshToken string `json:"refreshToken,omitempty"`
}

// handOut sets the cookie where there is one and returns the body.
func (s *Service) handOut(c rest.Context, user User, g grant) sessionAnswer {
	answer := sessionAnswer{User: user, AccessToken: g.access}
	if clientTypeOf(c) == webClient {
		userJar.set(c, g.refresh, s.now())
		answer.CSRFToken = g.csrf
		return answer
	}
	answer.RefreshToken = g.refresh
	return answer
}

// passwordRules are those of every password that is sent. What a new one must
// contain is a matter of the settings. bcrypt ends a password at a NUL.
var passwordRules = []rest.StringRule{rest.NoNUL}

// handleCurrent serves "GET /api/auth/sessions/current".
func (s *Service) handleCurrent(c rest.Context) error {
	ctx := c.Request().Context()
	id, ok := userID(ctx)
	if !ok {
		return errNoUser()
	}
	user, err := s.signedIn(ctx, id)
	if fault.Is(err, fault.AuthUserNotFound) {
		return errNoUser()
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]User{"user": user})
}

// errNoUser is the answer to a good token that is no user's of the project.
func errNoUser() *fault.Error {
	return fault.New(http.StatusUnauthorized, fault.AuthInvalidCredentials, "The token does not belong to a user of this project").
		Next("Sign in as a user.")
}

// handleRefresh serves "POST /api/auth/refresh".
func (s *Service) handleRefresh(c rest.Context) error {
	if clientTypeOf(c) == webClient {
		return s.refreshFromCookie(c)
	}
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	name := "refreshToken"
	if !f.Has(name) && f.Has("refresh_token") {
		name = "refresh_token"
	}
	token := f.String(name, func(s string) string {
		if s == "" {
			return name + " is required"
		}
		return ""
	})
	if err := f.Err(); err != nil {
		return err
	}
	return s.refresh(c, token, false)
}

// refreshFromCookie clears a cookie that is good for nothing, but not the one
// of a session whose CSRF token was missing.
func (s *Service) refreshFromCookie(c rest.Context) error {
	err := s.refresh(c, userJar.get(c), true)
	if fault.Is(err, fault.AuthUnauthorized) {
		userJar.clear(c)
	}
	return err
}

func (s *Service) refresh(c rest.Context, token string, withCSRF bool) error {
	session, err := s.session(token, tokens.ForUser)
	if err != nil {
		return err
	}
	if withCSRF {
		if err := s.checkCSRF(session, c.Request().Header.Values(csrfHeader)); err != nil {
			return err
		}
	}
	user, g, err := s.renew(c, session)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s.handOut(c, user, g))
}

type logoutAnswer struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

var loggedOut = logoutAnswer{Success: true, Message: "Logged out successfully"}

// handleLogout serves "POST /api/auth/logout".
func (s *Service) handleLogout(c rest.Context) error {
	if clientTypeOf(c) != webClient {
		return s.logoutWithoutCookie(c)
	}
	return s.logout(c, userJar, tokens.ForUser)
}

// logout ends the session of the cookie and clears it. Ending a live session
// takes its CSRF token, so that no other site can sign a user out.
func (s *Service) logout(c rest.Context, j jar, audience tokens.Audience) error {
	session, err := s.session(j.get(c), audience)
	if err == nil {
		if err = s.checkCSRF(session, c.Request().Header.Values(csrfHeader)); err == nil {
			err = s.endSession(c.Request().Context(), session.ID)
		}
	}
	if err != nil && !fault.Is(err, fault.AuthUnauthorized) {
		return err
	}
	j.clear(c)
	return c.JSON(http.StatusOK, loggedOut)
}

// logoutWithoutCookie ends the session of the refresh token in the body, or
// else of the access token: other clients than browsers forget both
// themselves, and the SDK's sends the latter only. The answer is the same
// when there is nothing to end.
func (s *Service) logoutWithoutCookie(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	id := ""
	for _, name := range []string{"refreshToken", "refresh_token"} {
		if session, err := s.session(f.String(name), tokens.ForUser); err == nil {
			id = session.ID
		}
	}
	if token, ok := strings.CutPrefix(c.Request().Header.Get("Authorization"), "Bearer "); ok && id == "" {
		if p, err := s.AccessToken(ctx, token); err == nil && p.Kind == identity.User {
			id = p.Session
		}
	}
	if id != "" {
		if err := s.endSession(ctx, id); err != nil {
			return err
		}
	}
	return c.JSON(http.StatusOK, loggedOut)
}

type signUpAnswer struct {
	User                     *User   `json:"user,omitempty"`
	AccessToken              *string `json:"accessToken"`
	CSRFToken                string  `json:"csrfToken,omitempty"`
	RefreshToken             string  `json:"refreshToken,omitempty"`
	RequireEmailVerification bool    `json:"requireEmailVerification"`
}

// handleSignUp serves "POST /api/auth/users".
func (s *Service) handleSignUp(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	in, err := registrationOf(f)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	byAdmin := identity.From(ctx).IsAdmin()
	made, verify, err := s.signUp(ctx, in, byAdmin)
	if err != nil {
		return err
	}
	if verify {
		return c.JSON(http.StatusOK, signUpAnswer{RequireEmailVerification: !made.user.EmailVerified})
	}
	if byAdmin { // the administrator gets a token for the user, but no session
		access, err := s.accessOnly(made.user)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, signUpAnswer{User: &made.user, AccessToken: &access})
	}
	g, err := s.openWith(c, made.user, made.hash) // unless somebody proved meanwhile to own the address
	if err != nil {
		return err
	}
	session := s.handOut(c, made.user, g)
	return c.JSON(http.StatusOK, signUpAnswer{
		User:         &session.User,
		AccessToken:  &session.AccessToken,
		CSRFToken:    session.CSRFToken,
		RefreshToken: session.RefreshToken,
	})
}

// nameIn reads the name that a new user goes by; empty for none.
func nameIn(f *rest.Fields) string {
	if name := f.OptString("name", rest.NoNUL, rest.Trimmed(rest.MinLength(1), rest.MaxLength(100))); name != nil {
		return strings.TrimSpace(*name)
	}
	return ""
}

// registrationOf reads the members that a sign-up may set and no others.
func registrationOf(f *rest.Fields) (registration, error) {
	in := registration{
		email:      emailOf(f),
		password:   f.String("password", passwordRules...),
		name:       nameIn(f),
		redirectTo: redirectOf(f),
	}
	if confirm := f.OptBool("autoConfirm"); confirm != nil {
		in.autoConfirm = *confirm
	}
	return in, f.Err()
}
