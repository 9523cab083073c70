package auth

import (
	"context"

	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// mailSignInCode mails a code to sign in with. It goes to any address: the
// account is made when somebody signs in.
//
// It returns 503 EMAIL_PROVIDER_NOT_CONFIGURED, and what Mailer says when the
// mail cannot be sent.
func (s *Service) mailSignInCode(ctx context.Context, email string) error {
	if err := s.mailable(ctx); err != nil {
		return err
	}
	fresh, err := s.issue(ctx, email, toSignIn, ByCode, "")
	if err != nil {
		return err
	}
	return s.send(ctx, letter{templateSignIn, email, someone, map[string]string{"token": fresh.text}, fresh})
}

// signInByCode opens a session for the code that was mailed to an address. An
// address that is nobody's gets an account, with the name if there is one.
//
// It returns 400 INVALID_INPUT for a code that is wrong or no longer good, and
// 403 AUTH_SIGNUP_DISABLED for nobody's address, which uses up the code.
func (s *Service) signInByCode(ctx context.Context, email, code, name string, by client) (User, grant, error) {
	tried, err := s.compare(ctx, email, toSignIn, code)
	if err != nil {
		return User{}, grant{}, err
	}
	return s.openAfter(ctx, by, func(tx pg.Tx) (User, error) {
		if err := tried.redeem(ctx, tx, s.now()); err != nil {
			return User{}, err
		}
		h, err := s.holderOfAddress(ctx, tx, email, name)
		if err != nil {
			return User{}, err
		}
		if err := s.claimAddress(ctx, tx, h); err != nil {
			return User{}, err
		}
		if err := noteCodes(ctx, tx, h.id, email); err != nil {
			return User{}, err
		}
		return findUser(ctx, tx, h.id)
	})
}

// holderOfAddress returns the user whose address it is, who may just have been
// stored by somebody else, or a new one.
func (s *Service) holderOfAddress(ctx context.Context, tx pg.Tx, email, name string) (holder, error) {
	for range linkAttempts {
		h, ok, err := holderByEmail(ctx, tx, email)
		if err != nil || ok {
			return h, err
		}
		settings, err := loadSettings(ctx, tx)
		if err != nil {
			return holder{}, err
		}
		if settings.DisableSignup {
			return holder{}, pg.Persist(errSignupDisabled())
		}
		profile := map[string]string{}
		if name != "" {
			profile["name"] = name
		}
		if h, ok, err = insertHolder(ctx, tx, email, true, profile); err != nil {
			return holder{}, err
		}
		if ok {
			tx.OnCommit(func() { s.events.Publish(events.DataUpdate{Resource: events.Users}) })
			return h, nil
		}
	}
	return holder{}, errOvertaken
}

// claimAddress hands an account to who just proved to own its address, if
// nobody had before. Somebody else may have made it, to share it later: the
// ways in that are there go, and so do all sessions.
func (s *Service) claimAddress(ctx context.Context, tx pg.Tx, h holder) error {
	if h.verified {
		return nil
	}
	if err := disown(ctx, tx, h.id); err != nil {
		return err
	}
	if err := markVerified(ctx, tx, h.id); err != nil {
		return err
	}
	return s.revokeAll(ctx, tx, h.id)
}
