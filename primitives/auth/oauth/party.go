package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/insforge/insforge-go/primitives/kernel/recent"
)

// documentsKept bounds the cached discovery documents, and the cached key sets,
// in two generations each.
const documentsKept = 64

// Config is what a RelyingParty needs.
type Config struct {
	// AllowPrivate lets addresses that come from configurations lead into
	// private networks, and to the loopback interface without TLS.
	AllowPrivate bool
	Now          func() time.Time // time.Now outside tests
}

// RelyingParty talks to providers. It is safe for concurrent use.
type RelyingParty struct {
	allowPrivate bool
	fixed        outbound
	guarded      outbound
	documents    *recent.Map[string, *memo[Provider]]
	keys         *recent.Map[string, *memo[jose.JSONWebKeySet]]
	now          func() time.Time
}

// New returns a RelyingParty. It makes no calls.
func New(c Config) (*RelyingParty, error) {
	if c.Now == nil {
		return nil, errors.New("oauth: no clock")
	}
	return &RelyingParty{
		allowPrivate: c.AllowPrivate,
		fixed:        newOutbound(false, c.AllowPrivate),
		guarded:      newOutbound(true, c.AllowPrivate),
		documents:    recent.New[string, *memo[Provider]](documentsKept),
		keys:         recent.New[string, *memo[jose.JSONWebKeySet]](documentsKept),
		now:          c.Now,
	}, nil
}

// outbound returns the clients for the addresses of p.
func (rp *RelyingParty) outbound(p Provider) outbound {
	if p.guarded {
		return rp.guarded
	}
	return rp.fixed
}

// Registration is the project's registration as a client of a provider.
type Registration struct {
	ClientID     string
	ClientSecret string
	// Scopes are requested; empty for the defaults of the provider.
	Scopes []string
	// CallbackURL is where the provider sends browsers back to.
	CallbackURL string
}

// Attempt is a sign-in in progress. All three values are unguessable; the browser
// never sees Verifier.
type Attempt struct{ State, Nonce, Verifier string }

// Callback is what a provider sent the browser back with.
type Callback struct {
	Code string
	// Issuer is the parameter iss; empty when it was absent. RFC 9207.
	Issuer string
	// User is the form field of that name, in which Apple sends the user's name,
	// the first time only.
	User string
}

// reserved are the parameters of an authorization request that only the
// server sets: with request and request_uri all others could be replaced
// (RFC 9101).
var reserved = []string{
	"client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "request", "request_uri", "registration", "code", "code_verifier",
}

