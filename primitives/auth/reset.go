package auth

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// exchangeResetCode returns the token that resetPassword takes, and until when
// it is good, for the code that was mailed to an address. It returns 400
// INVALID_INPUT for a code that is wrong or no longer good.
func (s *Service) exchangeResetCode(ctx context.Context, email, code string) (token string, expires time.Time, err error) {
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

// resetPassword replaces the password of the account that token was made for
// and ends all its sessions: whoever knew the old password is out, and so is,
// unless the address is verified, whoever got in by an account elsewhere. It
// does not mark the address as verified.
//
// It returns 400 INVALID_INPUT for a password that the settings do not allow,
// which leaves the token good, and for a token that is not.
func (s *Service) resetPassword(ctx context.Context, token, password string) error {
	settings, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	if err := settings.CheckPassword(password); err != nil {
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
		if err := detachUnvouched(ctx, tx, id); err != nil {
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
	return s.passwords.Hash(ctx, password)
}
