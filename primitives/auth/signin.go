package auth

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/sessions"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// handleSignIn serves "POST /api/auth/sessions".
func (s *Service) handleSignIn(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	if f.Tag("method", "password", "otp") == "otp" {
		return s.mailed.SignIn(f)(c)
	}
	email := f.String("email", rest.Email)
	password := accounts.PasswordIn(f, "password")
	if err := f.Err(); err != nil {
		return err
	}
	user, g, err := s.signIn(c.Request().Context(), sessions.ClientOf(c), strings.ToLower(email), password)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s.sessions.HandOut(c, user, g))
}

// signIn opens a session of the user with this address, in lower case, and
// password. It takes two round trips to Postgres: the account, and the session.
//
// It returns 401 AUTH_UNAUTHORIZED, after the same time, for an unknown address,
// an account without password and a wrong password; 403 FORBIDDEN for the right
// password while the address must be verified and is not; 429 TOO_MANY_REQUESTS
// to a client that has failed too often, see guard.Throttle; and 503
// TOO_MANY_REQUESTS when too many are waiting.
func (s *Service) signIn(ctx context.Context, by sessions.Client, email, password string) (accounts.User, sessions.Grant, error) {
	settings, found, err := s.accounts.ByAddress(ctx, email)
	if err != nil {
		return accounts.User{}, sessions.Grant{}, err
	}
	chance, err := s.takeChance(ctx, by, email, found.User)
	if err != nil {
		return accounts.User{}, sessions.Grant{}, err
	}
	// Tokens are signed for a wrong password and an unknown address too, so that
	// all take the same time. Those are never handed out.
	var signed sessions.Signing
	ok, err := s.passwords.Matches(ctx, found.Hash, password, func() { signed = s.sessions.StartSigning(found.User) })
	s.throttle.Settle(chance, !ok && err == nil) // a password that was not compared is not wrong
	switch {
	case err != nil:
		return accounts.User{}, sessions.Grant{}, err
	case !ok:
		return accounts.User{}, sessions.Grant{}, guard.Unauthorized("Invalid credentials").
			Next("Check the e-mail address and the password.")
	case settings.RequireEmailVerification && !found.EmailVerified:
		return accounts.User{}, sessions.Grant{}, fault.New(http.StatusForbidden, fault.Forbidden, "Email verification required").
			Next("Open the verification e-mail, or request a new one with POST /api/auth/email/send-verification.")
	}
	g, err := s.sessions.OpenSigned(ctx, by, found.User, found.Hash, signed)
	return found.User, g, err
}

// takeChance takes a chance to try a password for an address, which must be
// settled, or returns 429 TOO_MANY_REQUESTS. user is zero when the address has
// no account. After a restart, a live session shows that a client is known.
func (s *Service) takeChance(ctx context.Context, by sessions.Client, email string, user accounts.User) (guard.Chance, error) {
	pair := guard.PairOf(email, by.Addr)
	taken, wait, err := s.throttle.Take(ctx, pair)
	if err != nil || wait == 0 {
		return taken, err
	}
	id, _ := uuid.Parse(user.ID) // zero for no user
	known, err := s.sessions.HasFrom(ctx, id, pair.Client)
	if err != nil {
		return guard.Chance{}, err
	}
	if known {
		s.throttle.Remember(pair, time.Time{})
		if taken, wait, err = s.throttle.Take(ctx, pair); err != nil || wait == 0 {
			return taken, err
		}
	}
	after := guard.RetryAfter(wait)
	return guard.Chance{}, fault.New(http.StatusTooManyRequests, fault.TooManyRequests, "Too many failed sign-ins").
		Next(fmt.Sprintf("Try again in %d seconds, or reset the password.", after.Seconds())).Because(after)
}
