package mailed

import (
	"context"
	"errors"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/sessions"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// insertAttempts is how often to look for a user who keeps appearing and
// disappearing.
const insertAttempts = 5

// mailSignInCode mails a code to sign in with. It goes to any address: the
// account is created by the sign-in.
//
// It returns 503 EMAIL_PROVIDER_NOT_CONFIGURED, and the error of the Mailer when
// the mail cannot be sent.
func (s *Service) mailSignInCode(ctx context.Context, email string) error {
	if err := s.available(ctx); err != nil {
		return err
	}
	fresh, err := s.issue(ctx, email, toSignIn, accounts.ByCode, "")
	if err != nil {
		return err
	}
	return s.send(ctx, letter{templateSignIn, email, someone, map[string]string{"token": fresh.text}, fresh})
}

// signInByCode opens a session for the code that was mailed to an address. An
// address without an account gets one, with the name if there is one.
//
// It returns 400 INVALID_INPUT for a code that is wrong or no longer valid, and
// 403 AUTH_SIGNUP_DISABLED for an address without an account, which uses up the
// code.
func (s *Service) signInByCode(ctx context.Context, email, code, name string, by sessions.Client) (accounts.User, sessions.Grant, error) {
	tried, err := s.compare(ctx, email, toSignIn, code)
	if err != nil {
		return accounts.User{}, sessions.Grant{}, err
	}
	return s.sessions.OpenAfter(ctx, by, func(tx pg.Tx) (accounts.User, error) {
		if err := tried.redeem(ctx, tx, s.now()); err != nil {
			return accounts.User{}, err
		}
		h, err := s.holderOfAddress(ctx, tx, email, name)
		if err != nil {
			return accounts.User{}, err
		}
		if err := s.sessions.ClaimAddress(ctx, tx, h); err != nil {
			return accounts.User{}, err
		}
		if err := accounts.AddMailedCodes(ctx, tx, h.ID, email); err != nil {
			return accounts.User{}, err
		}
		return accounts.Find(ctx, tx, h.ID)
	})
}

// holderOfAddress returns the user with an address, or a new one.
func (s *Service) holderOfAddress(ctx context.Context, tx pg.Tx, email, name string) (accounts.Holder, error) {
	for range insertAttempts { // another request may store the user first
		h, ok, err := accounts.LockOldest(ctx, tx, email)
		if err != nil || ok {
			return h, err
		}
		settings, err := accounts.LoadSettings(ctx, tx)
		if err != nil {
			return accounts.Holder{}, err
		}
		if settings.DisableSignup {
			return accounts.Holder{}, pg.Persist(accounts.ErrSignupDisabled())
		}
		profile := map[string]string{}
		if name != "" {
			profile["name"] = name
		}
		if h, ok, err = accounts.InsertHolder(ctx, tx, email, true, profile); err != nil {
			return accounts.Holder{}, err
		}
		if ok {
			tx.OnCommit(func() { s.events.Publish(events.DataUpdate{Resource: events.Users}) })
			return h, nil
		}
	}
	return accounts.Holder{}, errors.New("the user with the address keeps appearing and disappearing")
}
