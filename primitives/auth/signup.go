package auth

import (
	"context"
	"net/http"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/sessions"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// registration is what a user signs up with.
type registration struct {
	// email is valid and in lower case.
	email, password string
	// name goes into the profile; empty for none.
	name string
	// redirectTo is where a verification link leads.
	redirectTo string
	// byAdmin is true when an administrator signs the user up.
	byAdmin bool
	// confirmed marks the address as verified; only administrators may.
	confirmed bool
}

type signUpAnswer struct {
	User                     *accounts.User `json:"user,omitempty"`
	AccessToken              *string        `json:"accessToken"`
	CSRFToken                string         `json:"csrfToken,omitempty"`
	RefreshToken             string         `json:"refreshToken,omitempty"`
	RequireEmailVerification bool           `json:"requireEmailVerification"`
}

// handleSignUp serves "POST /api/auth/users".
func (s *Service) handleSignUp(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	in, err := registrationOf(f, identity.From(ctx).IsAdmin())
	if err != nil {
		return err
	}
	made, verify, err := s.signUp(ctx, in)
	if err != nil {
		return err
	}
	if verify {
		return c.JSON(http.StatusOK, signUpAnswer{RequireEmailVerification: !made.EmailVerified})
	}
	if in.byAdmin { // the administrator gets a token for the user, but no session
		access, err := s.sessions.AccessOnly(made.User)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, signUpAnswer{User: &made.User, AccessToken: &access})
	}
	// With the hash: the owner of the address may have claimed the account in
	// the meantime.
	g, err := s.sessions.Open(ctx, sessions.ClientOf(c), made.User, made.Hash)
	if err != nil {
		return err
	}
	session := s.sessions.HandOut(c, made.User, g)
	return c.JSON(http.StatusOK, signUpAnswer{
		User:         &session.User,
		AccessToken:  &session.AccessToken,
		CSRFToken:    session.CSRFToken,
		RefreshToken: session.RefreshToken,
	})
}

// registrationOf reads the members that a sign-up may set and no others.
func registrationOf(f *rest.Fields, byAdmin bool) (registration, error) {
	in := registration{
		email:      accounts.EmailIn(f),
		password:   accounts.PasswordIn(f, "password"),
		name:       accounts.NameIn(f),
		redirectTo: accounts.RedirectIn(f),
		byAdmin:    byAdmin,
	}
	if confirm := f.OptBool("autoConfirm"); confirm != nil {
		in.confirmed = *confirm && byAdmin
	}
	return in, f.Err()
}

// signUp stores a new user. verify means that the address must be verified
// before the user may sign in.
//
// It returns 403 AUTH_SIGNUP_DISABLED to all but administrators, 400
// INVALID_INPUT for a password or a redirect that the settings do not allow, and
// 409 AUTH_EMAIL_EXISTS. When the verification mail cannot be sent it returns
// 500 AUTH_VERIFICATION_EMAIL_DELIVERY_FAILED, or 429 with that code, and the
// user is kept.
func (s *Service) signUp(ctx context.Context, in registration) (made accounts.Account, verify bool, err error) {
	settings, err := s.accounts.Settings(ctx)
	if err != nil {
		return accounts.Account{}, false, err
	}
	if err := in.check(settings); err != nil {
		return accounts.Account{}, false, err
	}
	if made.Hash, err = s.passwords.Hash(ctx, in.password); err != nil {
		return accounts.Account{}, false, err
	}
	profile := map[string]string{}
	if in.name != "" {
		profile["name"] = in.name
	}
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
		made.User, err = accounts.Insert(ctx, tx, accounts.NewUser{
			Email:    in.email,
			Hash:     made.Hash,
			Verified: in.confirmed,
			Profile:  profile,
		})
		return err
	})
	if err != nil {
		return accounts.Account{}, false, err
	}
	if settings.RequireEmailVerification && !in.byAdmin {
		if err := s.mailed.SendVerification(ctx, settings, in.email, in.redirectTo); err != nil {
			return accounts.Account{}, false, err
		}
	}
	s.events.Publish(events.DataUpdate{Resource: events.Users})
	return made, settings.RequireEmailVerification, nil
}

// check refuses a sign-up that the settings do not allow.
func (in registration) check(settings accounts.Settings) error {
	if settings.DisableSignup && !in.byAdmin {
		return accounts.ErrSignupDisabled()
	}
	if err := settings.CheckPassword(in.password); err != nil {
		return err
	}
	if settings.RequireEmailVerification && settings.VerifyEmailMethod == accounts.ByLink && !in.byAdmin {
		return settings.CheckRedirect(in.redirectTo)
	}
	return nil
}
