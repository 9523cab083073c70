package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/redirect"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const (
	// codeLifetime is how long an application may take to exchange its code.
	codeLifetime  = 5 * time.Minute
	codeBytes     = 32
	callbackLimit = 30 * time.Second // for all that is asked of a provider in one callback
	// forgetPatience bounds the deletion of codes.
	forgetPatience = 5 * time.Second
)

// oauthStart is what an application starts a sign-in with.
type oauthStart struct {
	redirectURI, challenge string
	// further are parameters for the provider.
	further map[string]string
}

// startOAuth returns the address to send the browser to.
//
// It returns 400 INVALID_INPUT for a redirect that is not allowed, 501
// AUTH_UNSUPPORTED_PROVIDER, 404 AUTH_OAUTH_CONFIG_NOT_FOUND for a custom
// provider that is not configured, and 500 AUTH_OAUTH_CONFIG_ERROR for a
// built-in one, or for one that cannot be asked.
func (s *Service) startOAuth(ctx context.Context, via signInVia, in oauthStart) (string, error) {
	if !via.custom {
		if _, ok := s.providers[via.name]; !ok {
			return "", fault.New(http.StatusNotImplemented, fault.AuthUnsupportedProvider, "Sign-in with "+string(via.name)+" is not supported").
				Next("Use another provider, or add it as a custom provider if it speaks OpenID Connect.")
		}
	}
	if err := s.checkOAuthRedirect(ctx, in.redirectURI); err != nil {
		return "", err
	}
	p, r, err := s.provider(ctx, via, withoutSecret)
	if err != nil {
		return "", err
	}
	attempt, err := s.states.begin(oauthState{
		Provider: via.name, Custom: via.custom, RedirectURI: in.redirectURI, Challenge: in.challenge,
	}, s.now())
	if err != nil {
		return "", err
	}
	address, err := s.party.AuthURL(p, r, attempt, in.further)
	if err != nil {
		return "", errOAuthConfig("Sign-in with " + p.Title + " is not completely configured").Because(err)
	}
	return address, nil
}

// checkOAuthRedirect returns 400 INVALID_INPUT unless the project sends
// browsers to target.
func (s *Service) checkOAuthRedirect(ctx context.Context, target string) error {
	if u, err := url.Parse(target); err != nil || u.User != nil || len(target) > redirect.MaxBytes || rest.URL(target) != "" {
		return fault.Invalid("redirect_uri: Invalid url").Next("Send the address of a page of the application.")
	}
	settings, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	if !redirect.Allowed(settings.AllowedRedirectURLs, target) {
		return fault.Invalid("redirect_uri is not an allowed redirect URL").
			Next("Add the URL to the allowed redirect URLs of the project.")
	}
	return nil
}

// provider returns the description of a configured provider and the project's
// registration there.
func (s *Service) provider(ctx context.Context, via signInVia, secret secrecy) (oauth.Provider, oauth.Registration, error) {
	if s.baseURL == "" {
		return oauth.Provider{}, oauth.Registration{}, errOAuthConfig("The address of this server is not known").
			Next("Set API_BASE_URL.")
	}
	r := oauth.Registration{CallbackURL: s.callbackURL(via)}
	if via.custom {
		return s.customProvider(ctx, via.name, r, secret)
	}
	p := s.providers[via.name]
	c, err := s.oauthConfig(ctx, via.name, secret)
	if fault.Is(err, fault.AuthOAuthConfigNotFound) || err == nil && (c.UseSharedKey || c.ClientID == nil || c.secretID == nil) {
		return p, r, errOAuthConfig("Sign-in with " + p.Title + " is not configured").Because(err)
	}
	if err != nil {
		return p, r, err
	}
	r.ClientID, r.ClientSecret, r.Scopes = *c.ClientID, c.ClientSecret, c.Scopes
	return p, r, nil
}

func (s *Service) customProvider(ctx context.Context, key oauth.Name, r oauth.Registration, secret secrecy) (oauth.Provider, oauth.Registration, error) {
	c, err := s.customOAuthConfig(ctx, key, secret)
	if err != nil {
		return oauth.Provider{}, r, err
	}
	p, err := s.party.Discover(ctx, key, c.Name, c.DiscoveryEndpoint)
	if err != nil {
		return p, r, errOAuthConfig("Sign-in with " + c.Name + " is not available").
			Next("Check the discovery endpoint of the provider; the log tells what is wrong.").Because(err)
	}
	r.ClientID, r.ClientSecret = c.ClientID, c.ClientSecret
	return p, r, nil
}

// callbackURL is the address that a provider sends browsers back to. It comes
// from the configuration alone: a request's Host header says what its sender
// wants.
func (s *Service) callbackURL(via signInVia) string {
	return s.baseURL + "/api/auth" + via.path() + "/callback"
}

func errOAuthConfig(message string) *fault.Error {
	return fault.New(http.StatusInternalServerError, fault.AuthOAuthConfigError, message).
		Next("Configure the provider in the project's authentication settings.")
}

// oauthReturn is what a provider sent the browser back with.
type oauthReturn struct {
	state    string
	callback oauth.Callback
	// refusal is the provider's error code, if it refused.
	refusal string
}

