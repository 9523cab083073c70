package federated

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/redirect"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// callbackLimit bounds everything that is asked of a provider in one callback.
const callbackLimit = 30 * time.Second

// startInput is what an application starts a sign-in with.
type startInput struct {
	redirectURI, challenge string
	// further are parameters for the provider.
	further map[string]string
}

// start returns the address to send the browser to.
//
// It returns 400 INVALID_INPUT for a redirect that is not allowed, 501
// AUTH_UNSUPPORTED_PROVIDER, 404 AUTH_OAUTH_CONFIG_NOT_FOUND for a custom
// provider that is not configured, and 500 AUTH_OAUTH_CONFIG_ERROR for a
// built-in one that is not, or for a provider that cannot be reached.
func (s *Service) start(ctx context.Context, via providerRef, in startInput) (string, error) {
	if !via.custom {
		if _, ok := s.configs.providers[via.name]; !ok {
			return "", fault.New(http.StatusNotImplemented, fault.AuthUnsupportedProvider, "Sign-in with "+string(via.name)+" is not supported").
				Next("Use another provider, or add it as a custom provider if it speaks OpenID Connect.")
		}
	}
	if err := s.checkRedirect(ctx, in.redirectURI); err != nil {
		return "", err
	}
	p, r, err := s.configs.provider(ctx, via, withoutSecret)
	if err != nil {
		return "", err
	}
	attempt, err := s.states.begin(state{
		Provider: via.name, Custom: via.custom, RedirectURI: in.redirectURI, Challenge: in.challenge,
	}, s.now())
	if err != nil {
		return "", err
	}
	address, err := s.configs.party.AuthURL(p, r, attempt, in.further)
	if err != nil {
		return "", errConfig("Sign-in with " + p.Title + " is not completely configured").Because(err)
	}
	return address, nil
}

// checkRedirect returns 400 INVALID_INPUT unless the project allows browsers to
// be sent to target.
func (s *Service) checkRedirect(ctx context.Context, target string) error {
	if u, err := url.Parse(target); err != nil || u.User != nil || len(target) > redirect.MaxBytes || rest.URL(target) != "" {
		return fault.Invalid("redirect_uri: Invalid url").Next("Send the address of a page of the application.")
	}
	settings, err := s.accounts.Settings(ctx)
	if err != nil {
		return err
	}
	if !redirect.Allowed(settings.AllowedRedirectURLs, target) {
		return fault.Invalid("redirect_uri is not an allowed redirect URL").
			Next("Add the URL to the allowed redirect URLs of the project.")
	}
	return nil
}

// callbackInput is what a provider sent the browser back with.
type callbackInput struct {
	state    string
	callback oauth.Callback
	// refusal is the provider's error code; empty unless it refused.
	refusal string
}

// finish returns the address of the application to send the browser to,
// with a code or an error.
//
// It returns 400 INVALID_INPUT for a state that was issued for another provider,
// has expired or was used before, and for a redirect that is no longer allowed:
// then there is no page of the application to report to.
func (s *Service) finish(ctx context.Context, via providerRef, in callbackInput) (string, error) {
	st, attempt, err := s.states.open(in.state, s.now())
	if err != nil || st.via() != via {
		return "", errBadState()
	}
	if err := s.checkRedirect(ctx, st.RedirectURI); err != nil {
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
		s.log.WithLevel(level).Err(err).Str("provider", string(via.name)).Msg("auth: a sign-in with a provider failed")
		return redirect.WithParams(st.RedirectURI, "error", reason)
	}
	return redirect.WithParams(st.RedirectURI, "insforge_code", code)
}

func errBadState() *fault.Error {
	return fault.Invalid("Invalid or expired state").Next("Start the sign-in again.")
}

// codeFor asks the provider who signed in, finds or creates the user, and
// returns a code for the application.
func (s *Service) codeFor(ctx context.Context, via providerRef, st state, a oauth.Attempt, in callbackInput) (string, error) {
	if in.refusal != "" {
		return "", refusalOf(in.refusal)
	}
	ctx, cancel := context.WithTimeout(ctx, callbackLimit)
	defer cancel()
	p, r, err := s.configs.provider(ctx, via, withSecret)
	if err != nil {
		return "", err
	}
	account, err := s.configs.party.Account(ctx, p, r, a, in.callback)
	if err != nil {
		return "", err
	}
	user, err := s.signInWith(ctx, via.name, account)
	if err != nil {
		return "", err
	}
	return s.sessions.IssueCode(ctx, user.ID, st.Challenge)
}

// refusalOf returns the error for a provider's error code. RFC 6749 §4.1.2.1.
func refusalOf(code string) *fault.Error {
	if code == "access_denied" || code == "user_cancelled_authorize" || code == "user_cancelled_login" {
		return fault.New(http.StatusForbidden, fault.Forbidden, "Access was denied")
	}
	return fault.New(http.StatusBadGateway, fault.UpstreamFailure, "Authentication failed").
		Because(errors.New("the provider answered with an error"))
}

// publicReason returns what the application may know of a failure: our own
// refusals, which are expected, in full, and anything else in general.
func publicReason(err error) (reason string, expected bool) {
	var f *fault.Error
	if errors.As(err, &f) && f.Status < http.StatusInternalServerError {
		return f.Message, true
	}
	return "Authentication failed", false
}

// spendState uses a state up, or returns 400 INVALID_INPUT when it was used
// before.
func (s *Service) spendState(ctx context.Context, st state) error {
	digest := sha256.Sum256(st.ID)
	return s.db.AsOwner(ctx, func(tx pg.Tx) error {
		first, err := insertSpentState(ctx, tx, digest[:], time.Unix(st.Expires, 0), s.now())
		if err == nil && !first {
			return errBadState()
		}
		return err
	})
}

// exchangeCode returns the user that a code stands for.
//
// It returns what sessions.RedeemCode returns, and 404 AUTH_USER_NOT_FOUND for a
// user who was deleted in the meantime.
func (s *Service) exchangeCode(ctx context.Context, code, verifier string) (accounts.User, error) {
	id, err := s.sessions.RedeemCode(ctx, code, verifier)
	if err != nil {
		return accounts.User{}, err
	}
	user, err := s.accounts.User(ctx, id)
	if err != nil {
		return accounts.User{}, err
	}
	s.events.Publish(events.DataUpdate{Resource: events.Users})
	return user, nil
}
