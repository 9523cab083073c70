package sessions

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// Grant is a session to hand out: both tokens, and the CSRF token for a client
// that keeps the refresh token in a cookie.
type Grant struct{ access, refresh, csrf string }

// Open starts a session of a user. hash is that of the password that the user
// signed in with; empty for another way to sign in.
//
// It returns 401 AUTH_UNAUTHORIZED when the user was deleted or the password
// changed in the meantime.
func (s *Service) Open(ctx context.Context, by Client, user accounts.User, hash string) (Grant, error) {
	return s.OpenSigned(ctx, by, user, hash, s.StartSigning(user))
}

// OpenSigned is Open for a session whose tokens are being signed already.
func (s *Service) OpenSigned(ctx context.Context, by Client, user accounts.User, hash string, signed Signing) (Grant, error) {
	if err := s.store(ctx, signed.session, by, hash); err != nil {
		return Grant{}, err
	}
	s.throttle.Remember(guard.PairOf(user.Email, by.Addr), time.Time(user.CreatedAt))
	return signed.wait()
}

// Signing is a new session whose tokens are being signed. That takes longer
// than storing it, so it runs alongside other work.
type Signing struct {
	session tokens.Session
	wait    func() (Grant, error)
}

// StartSigning begins a session of a user, or of no one when user is zero.
func (s *Service) StartSigning(user accounts.User) Signing {
	t := tokens.NewSession(cmp.Or(user.ID, uuid.Nil.String()), tokens.ForUser)
	var g Grant
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		g, err = s.grant(t, user.Email)
	}()
	return Signing{t, func() (Grant, error) { <-done; return g, err }}
}

// store stores a session in one round trip. It waits for the disk: a session
// that was handed out survives a crash.
func (s *Service) store(ctx context.Context, t tokens.Session, by Client, hash string) error {
	var b pgx.Batch
	sql, args := userSession(t, hash, by, s.now())
	b.Queue(sql, args...).Exec(stored)
	return s.db.AsProjectAtOnce(ctx, &b)
}

// OpenAfter opens a session of the user that f returns, all in one transaction:
// what f uses up is used up only if a session is opened.
func (s *Service) OpenAfter(ctx context.Context, by Client, f func(pg.Tx) (accounts.User, error)) (user accounts.User, g Grant, err error) {
	var opened tokens.Session
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
		if user, err = f(tx); err != nil {
			return err
		}
		tx.OnCommit(func() { s.throttle.Remember(guard.PairOf(user.Email, by.Addr), time.Time(user.CreatedAt)) })
		opened = tokens.NewSession(user.ID, tokens.ForUser)
		sql, args := userSession(opened, "", by, s.now())
		tag, err := tx.Exec(ctx, sql, args...)
		if err != nil {
			return err
		}
		return stored(tag)
	})
	if err != nil {
		return accounts.User{}, Grant{}, err
	}
	g, err = s.grant(opened, user.Email)
	return user, g, err
}

// AccessOnly returns an access token without a session.
func (s *Service) AccessOnly(user accounts.User) (string, error) {
	a, err := s.credentials.Authority()
	if err != nil {
		return "", err
	}
	return a.Access(user.ID, user.Email, string(identity.RoleAuthenticated), "")
}

// session returns what a refresh token stands for, or 401 AUTH_UNAUTHORIZED. It
// does not check whether the session has ended.
func (s *Service) session(token string, audience tokens.Audience) (tokens.Session, error) {
	a, err := s.credentials.Authority()
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
	a, err := s.credentials.Authority()
	if err != nil {
		return err
	}
	if len(presented) != 1 || !a.CheckCSRF(session, presented[0]) {
		return fault.New(http.StatusForbidden, fault.Forbidden, "Invalid CSRF token").
			Next("Send the csrfToken of the session in the header X-CSRF-Token.")
	}
	return nil
}

// renew exchanges the refresh token of a user's session, or returns 401
// AUTH_UNAUTHORIZED when the session has ended.
func (s *Service) renew(ctx context.Context, by Client, session tokens.Session) (user accounts.User, g Grant, err error) {
	id, err := uuid.Parse(session.Subject)
	if err != nil {
		return accounts.User{}, Grant{}, errSessionEnded()
	}
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
		if session, err = s.exchange(ctx, tx, session, by, nil); err != nil {
			return err
		}
		user, err = accounts.Find(ctx, tx, id)
		return err
	})
	if fault.Is(err, fault.AuthUserNotFound) {
		return accounts.User{}, Grant{}, errSessionEnded()
	}
	if err != nil {
		return accounts.User{}, Grant{}, err
	}
	g, err = s.grant(session, user.Email)
	return user, g, err
}

// grant makes the tokens of a stored session. email is empty for
// administrators.
func (s *Service) grant(session tokens.Session, email string) (g Grant, err error) {
	a, err := s.credentials.Authority()
	if err != nil {
		return Grant{}, err
	}
	role := identity.RoleAuthenticated
	if session.Audience == tokens.ForAdmin {
		role = identity.RoleProjectAdmin
	}
	if g.access, err = a.Access(session.Subject, email, string(role), session.ID); err != nil {
		return Grant{}, err
	}
	if g.refresh, err = a.Refresh(session); err != nil {
		return Grant{}, err
	}
	g.csrf = a.CSRF(session)
	return g, nil
}
