package mailed

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// exchangeResetCode exchanges the code that was mailed to an address for the
// token that resetPassword takes, and returns when that expires. It returns 400
// INVALID_INPUT for a code that is wrong or no longer valid.
func (s *Service) exchangeResetCode(ctx context.Context, email, code string) (token string, expires time.Time, err error) {
	tried, err := s.compare(ctx, email, toReset, code)
	if err != nil {
		return "", time.Time{}, err
	}
	now, fresh := s.now(), newToken()
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
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
// and ends all its sessions, so that a person who knew the old password is out.
// Unless the address is verified, accounts at providers are unlinked too. The
// address is not marked as verified.
//
// It returns 400 INVALID_INPUT for a password that the settings do not allow,
// which leaves the token valid, and for a token that is not valid.
func (s *Service) resetPassword(ctx context.Context, token, password string) error {
	settings, err := s.accounts.Settings(ctx)
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
	return s.db.AsProject(ctx, func(tx pg.Tx) error {
		email, err := redeemToken(ctx, tx, toReset, token, s.now())
		if err != nil {
			return err
		}
		id, err := accounts.LockByAddress(ctx, tx, email)
		if err != nil {
			return err
		}
		if id == uuid.Nil {
			return fault.New(http.StatusInternalServerError, fault.InternalError, "User not found").
				Next("Sign up again: the account no longer exists.")
		}
		if err := accounts.SetPassword(ctx, tx, id, hash); err != nil {
			return err
		}
		if err := accounts.RemoveUnverifiedLinks(ctx, tx, id); err != nil {
			return err
		}
		return s.sessions.RevokeAll(ctx, tx, id)
	})
}

// hashForToken hashes a password if the token is valid: hashing is too expensive
// to do for anyone who asks.
func (s *Service) hashForToken(ctx context.Context, token, password string) (string, error) {
	if !tokenDigits.MatchString(token) {
		return "", errToken()
	}
	err := s.db.AsProject(ctx, func(tx pg.Tx) error {
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
