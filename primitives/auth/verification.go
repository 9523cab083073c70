package auth

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// mailVerification sends the mail that ends a sign-up. It returns 500
// AUTH_VERIFICATION_EMAIL_DELIVERY_FAILED, or 429 with that code when the
// mail failed for being one too many.
func (s *Service) mailVerification(ctx context.Context, settings Settings, email, redirectTo string) error {
	err := s.mailable(ctx)
	if err == nil {
		var fresh issued
		if fresh, err = s.issue(ctx, email, toVerify, settings.VerifyEmailMethod, redirectTo); err == nil {
			err = s.send(ctx, s.letter(verification(), fresh))
		}
	}
	if err == nil {
		return nil
	}
	status := http.StatusInternalServerError
	var f *fault.Error
	if errors.As(err, &f) && f.Status == http.StatusTooManyRequests {
		status = f.Status
	}
	return fault.New(status, fault.AuthVerificationEmailDeliveryFailed,
		"The account was created, but the verification e-mail could not be sent").
		Next("Request the e-mail again with POST /api/auth/email/send-verification, or have an administrator look after the mail service.").
		Because(err)
}

// verifyByCode marks an address as verified for the code that was mailed to
// it, and opens a session.
//
// It returns 400 INVALID_INPUT for a code that is wrong or no longer good.
func (s *Service) verifyByCode(ctx context.Context, email, code string, by client) (user User, g grant, err error) {
	tried, err := s.compare(ctx, email, toVerify, code)
	if err != nil {
		return User{}, grant{}, err
	}
	return s.openAfter(ctx, by, func(tx pg.Tx) (User, error) {
		if err := tried.redeem(ctx, tx, s.now()); err != nil {
			return User{}, err
		}
		return verifyAddress(ctx, tx, email)
	})
}

// verifyAddress marks an address as verified. It returns 500 when its account
// is gone: the secret was right, so that nobody is to blame.
func verifyAddress(ctx context.Context, tx pg.Tx, email string) (User, error) {
	id, err := lockAccount(ctx, tx, email)
	if err != nil {
		return User{}, err
	}
	if id == uuid.Nil {
		return User{}, fault.New(http.StatusInternalServerError, fault.InternalError, "Failed to verify code").
			Next("Sign up again: the account no longer exists.")
	}
	if err := markVerified(ctx, tx, id); err != nil {
		return User{}, err
	}
	return findUser(ctx, tx, id)
}

// target returns where the link with a token leads, and whether it was used.
// It returns 400 INVALID_INPUT for a link that is none of the project's, or
// leads to where links may no longer lead.
func (s *Service) target(ctx context.Context, p purpose, token string) (l link, err error) {
	if !tokenDigits.MatchString(token) {
		return link{}, errToken()
	}
	err = s.asProject(ctx, func(tx pg.Tx) error {
		settings, err := loadSettings(ctx, tx)
		if err != nil {
			return err
		}
		if l, err = findLink(ctx, tx, p, token); err != nil {
			return err
		}
		return settings.checkRedirect(l.redirectTo)
	})
	return l, err
}

// verifyByLink marks the address as verified that a link with this token was
// mailed to. It returns 400 INVALID_INPUT when the link is used or expired.
func (s *Service) verifyByLink(ctx context.Context, token string) error {
	return s.asProject(ctx, func(tx pg.Tx) error {
		email, err := redeemToken(ctx, tx, toVerify, token, s.now())
		if err != nil {
			return err
		}
		_, err = verifyAddress(ctx, tx, email)
		return err
	})
}

// openAfter opens a session of the user that f returns, all in one
// transaction: what f used up is used up only if there is a session for it.
func (s *Service) openAfter(ctx context.Context, by client, f func(pg.Tx) (User, error)) (user User, g grant, err error) {
	var opened tokens.Session
	err = s.asProject(ctx, func(tx pg.Tx) (err error) {
		if user, err = f(tx); err != nil {
			return err
		}
		opened, err = s.openIn(ctx, tx, by, user)
		return err
	})
	if err != nil {
		return User{}, grant{}, err
	}
	g, err = s.grant(opened, user.Email)
	return user, g, err
}
