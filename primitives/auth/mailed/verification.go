package mailed

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/sessions"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// SendVerification sends the verification mail of a sign-up and waits for the
// outcome. It returns 500 AUTH_VERIFICATION_EMAIL_DELIVERY_FAILED, or 429 with
// that code when the address got too many mails.
func (s *Service) SendVerification(ctx context.Context, settings accounts.Settings, email, redirectTo string) error {
	err := s.available(ctx)
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
		Next("Request the e-mail again with POST /api/auth/email/send-verification, or have an administrator check the mail service.").
		Because(err)
}

// verifyByCode marks an address as verified for the code that was mailed to
// it, and opens a session.
//
// It returns 400 INVALID_INPUT for a code that is wrong or no longer valid.
func (s *Service) verifyByCode(ctx context.Context, email, code string, by sessions.Client) (user accounts.User, g sessions.Grant, err error) {
	tried, err := s.compare(ctx, email, toVerify, code)
	if err != nil {
		return accounts.User{}, sessions.Grant{}, err
	}
	return s.sessions.OpenAfter(ctx, by, func(tx pg.Tx) (accounts.User, error) {
		if err := tried.redeem(ctx, tx, s.now()); err != nil {
			return accounts.User{}, err
		}
		return verifyAddress(ctx, tx, email)
	})
}

// verifyAddress marks an address as verified. It returns 500 when its account is
// gone: the secret was right, so the caller made no mistake.
func verifyAddress(ctx context.Context, tx pg.Tx, email string) (accounts.User, error) {
	id, err := accounts.LockByAddress(ctx, tx, email)
	if err != nil {
		return accounts.User{}, err
	}
	if id == uuid.Nil {
		return accounts.User{}, fault.New(http.StatusInternalServerError, fault.InternalError, "Failed to verify code").
			Next("Sign up again: the account no longer exists.")
	}
	if err := accounts.MarkVerified(ctx, tx, id); err != nil {
		return accounts.User{}, err
	}
	return accounts.Find(ctx, tx, id)
}

// target returns where the link with a token leads, and whether it was used. It
// returns 400 INVALID_INPUT for a link that the project did not mail, or one
// whose target is no longer allowed.
func (s *Service) target(ctx context.Context, p purpose, token string) (l link, err error) {
	if !tokenDigits.MatchString(token) {
		return link{}, errToken()
	}
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
		settings, err := accounts.LoadSettings(ctx, tx)
		if err != nil {
			return err
		}
		if l, err = findLink(ctx, tx, p, token); err != nil {
			return err
		}
		return settings.CheckRedirect(l.redirectTo)
	})
	return l, err
}

// verifyByLink marks the address that a link with this token was mailed to as
// verified. It returns 400 INVALID_INPUT when the link was used or has expired.
func (s *Service) verifyByLink(ctx context.Context, token string) error {
	return s.db.AsProject(ctx, func(tx pg.Tx) error {
		email, err := redeemToken(ctx, tx, toVerify, token, s.now())
		if err != nil {
			return err
		}
		_, err = verifyAddress(ctx, tx, email)
		return err
	})
}
