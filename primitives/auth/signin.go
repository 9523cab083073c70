package auth

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// handleSignIn serves "POST /api/auth/sessions".
func (s *Service) handleSignIn(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	if f.Tag("method", "password", "otp") == "otp" {
		return s.codeFailures.Middleware(s.handleSignInByCode(f))(c)
	}
	email := f.String("email", rest.Email)
	password := f.String("password", passwordRules...)
	if err := f.Err(); err != nil {
		return err
	}
	found, signed, err := s.signIn(c.Request().Context(), strings.ToLower(email), password)
	if err != nil {
		return err
	}
	g, err := s.openSigned(c, found.user, found.hash, signed)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s.handOut(c, found.user, g))
}

// signIn returns the account with this address and password, and the tokens of
// a session for it, which is not stored yet. email is in lower case.
//
// It returns 401 AUTH_UNAUTHORIZED after the same time for an unknown address,
// an account without password and a wrong password, 403 FORBIDDEN for the
// right password while the address must be verified and is not, and 429
// TOO_MANY_REQUESTS to a client that has failed too often (see throttle).
func (s *Service) signIn(ctx context.Context, email, password string) (found account, signed signing, err error) {
	settings, found, err := s.accountWith(ctx, email)
	if err != nil {
		return account{}, signing{}, err
	}
	id, _ := uuid.Parse(found.user.ID) // zero where nobody was found
	taken, err := s.tryPassword(ctx, email, id)
	if err != nil {
		return account{}, signing{}, err
	}
	// Nobody sees the tokens of a wrong password; they are signed for nobody's
	// as well, so that all take the same.
	ok, err := s.passwords.Matches(ctx, found.hash, password, func() { signed = s.startSigning(found.user) })
	s.throttle.Settle(taken, !ok && err == nil) // not looked at is not wrong
	if err != nil {
		return account{}, signing{}, err
	}
	if !ok {
		return account{}, signing{}, guard.Unauthorized("Invalid credentials").Next("Check the e-mail address and the password.")
	}
	if settings.RequireEmailVerification && !found.user.EmailVerified {
		return account{}, signing{}, fault.New(http.StatusForbidden, fault.Forbidden, "Email verification required").
			Next("Open the verification e-mail, or request a new one with POST /api/auth/email/send-verification.")
	}
	return found, signed, nil
}

// tryPassword takes a chance to try a password for an account, which must be
// settled, or returns 429 TOO_MANY_REQUESTS. id is the user's, zero for none:
// after a restart, a live session shows that the client is known.
func (s *Service) tryPassword(ctx context.Context, email string, id uuid.UUID) (guard.Chance, error) {
	pair := guard.PairOf(email, identity.CallFrom(ctx).ClientIP)
	taken, wait, err := s.throttle.Take(ctx, pair)
	if err != nil || wait == 0 {
		return taken, err
	}
	var known bool
	err = s.asProject(ctx, func(tx pg.Tx) (err error) {
		known, err = hasSessionFrom(ctx, tx, id, pair.Client, s.now())
		return err
	})
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
