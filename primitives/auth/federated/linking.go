package federated

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// linkAttempts is how often a sign-in is tried when another one interferes.
const linkAttempts = 5

// errOvertaken means that another sign-in stored the user or the link first.
var errOvertaken = errors.New("overtaken by another sign-in")

// signInWith returns the user who signs in with an account at a provider: the
// one who did so before, else the one whose address the provider vouches for,
// else a new one.
//
// The server that this one replaces linked by address alone and took every
// address as verified, so writing an address into a profile somewhere was enough
// to take over the account of its owner. Here the provider must have verified
// the address, placeholder addresses link nothing, and a user whose address was
// never verified is linked without the ways to sign in that others may have
// added.
//
// It returns 403 AUTH_SIGNUP_DISABLED, 409 AUTH_EMAIL_EXISTS when an address is
// taken and the provider does not vouch for it, 403 FORBIDDEN when the project
// requires a verified address and this one is not, and 400 INVALID_INPUT for a
// new user without an address.
func (s *Service) signInWith(ctx context.Context, provider oauth.Name, a oauth.Account) (user accounts.User, err error) {
	for range linkAttempts {
		err = s.db.AsProject(ctx, func(tx pg.Tx) error {
			user, err = s.findOrCreate(ctx, tx, provider, a)
			return err
		})
		if !errors.Is(err, errOvertaken) {
			return user, err
		}
	}
	return accounts.User{}, err
}

func (s *Service) findOrCreate(ctx context.Context, tx pg.Tx, provider oauth.Name, a oauth.Account) (accounts.User, error) {
	settings, err := accounts.LoadSettings(ctx, tx)
	if err != nil {
		return accounts.User{}, err
	}
	if rest.Email(a.Email) != "" || oauth.IsPlaceholder(a.Email) {
		a.Email, a.EmailVerified = "", false
	}
	h, err := s.holderOf(ctx, tx, provider, a, settings)
	if err != nil {
		return accounts.User{}, err
	}
	if settings.RequireEmailVerification && !h.Verified {
		return accounts.User{}, fault.New(http.StatusForbidden, fault.Forbidden, "Email verification required").
			Next("Verify the address with the provider, or sign in with e-mail.")
	}
	return accounts.Find(ctx, tx, h.ID)
}

// holderOf returns the user of an account at a provider, which it links or
// creates if necessary.
func (s *Service) holderOf(ctx context.Context, tx pg.Tx, provider oauth.Name, a oauth.Account, settings accounts.Settings) (accounts.Holder, error) {
	h, ok, err := accounts.LockByLink(ctx, tx, string(provider), a.ID)
	if err != nil {
		return accounts.Holder{}, err
	}
	if ok {
		return s.meetAgain(ctx, tx, provider, a, h)
	}
	if a.Email != "" {
		if h, ok, err = accounts.LockOldest(ctx, tx, a.Email); err != nil {
			return accounts.Holder{}, err
		}
	}
	if !ok {
		return s.create(ctx, tx, provider, a, settings)
	}
	return s.link(ctx, tx, provider, a, h)
}

// meetAgain refreshes what is stored about a linked account. Its user becomes
// verified when the provider vouches for exactly the user's address.
func (s *Service) meetAgain(ctx context.Context, tx pg.Tx, provider oauth.Name, a oauth.Account, h accounts.Holder) (accounts.Holder, error) {
	l, err := linkTo(provider, a)
	if err != nil {
		return accounts.Holder{}, err
	}
	if err := accounts.RefreshLink(ctx, tx, l); err != nil {
		return accounts.Holder{}, err
	}
	if !h.Verified && a.EmailVerified && a.Email == strings.ToLower(h.Email) {
		h.Verified = true
		return h, accounts.MarkVerified(ctx, tx, h.ID)
	}
	return h, nil
}

// link adds an account to the user whose address the provider vouches for. A
// user who never proved to own the address may have registered it first in order
// to share the account later: ClaimAddress removes the password, the other
// accounts and the sessions.
func (s *Service) link(ctx context.Context, tx pg.Tx, provider oauth.Name, a oauth.Account, h accounts.Holder) (accounts.Holder, error) {
	if !a.EmailVerified {
		return accounts.Holder{}, fault.New(http.StatusConflict, fault.AuthEmailExists,
			"An account with this e-mail address exists, and the provider has not verified that the address is yours").
			Next("Verify the address with the provider, or sign in as you did before.")
	}
	if err := s.sessions.ClaimAddress(ctx, tx, h); err != nil {
		return accounts.Holder{}, err
	}
	h.Verified = true
	return h, attach(ctx, tx, provider, a, h)
}

func attach(ctx context.Context, tx pg.Tx, provider oauth.Name, a oauth.Account, h accounts.Holder) error {
	l, err := linkTo(provider, a)
	if err != nil {
		return err
	}
	added, err := accounts.AddLink(ctx, tx, h.ID, l)
	if err == nil && !added {
		return errOvertaken
	}
	return err
}

// create stores a new user. A placeholder address counts as verified: there is
// nothing to verify, and it receives no mail.
func (s *Service) create(ctx context.Context, tx pg.Tx, provider oauth.Name, a oauth.Account, settings accounts.Settings) (accounts.Holder, error) {
	if settings.DisableSignup {
		return accounts.Holder{}, accounts.ErrSignupDisabled()
	}
	addresses, verified := []string{a.Email}, a.EmailVerified
	if a.Email == "" {
		addresses, verified = a.Placeholders, true
	}
	if len(addresses) == 0 {
		return accounts.Holder{}, fault.Invalid("The provider returned no usable e-mail address").
			Next("Let the provider share the address, and verify it there.")
	}
	profile := map[string]string{"name": accountName(a, addresses[0]), "avatar_url": a.AvatarURL}
	for _, address := range addresses {
		h, ok, err := accounts.InsertHolder(ctx, tx, address, verified, profile)
		if err != nil {
			return accounts.Holder{}, err
		}
		if ok {
			return h, attach(ctx, tx, provider, a, h)
		}
	}
	if a.Email == "" {
		return accounts.Holder{}, fault.New(http.StatusConflict, fault.AuthEmailExists, "The placeholder addresses for this account are taken").
			Next("Let the provider share an e-mail address.")
	}
	return accounts.Holder{}, errOvertaken
}

// accountName is the name that a new user starts with: the one at the provider,
// or else the part of the address before the @.
func accountName(a oauth.Account, address string) string {
	local, _, _ := strings.Cut(address, "@")
	return cmp.Or(a.Name, local)
}

// linkTo returns what is stored about an account at a provider. The provider's
// tokens are not stored: nothing needs them once the account is known.
func linkTo(provider oauth.Name, a oauth.Account) (accounts.Link, error) {
	data, err := json.Marshal(map[string]any{
		"id": a.ID, "email": a.Email, "email_verified": a.EmailVerified,
		"name": a.Name, "username": a.Username, "avatar_url": a.AvatarURL,
	})
	return accounts.Link{Provider: string(provider), AccountID: a.ID, Data: data}, err
}
