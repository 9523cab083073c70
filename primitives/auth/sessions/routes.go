package sessions

import (
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const csrfHeader = "X-CSRF-Token"

// Mount registers the routes on r, which is at /api/auth.
func (s *Service) Mount(r rest.Router) {
	body := rest.MaxBody(guard.MaxBodyBytes)

	r.GET("/sessions/current", rest.JWT, s.handleCurrent)
	r.GET("/sessions", rest.JWT, s.handleListSessions(s.ownSessions))
	r.DELETE("/sessions", rest.JWT, s.handleEndSessions(s.ownSessions))
	r.DELETE("/sessions/:sessionId", rest.JWT, s.handleEndSession(s.ownSessions))
	r.POST("/refresh", rest.Public, s.handleRefresh, body)
	r.POST("/logout", rest.Public, s.handleLogout, body)

	r.GET("/users/:userId/sessions", rest.Admin, s.handleListSessions(sessionsOfUser))
	r.DELETE("/users/:userId/sessions", rest.Admin, s.handleEndSessions(sessionsOfUser))
	r.DELETE("/users/:userId/sessions/:sessionId", rest.Admin, s.handleEndSession(sessionsOfUser))

	r.POST("/admin/sessions", rest.Public, s.admins.handleSignIn, s.admins.failures.Middleware, body)
	r.GET("/admin/sessions/current", rest.JWT, s.admins.handleCurrent)
	r.POST("/admin/refresh", rest.Public, s.admins.handleRefresh, body)
	r.POST("/admin/logout", rest.Public, s.admins.handleLogout, body)
	r.GET("/admin/sessions", rest.Admin, s.handleListSessions(adminSessions))
	r.DELETE("/admin/sessions", rest.Admin, s.handleEndSessions(adminSessions))
	r.DELETE("/admin/sessions/:sessionId", rest.Admin, s.handleEndSession(adminSessions))
}

// handleCurrent serves "GET /api/auth/sessions/current".
func (s *Service) handleCurrent(c rest.Context) error {
	ctx := c.Request().Context()
	id, ok := accounts.CallerID(ctx)
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
	return c.JSON(http.StatusOK, struct {
		User accounts.User `json:"user"`
	}{user})
}

// errNoUser is the answer to a valid token that does not belong to a user of the
// project.
func errNoUser() *fault.Error {
	return fault.New(http.StatusUnauthorized, fault.AuthInvalidCredentials, "The token does not belong to a user of this project").
		Next("Sign in as a user.")
}

// handleRefresh serves "POST /api/auth/refresh".
func (s *Service) handleRefresh(c rest.Context) error {
	if clientTypeOf(c) == Web {
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
	session, err := s.session(token, tokens.ForUser)
	if err != nil {
		return err
	}
	return s.refresh(c, session)
}

// refreshFromCookie clears a cookie that is void, but keeps that of a session
// whose CSRF token is missing.
func (s *Service) refreshFromCookie(c rest.Context) error {
	session, err := s.fromCookie(c, userJar)
	if err == nil {
		err = s.refresh(c, session)
	}
	if fault.Is(err, fault.AuthUnauthorized) {
		userJar.clear(c)
	}
	return err
}

func (s *Service) refresh(c rest.Context, session tokens.Session) error {
	user, g, err := s.renew(c.Request().Context(), ClientOf(c), session)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s.HandOut(c, user, g))
}

// fromCookie returns the session of a cookie whose CSRF token the request has.
// It returns 401 AUTH_UNAUTHORIZED without a valid refresh token, and 403
// FORBIDDEN without the CSRF token.
func (s *Service) fromCookie(c rest.Context, j jar) (tokens.Session, error) {
	token := j.get(c)
	if token == "" {
		return tokens.Session{}, fault.New(http.StatusUnauthorized, fault.AuthUnauthorized, "No refresh token provided").
			Next("Sign in first; send the cookie of the session with the request.")
	}
	session, err := s.session(token, j.audience)
	if err != nil {
		return tokens.Session{}, err
	}
	return session, s.checkCSRF(session, c.Request().Header.Values(csrfHeader))
}

type logoutAnswer struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

var loggedOut = logoutAnswer{Success: true, Message: "Logged out successfully"}

// handleLogout serves "POST /api/auth/logout".
func (s *Service) handleLogout(c rest.Context) error {
	if clientTypeOf(c) != Web {
		return s.logoutWithoutCookie(c)
	}
	return s.logout(c, userJar)
}

// logout ends the session of the cookie and clears the cookie. Ending a live
// session takes its CSRF token, so that no other site can sign a user out.
func (s *Service) logout(c rest.Context, j jar) error {
	session, err := s.fromCookie(c, j)
	if err == nil {
		err = s.endSession(c.Request().Context(), session.ID)
	}
	if err != nil && !fault.Is(err, fault.AuthUnauthorized) {
		return err
	}
	j.clear(c)
	return c.JSON(http.StatusOK, loggedOut)
}

// logoutWithoutCookie ends the session of the refresh token in the body, or
// else that of the access token: clients other than browsers forget both
// themselves, and the SDK sends only the latter. The answer is the same when
// there is nothing to end.
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

// ownSessions makes a route about the caller. It returns 401
// AUTH_INVALID_CREDENTIALS for a caller who is not a user of the project, and
// 401 AUTH_UNAUTHORIZED when the caller's session has ended.
func (s *Service) ownSessions(c rest.Context) (owner, error) {
	ctx := c.Request().Context()
	id, ok := accounts.CallerID(ctx)
	if !ok {
		return owner{}, errNoUser()
	}
	_, err := s.signedIn(ctx, id)
	if fault.Is(err, fault.AuthUserNotFound) {
		return owner{}, errNoUser()
	}
	return owner{id}, err
}

// sessionsOfUser makes a route about the user in its path, or returns 400
// INVALID_INPUT.
func sessionsOfUser(c rest.Context) (owner, error) {
	id, err := accounts.UserIDParam(c)
	return owner{id}, err
}

// adminSessions makes a route about administrators.
func adminSessions(rest.Context) (owner, error) { return owner{}, nil }

type sessionList struct {
	Data  []Session `json:"data"`
	Count int       `json:"count"`
}

// handleListSessions serves "GET /api/auth/sessions" and its siblings for
// administrators.
func (s *Service) handleListSessions(of func(rest.Context) (owner, error)) rest.Handler {
	return func(c rest.Context) error {
		o, err := of(c)
		if err != nil {
			return err
		}
		found, err := s.sessionsOf(c.Request().Context(), o)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, sessionList{Data: found, Count: len(found)})
	}
}