// finishOAuth returns the address of the application to send the browser to,
// with a code or an error.
//
// It returns 400 INVALID_INPUT for a state that is not one of this provider's,
// expired or used before, and for a redirect that is allowed no longer: then
// nobody has asked to be sent anywhere.
func (s *Service) finishOAuth(ctx context.Context, via signInVia, in oauthReturn) (string, error) {
	st, attempt, err := s.states.open(in.state, s.now())
	if err != nil || st.via() != via {
		return "", errBadState()
	}
	if err := s.checkOAuthRedirect(ctx, st.RedirectURI); err != nil {
		return "", err
	}
	if err := s.spendState(ctx, st); err != nil {
		return "", err
	}
	code, err := s.codeFor(ctx, via, st, attempt, in)
	if err != nil {
		reason, expected := publicReason(err)
		level := zerolog.WarnLevel
		if expected {
			level = zerolog.InfoLevel
		}
		s.log.WithLevel(level).Err(err).Str("provider", string(via.name)).Msg("auth: a sign-in at a provider failed")
		return redirect.WithParams(st.RedirectURI, "error", reason)
	}
	return redirect.WithParams(st.RedirectURI, "insforge_code", code)
}

func errBadState() *fault.Error {
	return fault.Invalid("Invalid or expired state").Next("Start the sign-in again.")
}

// codeFor asks the provider who signed in, finds or creates the user, and
// returns a code for the application.
func (s *Service) codeFor(ctx context.Context, via signInVia, st oauthState, a oauth.Attempt, in oauthReturn) (string, error) {
	if in.refusal != "" {
		return "", refusalOf(in.refusal)
	}
	ctx, cancel := context.WithTimeout(ctx, callbackLimit)
	defer cancel()
	p, r, err := s.provider(ctx, via, withSecret)
	if err != nil {
		return "", err
	}
	account, err := s.party.Account(ctx, p, r, a, in.callback)
	if err != nil {
		return "", err
	}
	user, err := s.signInWith(ctx, via.name, account)
	if err != nil {
		return "", err
	}
	return s.issueCode(ctx, user.ID, st.Challenge)
}

// refusalOf is the error for a provider's code. RFC 6749 §4.1.2.1.
func refusalOf(code string) *fault.Error {
	if code == "access_denied" || code == "user_cancelled_authorize" || code == "user_cancelled_login" {
		return fault.New(http.StatusForbidden, fault.Forbidden, "Access was denied")
	}
	return fault.New(http.StatusBadGateway, fault.UpstreamFailure, "Authentication failed").
		Because(errors.New("the provider answered with an error"))
}

// publicReason is what the application is told: refusals of ours, which are
// expected, as they are, anything else in general.
func publicReason(err error) (reason string, expected bool) {
	var f *fault.Error
	if errors.As(err, &f) && f.Status < http.StatusInternalServerError {
		return f.Message, true
	}
	return "Authentication failed", false
}

// spendState returns 400 INVALID_INPUT for a state that came back before.
func (s *Service) spendState(ctx context.Context, st oauthState) error {
	digest := sha256.Sum256(st.ID)
	return s.db.AsOwner(ctx, func(tx pg.Tx) error {
		first, err := insertSpentState(ctx, tx, digest[:], time.Unix(st.Expires, 0), s.now())
		if err == nil && !first {
			return errBadState()
		}
		return err
	})
}

// issueCode returns a code for a user's session, bound to a challenge. Only
// its digest is stored.
func (s *Service) issueCode(ctx context.Context, userID, challenge string) (string, error) {
	raw := make([]byte, codeBytes)
	rand.Read(raw) // never fails: crypto/rand aborts the process instead
	code := hex.EncodeToString(raw)
	digest := sha256.Sum256([]byte(code))
	err := s.db.AsOwner(ctx, func(tx pg.Tx) error {
		return insertCode(ctx, tx, digest[:], userID, challenge, s.now().Add(codeLifetime), s.now())
	})
	return code, err
}

// forgetCodes makes the codes of a user worthless. Only the owner may touch
// them, so they go after the transaction that they are forgotten for; where
// that fails, they still expire soon.
func (s *Service) forgetCodes(ctx context.Context, userID uuid.UUID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetPatience)
	defer cancel()
	err := s.db.AsOwner(ctx, func(tx pg.Tx) error { return deleteCodes(ctx, tx, userID) })
	if err != nil {
		s.log.Error().Err(err).Str("user", userID.String()).Msg("auth: codes of a sign-in could not be deleted; they are good for up to five minutes")
	}
}

// exchangeCode returns the user that a code stands for. Whoever presents a
// code burns it, also with a wrong verifier.
//
// It returns 400 INVALID_INPUT for a code that is unknown, expired or used,
// 400 AUTH_UNAUTHORIZED for a verifier that does not fit, and 404
// AUTH_USER_NOT_FOUND for a user who was deleted meanwhile.
func (s *Service) exchangeCode(ctx context.Context, code, verifier string) (User, error) {
	digest := sha256.Sum256([]byte(code))
	var found issuedCode
	err := s.db.AsOwner(ctx, func(tx pg.Tx) (err error) {
		found, err = takeCode(ctx, tx, digest[:])
		return err
	})
	if err != nil {
		return User{}, err
	}
	if found.userID == uuid.Nil || !s.now().Before(found.expires) {
		return User{}, fault.Invalid("Invalid or expired code").Next("Start the sign-in again.")
	}
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(challenge), []byte(found.challenge)) == 0 {
		return User{}, fault.New(http.StatusBadRequest, fault.AuthUnauthorized, "The code verifier does not fit the code challenge").
			Next("Start the sign-in again, and exchange the code where it was started.")
	}
	user, err := s.User(ctx, found.userID)
	if err != nil {
		return User{}, err
	}
	s.events.Publish(events.DataUpdate{Resource: events.Users})
	return user, nil
}
