package federated

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/sessions"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// maxNonce bounds the nonce of an application.
const maxNonce = 255

// handleIDToken serves "POST /api/auth/id-token".
func (s *Service) handleIDToken(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	var signIn func(context.Context) (accounts.User, error)
	switch f.Tag("provider", string(oauth.Google), string(oauth.Apple)) {
	case string(oauth.Google):
		token := f.String("token", rest.MinLength(1))
		signIn = func(ctx context.Context) (accounts.User, error) { return s.signInWithGoogle(ctx, token) }
	case string(oauth.Apple):
		in := appleSignInOf(f)
		signIn = func(ctx context.Context) (accounts.User, error) { return s.signInWithApple(ctx, in) }
	default:
		if f.Err() == nil { // absent or null, which Tag lets pass
			f.Complain("provider", "Invalid discriminator value. Expected 'google' | 'apple'")
		}
	}
	if err := f.Err(); err != nil {
		return err
	}
	user, err := signIn(c.Request().Context())
	if err != nil {
		return err
	}
	g, err := s.sessions.Open(c.Request().Context(), sessions.ClientOf(c), user, "")
	if err != nil {
		return err
	}
	s.events.Publish(events.DataUpdate{Resource: events.Users})
	return c.JSON(http.StatusOK, s.sessions.HandOut(c, user, g))
}

// signInWithGoogle returns the user of an ID token that Google issued to the
// project's client.
//
// It returns 400 INVALID_INPUT for a token that is invalid or has no address,
// 502 UPSTREAM_FAILURE when Google's keys cannot be fetched, and what signInWith
// returns.
func (s *Service) signInWithGoogle(ctx context.Context, token string) (accounts.User, error) {
	bad := func(err error) error {
		return fault.Invalid("Invalid Google ID token").
			Next("Get a new token for the client id that is configured for Google.").Because(err)
	}
	c, err := s.configs.find(ctx, oauth.Google, withoutSecret)
	if fault.Is(err, fault.AuthOAuthConfigNotFound) || err == nil && (c.ClientID == nil || c.secretID == nil) {
		return accounts.User{}, fault.Invalid("Sign-in with Google is not configured").
			Next("Configure Google in the project's authentication settings.")
	}
	if err != nil {
		return accounts.User{}, err
	}
	claims, err := s.idTokenClaims(ctx, oauth.Google, token, oauth.Expected{Audiences: []string{*c.ClientID}}, bad)
	if err != nil {
		return accounts.User{}, err
	}
	if claims.Email == "" {
		return accounts.User{}, bad(errors.New("the token has no address"))
	}
	return s.signInWith(ctx, oauth.Google, claims.Account())
}

// idTokenClaims verifies a token of a provider; bad makes the answer to an
// invalid one.
func (s *Service) idTokenClaims(ctx context.Context, name oauth.Name, token string, want oauth.Expected, bad func(error) error) (oauth.Claims, error) {
	claims, err := s.configs.party.IDToken(ctx, s.configs.providers[name], token, want)
	if errors.Is(err, oauth.ErrUnavailable) {
		return claims, fault.New(http.StatusBadGateway, fault.UpstreamFailure, "The provider's keys could not be fetched").
			Next("Try again in a few seconds.").Because(err)
	}
	if err != nil {
		return claims, bad(err)
	}
	return claims, nil
}

// appleSignIn is what an application on an Apple device sends. nonce is the one
// that it generated; the token holds its digest.
type appleSignIn struct{ token, nonce, name string }

func appleSignInOf(f *rest.Fields) appleSignIn {
	in := appleSignIn{
		token: f.String("token", rest.MinLength(1)),
		nonce: f.String("nonce", rest.MaxLength(maxNonce), func(s string) string {
			if strings.TrimSpace(s) == "" {
				return "String must contain at least 1 character(s)"
			}
			return ""
		}),
	}
	if name := f.OptString("name", rest.NoNUL, rest.MaxLength(maxProviderName)); name != nil {
		in.name = strings.TrimSpace(*name)
	}
	f.Only("provider", "token", "nonce", "name")
	return in
}

// signInWithApple returns the user of an ID token that Apple issued to one of the
// project's applications.
//
// It returns 401 AUTH_UNAUTHORIZED for an invalid token, 400 INVALID_INPUT for a
// new user whose address Apple does not vouch for, 502 UPSTREAM_FAILURE when
// Apple's keys cannot be fetched, and what signInWith returns.
func (s *Service) signInWithApple(ctx context.Context, in appleSignIn) (accounts.User, error) {
	bad := func(err error) error {
		return guard.Unauthorized("Invalid Apple ID token").
			Next("Get a new token for a client id that is configured for Apple, with the SHA-256 of the nonce.").Because(err)
	}
	c, err := s.configs.find(ctx, oauth.Apple, withoutSecret)
	if fault.Is(err, fault.AuthOAuthConfigNotFound) {
		return accounts.User{}, bad(err)
	}
	if err != nil {
		return accounts.User{}, err
	}
	audiences := slices.Clone(c.NativeClientIDs)
	if c.ClientID != nil {
		audiences = append(audiences, *c.ClientID)
	}
	digest := sha256.Sum256([]byte(in.nonce))
	claims, err := s.idTokenClaims(ctx, oauth.Apple, in.token, oauth.Expected{Audiences: audiences, Nonce: hex.EncodeToString(digest[:])}, bad)
	if err != nil {
		return accounts.User{}, err
	}
	a := claims.Account()
	if !a.EmailVerified {
		a.Email = ""
	}
	local, _, _ := strings.Cut(a.Email, "@")
	a.Name = cmp.Or(in.name, local, "Apple User")
	return s.signInWith(ctx, oauth.Apple, a)
}