type revoked struct {
	Message string `json:"message"`
	Count   int    `json:"revokedCount"`
}

// handleEndSession serves "DELETE /api/auth/sessions/:sessionId" and its
// siblings for administrators. For a session that is over or belongs to someone
// else, the answer is a count of zero.
func (s *Service) handleEndSession(of func(rest.Context) (owner, error)) rest.Handler {
	return func(c rest.Context) error {
		o, err := of(c)
		if err != nil {
			return err
		}
		text := rest.Param(c, "sessionId")
		if complaint := rest.UUID(text); complaint != "" {
			return fault.Invalid("sessionId: " + complaint).Next("Use the id of a session, a UUID.")
		}
		id, err := uuid.Parse(text)
		if err != nil {
			return err
		}
		n, err := s.endSessions(c.Request().Context(), o, id.String(), "")
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, revoked{Message: "Session revoked", Count: n})
	}
}

// handleEndSessions serves "DELETE /api/auth/sessions" and its siblings for
// administrators. The session that makes the request stays.
func (s *Service) handleEndSessions(of func(rest.Context) (owner, error)) rest.Handler {
	return func(c rest.Context) error {
		o, err := of(c)
		if err != nil {
			return err
		}
		ctx := c.Request().Context()
		n, err := s.endSessions(ctx, o, "", identity.From(ctx).Session)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, revoked{Message: "Sessions revoked", Count: n})
	}
}
