package auth

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// grant is a session as it is handed out: both tokens, and the CSRF token for
// a client that keeps the refresh token in a cookie.
type grant struct{ access, refresh, csrf string }

// open starts a session of a user for the client that asks.
//
// It returns 401 AUTH_UNAUTHORIZED when the user was just deleted.
func (s *Service) open(c rest.Context, user User) (grant, error) {
	return s.openWith(c, user, "")
}

// openWith is open for a user who signed in with the password of this hash. It
// returns 401 AUTH_UNAUTHORIZED when the password has changed meanwhile.
func (s *Service) openWith(c rest.Context, user User, hash string) (grant, error) {
	return s.openSigned(c, user, hash, s.startSigning(user))
}

// openSigned is openWith for a session whose tokens are being signed.
func (s *Service) openSigned(c rest.Context, user User, hash string, signed signing) (grant, error) {
	by := clientOf(c)
	if err := s.store(c.Request().Context(), signed.session, by, hash); err != nil {
		return grant{}, err
	}
	s.throttle.Remember(guard.PairOf(user.Email, by.addr), time.Time(user.CreatedAt))
	return signed.wait()
}

// signing is a new session whose tokens are being signed. That takes longer
// than storing it, so it goes on beside what else there is to do.
type signing struct {
	session tokens.Session
	wait    func() (grant, error)
}

// startSigning begins a session of a user, or of nobody.
func (s *Service) startSigning(user User) signing {
	t := tokens.NewSession(cmp.Or(user.ID, uuid.Nil.String()), tokens.ForUser)
	var g grant
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		g, err = s.grant(t, user.Email)
	}()
	return signing{t, func() (grant, error) { <-done; return g, err }}
}

// store stores a session in one round trip. It waits for the disk: a session
// that was handed out outlives a crash.
func (s *Service) store(ctx context.Context, t tokens.Session, by client, hash string) error {
	var b pgx.Batch
	sql, args := userSession(t, hash, by, s.now())
	b.Queue(sql, args...).Exec(stored)
	return s.db.AsProjectAtOnce(ctx, &b)
}

// openIn is open within a transaction. The tokens are good from its commit on.
func (s *Service) openIn(ctx context.Context, tx pg.Tx, by client, user User) (tokens.Session, error) {
	tx.OnCommit(func() { s.throttle.Remember(guard.PairOf(user.Email, by.addr), time.Time(user.CreatedAt)) })
	t := tokens.NewSession(user.ID, tokens.ForUser)
	sql, args := userSession(t, "", by, s.now())
	tag, err := tx.Exec(ctx, sql, args...)
	if err != nil {
		return t, err
	}
	return t, stored(tag)
}

// accessOnly returns an access token without a session.
func (s *Service) accessOnly(user User) (string, error) {
	a, err := s.authority()
	if err != nil {
		return "", err
	}
	return a.Access(user.ID, user.Email, string(identity.RoleAuthenticated), "")
}

// session returns what a refresh token stands for, or 401 AUTH_UNAUTHORIZED.
// It does not ask whether the session still lives.
func (s *Service) session(token string, audience tokens.Audience) (tokens.Session, error) {
	a, err := s.authority()
	if err != nil {
		return tokens.Session{}, err
	}
	session, err := a.VerifyRefresh(token, audience)
	if errors.Is(err, tokens.ErrInvalid) {
		return tokens.Session{}, errSessionEnded()
	}
	return session, err
}

func errSessionEnded() *fault.Error {
	return fault.New(http.StatusUnauthorized, fault.AuthUnauthorized, "Invalid or expired refresh token").
		Next("Sign in again.")
}

// checkCSRF returns 403 FORBIDDEN unless presented, the values of the header,
// is exactly the session's CSRF token.
func (s *Service) checkCSRF(session tokens.Session, presented []string) error {
	a, err := s.authority()
	if err != nil {
		return err
	}
	if len(presented) != 1 || !a.CheckCSRF(session, presented[0]) {
		return fault.New(http.StatusForbidden, fault.Forbidden, "Invalid CSRF token").
			Next("Send the csrfToken of the session in the header X-CSRF-Token.")
	}
	return nil
}

// renew returns a user's session with the tokens that a refresh token is
// exchanged for, or 401 AUTH_UNAUTHORIZED when the session has ended.
func (s *Service) renew(c rest.Context, session tokens.Session) (user User, g grant, err error) {
	id, err := uuid.Parse(session.Subject)
	if err != nil {
		return User{}, grant{}, errSessionEnded()
	}
	ctx := c.Request().Context()
	err = s.asProject(ctx, func(tx pg.Tx) error {
		if session, err = s.exchange(ctx, tx, session, clientOf(c)); err != nil {
			return err
		}
		user, err = findUser(ctx, tx, id)
		return err
	})
	if fault.Is(err, fault.AuthUserNotFound) {
		return User{}, grant{}, errSessionEnded()
	}
	if err != nil {
		return User{}, grant{}, err
	}
	g, err = s.grant(session, user.Email)
	return user, g, err
}

// grant makes the tokens of a session that is stored. email is empty for administrators.
func (s *Service) grant(session tokens.Session, email string) (g grant, err error) {
	a, err := s.authority()
	if err != nil {
		return grant{}, err
	}
	role := identity.RoleAuthenticated
	if session.Audience == tokens.ForAdmin {
		role = identity.RoleProjectAdmin
	}
	if g.access, err = a.Access(session.Subject, email, string(role), session.ID); err != nil {
		return grant{}, err
	}
	if g.refresh, err = a.Refresh(session); err != nil {
		return grant{}, err
	}
	g.csrf = a.CSRF(session)
	return g, nil
}