// AuthURL returns the address to send a browser to. Parameters in further are
// passed on unless the server sets them itself.
func (rp *RelyingParty) AuthURL(p Provider, r Registration, a Attempt, further map[string]string) (string, error) {
	config, err := rp.config(p, r)
	if err != nil {
		return "", err
	}
	var options []oauth2.AuthCodeOption
	for _, name := range slices.Sorted(maps.Keys(further)) {
		if _, set := p.params[name]; !set && !slices.Contains(reserved, strings.ToLower(name)) {
			options = append(options, oauth2.SetAuthURLParam(name, further[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.params)) {
		options = append(options, oauth2.SetAuthURLParam(name, p.params[name]))
	}
	if p.nonce {
		options = append(options, oauth2.SetAuthURLParam("nonce", a.Nonce))
	}
	if p.pkce {
		options = append(options, oauth2.S256ChallengeOption(a.Verifier))
	}
	return config.AuthCodeURL(a.State, options...), nil
}

// config is the registration in the form of the library, without the secret.
func (rp *RelyingParty) config(p Provider, r Registration) (*oauth2.Config, error) {
	if r.ClientID == "" || r.CallbackURL == "" {
		return nil, fmt.Errorf("%s: no client id or no callback address", p.Name)
	}
	scopes := r.Scopes
	if len(scopes) == 0 {
		scopes = p.scopes
	}
	if len(scopes) == 0 {
		scopes = p.Name.DefaultScopes()
	}
	if p.scopeSeparator != "" { // the library joins with spaces
		scopes = []string{strings.Join(scopes, p.scopeSeparator)}
	}
	return &oauth2.Config{
		ClientID:    r.ClientID,
		Endpoint:    oauth2.Endpoint{AuthURL: p.Authorize, TokenURL: p.Token, AuthStyle: p.authStyle},
		RedirectURL: r.CallbackURL,
		Scopes:      scopes,
	}, nil
}

// Account exchanges the code of a callback and returns who signed in.
//
// The error is for the log: it contains nothing that a provider sent except short
// codes, and no secrets.
func (rp *RelyingParty) Account(ctx context.Context, p Provider, r Registration, a Attempt, cb Callback) (Account, error) {
	if err := p.checkIssuer(cb.Issuer); err != nil {
		return Account{}, err
	}
	config, err := rp.config(p, r)
	if err != nil {
		return Account{}, err
	}
	config.ClientSecret = r.ClientSecret
	if p.secret != nil {
		if config.ClientSecret, err = p.secret(rp, p, r); err != nil {
			return Account{}, err
		}
	}
	var options []oauth2.AuthCodeOption
	if p.pkce {
		options = append(options, oauth2.VerifierOption(a.Verifier))
	}
	calls := rp.outbound(p).calls
	token, err := config.Exchange(context.WithValue(ctx, oauth2.HTTPClient, calls), cb.Code, options...)
	if err != nil {
		return Account{}, fmt.Errorf("%s: exchange the code: %w", p.Name, exchangeError(err))
	}
	account, err := p.read(ctx, session{rp: rp, p: p, r: r, a: a, cb: cb, calls: calls, token: token})
	if err != nil {
		return Account{}, fmt.Errorf("%s: read the account: %w", p.Name, err)
	}
	if account.ID == "" || len(account.ID) > maxIDBytes {
		return Account{}, fmt.Errorf("%s: the account has no usable id", p.Name)
	}
	return account.tidy(), nil
}

// checkIssuer refuses a callback from another provider (mix-up). RFC 9207 §2.4.
func (p Provider) checkIssuer(iss string) error {
	switch {
	case iss == "" && p.requiresIssuer:
		return fmt.Errorf("%s: the callback does not name its issuer", p.Name)
	case iss != "" && p.Issuer != "" && subtle.ConstantTimeCompare([]byte(iss), []byte(p.Issuer)) == 0:
		return fmt.Errorf("%s: the callback is from another issuer", p.Name)
	}
	return nil
}

// exchangeError keeps only the code of a refusal: the answer may contain tokens.
func exchangeError(err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return err
	}
	status := "no status"
	if refused.Response != nil {
		status = refused.Response.Status
	}
	if !isCode(refused.ErrorCode) {
		return fmt.Errorf("answered %s", status)
	}
	return fmt.Errorf("answered %s %s", status, refused.ErrorCode)
}

// isCode reports whether text looks like an error code of RFC 6749 §5.2.
func isCode(text string) bool {
	return text != "" && len(text) <= 64 && !strings.ContainsFunc(text, func(r rune) bool {
		return r != '_' && r != '-' && (r < 'a' || r > 'z')
	})
}

// session is one exchanged code, while its account is read.
type session struct {
	rp    *RelyingParty
	p     Provider
	r     Registration
	a     Attempt
	cb    Callback
	calls *http.Client
	token *oauth2.Token
}

// profile fetches a JSON document about the signed-in user.
func (s session) profile(ctx context.Context, address string, query url.Values, into any) error {
	if len(query) > 0 {
		u, err := url.Parse(address)
		if err != nil {
			return err
		}
		u.RawQuery = query.Encode()
		address = u.String()
	}
	return getJSON(ctx, s.calls, address, s.token.AccessToken, into)
}
