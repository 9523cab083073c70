package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/insforge/insforge-go/primitives/kernel/egress"
)

// discoveryMaxAge is how long a discovery document is used without asking
// again.
const discoveryMaxAge = 10 * time.Minute

// asymmetric are the accepted signature algorithms; with the others, anyone who
// can verify a signature can also make one.
var asymmetric = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// discovery holds the members of a discovery document that are used. OpenID
// Connect Discovery 1.0 §3, RFC 9207 §3.
type discovery struct {
	Issuer         string   `json:"issuer"`
	Authorize      string   `json:"authorization_endpoint"`
	Token          string   `json:"token_endpoint"`
	Profile        string   `json:"userinfo_endpoint"`
	JWKS           string   `json:"jwks_uri"`
	Algorithms     []string `json:"id_token_signing_alg_values_supported"`
	Authentication []string `json:"token_endpoint_auth_methods_supported"`
	NamesIssuer    bool     `json:"authorization_response_iss_parameter_supported"`
}

// CheckEndpoint returns an error, which may be shown, unless the address of a
// discovery document may be called, as far as one can know without calling
// it.
func (rp *RelyingParty) CheckEndpoint(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("address is not a URL")
	}
	if err := checkURL(u, rp.allowPrivate); err != nil {
		return err
	}
	if rp.allowPrivate {
		return nil
	}
	if host, err := netip.ParseAddr(u.Hostname()); err == nil && !egress.Public(host) || isLoopback(u.Hostname()) {
		return egress.ErrPrivate
	}
	return nil
}

// Discover returns the provider that a discovery document describes, with the
// name and title given. The document is cached for a while.
//
// The error is for the log.
func (rp *RelyingParty) Discover(ctx context.Context, name Name, title, address string) (Provider, error) {
	if err := rp.CheckEndpoint(address); err != nil {
		return Provider{}, fmt.Errorf("discovery document at %s: %w", address, err)
	}
	document, ok := rp.documents.Get(address)
	if !ok {
		document = &memo[Provider]{}
		rp.documents.Put(address, document)
	}
	p, err := document.get(ctx, rp.now(), discoveryMaxAge, func(ctx context.Context) (Provider, error) {
		var d discovery
		if err := getJSON(ctx, rp.guarded.documents, address, "", &d); err != nil {
			return Provider{}, err
		}
		return rp.provider(d)
	})
	if err != nil {
		return Provider{}, fmt.Errorf("discovery document at %s: %w", address, err)
	}
	p.Name, p.Title = name, title
	return p, nil
}

// provider checks a document and returns what it describes.
func (rp *RelyingParty) provider(d discovery) (Provider, error) {
	p := Provider{
		Endpoints: Endpoints{Authorize: d.Authorize, Token: d.Token, Profile: d.Profile, Issuer: d.Issuer, JWKS: d.JWKS},
		authStyle: oauth2.AuthStyleInHeader, pkce: true, nonce: true,
		scopes:         []string{"openid", "profile", "email"},
		requiresIssuer: d.NamesIssuer, guarded: true, read: readCustom,
	}
	needed := map[string]string{"authorization_endpoint": d.Authorize, "token_endpoint": d.Token}
	if d.Profile != "" || d.JWKS == "" {
		needed["userinfo_endpoint"] = d.Profile
	}
	if d.JWKS != "" {
		needed["jwks_uri"], needed["issuer"] = d.JWKS, d.Issuer
	}
	for name, address := range needed {
		u, err := url.Parse(address)
		if err != nil {
			return Provider{}, fmt.Errorf("%s is not a URL", name)
		}
		if err := checkURL(u, rp.allowPrivate); err != nil {
			return Provider{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	// Without the member, the default is the header. OpenID Connect Discovery §3.
	if len(d.Authentication) > 0 && !slices.Contains(d.Authentication, "client_secret_basic") {
		p.authStyle = oauth2.AuthStyleInParams
	}
	for _, a := range d.Algorithms {
		if slices.Contains(asymmetric, a) {
			p.algorithms = append(p.algorithms, a)
		}
	}
	return p, nil
}

// person is the answer of a userinfo endpoint, including those that are not quite
// OpenID Connect.
type person struct {
	Subject       identifier `json:"sub"`
	ID            identifier `json:"id"`
	UserID        identifier `json:"user_id"`
	Email         string     `json:"email"`
	EmailVerified truth      `json:"email_verified"`
	Name          string     `json:"name"`
	Username      string     `json:"preferred_username"`
	Picture       string     `json:"picture"`
	Avatar        string     `json:"avatar_url"`
}

// identifier is a string, or a number, which some providers use for ids.
type identifier string

func (i *identifier) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*i = identifier(text)
		return nil
	}
	var number json.Number
	if err := json.Unmarshal(raw, &number); err != nil {
		return errors.New("an id is neither a string nor a number")
	}
	*i = identifier(number)
	return nil
}

// readCustom reads the ID token of a provider that publishes keys for it, and
// the userinfo endpoint, which must be about the same person: OpenID Connect
// Core §5.3.2.
func readCustom(ctx context.Context, s session) (Account, error) {
	var a Account
	if s.p.JWKS != "" {
		c, err := s.idToken(ctx)
		if err != nil {
			return Account{}, err
		}
		a = c.Account()
	}
	if s.p.Profile == "" {
		return a, nil
	}
	var who person
	if err := s.profile(ctx, s.p.Profile, nil, &who); err != nil {
		return Account{}, err
	}
	id := string(cmp.Or(who.Subject, who.ID, who.UserID))
	if a.ID != "" && a.ID != string(who.Subject) {
		return Account{}, errors.New("the ID token and the userinfo endpoint are about different people")
	}
	if a.ID == "" {
		a.ID = id
	}
	if a.Email == "" { // an address and its verification must come from the same source
		a.Email, a.EmailVerified = who.Email, bool(who.EmailVerified)
	}
	a.Name = cmp.Or(a.Name, who.Name, a.Username, who.Username)
	a.Username = cmp.Or(a.Username, who.Username)
	a.AvatarURL = cmp.Or(a.AvatarURL, who.Picture, who.Avatar)
	return a, nil
}
