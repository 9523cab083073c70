package auth

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// RequestReset mails a code or a link, as the settings say, that lets whoever
// reads the mail choose a new password. The answer is the same when the
// address is nobody's; see post. It returns how the password is reset.
//
// It returns 400 INVALID_INPUT for a redirect that a link must not lead to,
// and 503 when no e-mail service is set up or too many mails are waiting.
func (s *Service) RequestReset(ctx context.Context, email, redirectTo string) (Method, error) {
	settings, err := s.Settings(ctx)
	if err != nil {
		return "", err
	}
	m := settings.ResetPasswordMethod
	if err := s.acceptsRequest(ctx, settings, m, redirectTo); err != nil {
		return "", err
	}
	fresh, err := s.issue(ctx, email, toReset, m, redirectTo)
	if err != nil {
		return "", err
	}
	return m, s.post(s.resetLetter(fresh))
}

func (s *Service) resetLetter(i issued) letter {
	if i.kind == hashToken {
		return i.letter(templateResetLink, "link", s.linkTo(resetLinkPath, i.secret))
	}
	return i.letter(templateResetCode, "token", i.text)
}

// ExchangeResetCode returns the token that ResetPassword takes, and until when
// it is good, for the code that was mailed to an address. It returns 400
// INVALID_INPUT for a code that is wrong or no longer good.
func (s *Service) ExchangeResetCode(ctx context.Context, email, code string) (token string, expires time.Time, err error) {
	tried, err := s.compare(ctx, email, toReset, code)
	if err != nil {
		return "", time.Time{}, err
	}
	now, fresh := s.now(), newToken()
	err = s.asProject(ctx, func(tx pg.Tx) error {
		if err := tried.redeem(ctx, tx, now); err != nil {
			return err
		}
		return storeSecret(ctx, tx, email, toReset, fresh, "", now)
	})
	if err != nil {
		return "", time.Time{}, err
	}
	return fresh.text, now.Add(fresh.life), nil
}

// ResetPassword replaces the password of the account that token was made for
// and ends all its sessions: whoever knew the old password is out. It does not
// mark the address as verified.
//
// It returns 400 INVALID_INPUT for a password that the settings do not allow,
// which leaves the token good, and for a token that is not.
func (s *Service) ResetPassword(ctx context.Context, token, password string) error {
	settings, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	if err := settings.checkPassword(password); err != nil {
		return err
	}
	hash, err := s.hashForToken(ctx, token, password)
	if err != nil {
		return err
	}
	return s.asProject(ctx, func(tx pg.Tx) error {
		email, err := redeemToken(ctx, tx, toReset, token, s.now())
		if err != nil {
			return err
		}
		id, err := lockAccount(ctx, tx, email)
		if err != nil {
			return err
		}
		if id == uuid.Nil {
			return fault.New(http.StatusInternalServerError, fault.InternalError, "User not found").
				Next("Sign up again: the account no longer exists.")
		}
		if err := setPassword(ctx, tx, id, hash); err != nil {
			return err
		}
		return s.revokeAll(ctx, tx, id)
	})
}

// hashForToken hashes a password for whoever has a good token: a hash is too
// dear to be had for the asking.
func (s *Service) hashForToken(ctx context.Context, token, password string) (string, error) {
	if !tokenDigits.MatchString(token) {
		return "", errToken()
	}
	err := s.asProject(ctx, func(tx pg.Tx) error {
		lives, err := tokenLives(ctx, tx, toReset, token, s.now())
		if err == nil && !lives {
			return errToken()
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return s.passwords.hash(ctx, password)
}
