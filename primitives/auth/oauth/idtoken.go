package oauth

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	maxIDTokenBytes = 64 << 10
	// maxIDBytes bounds the id of an account; OpenID Connect Core §2 says 255.
	maxIDBytes = 255
)

// Expected is what an ID token must say to be accepted.
type Expected struct {
	// Audiences are the clients it may be for.
	Audiences []string
	// Nonce is its nonce; empty when it needs none.
	Nonce string
	// AccessToken was issued with it; empty when there was none.
	AccessToken string
	// Party requires that the token is for the audience and no other party.
	Party bool
}

// Claims are what a verified ID token says about the user.
type Claims struct {
	Subject       string    `json:"sub"`
	Email         string    `json:"email"`
	EmailVerified truth     `json:"email_verified"`
	Name          string    `json:"name"`
	Username      string    `json:"preferred_username"`
	Picture       string    `json:"picture"`
	Party         string    `json:"azp"`
	IsPrivate     truth     `json:"is_private_email"`
	Audience      audiences `json:"aud"`
}

// truth is a boolean, which some providers write as a string.
type truth bool

func (t *truth) UnmarshalJSON(raw []byte) error {
	*t = string(raw) == "true" || string(raw) == `"true"`
	return nil
}

// audiences is a string or an array of them.
type audiences []string

func (a *audiences) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*a = audiences{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(a))
}

// IDToken verifies an ID token of p: signed by a key of the issuer, issued by it
// for one of the audiences, not expired, with the nonce.
//
// It returns ErrUnavailable when the issuer's keys could not be fetched; any
// other error means that the token is invalid.
func (rp *RelyingParty) IDToken(ctx context.Context, p Provider, token string, want Expected) (Claims, error) {
	if p.Issuer == "" || p.JWKS == "" {
		return Claims{}, fmt.Errorf("%s does not issue ID tokens", p.Name)
	}
	if len(token) > maxIDTokenBytes {
		return Claims{}, errors.New("ID token is too long")
	}
	algorithms := p.algorithms
	if len(algorithms) == 0 {
		algorithms = []string{oidc.RS256}
	}
	// Audiences are checked below: there may be several.
	keys := rp.keySet(p, algorithms)
	verifier := oidc.NewVerifier(p.Issuer, keys, &oidc.Config{
		SkipClientIDCheck: true, SupportedSigningAlgs: algorithms, Now: rp.now,
	})
	verified, err := verifier.Verify(ctx, token)
	if keys.unreachable != nil {
		return Claims{}, keys.unreachable
	}
	if err != nil {
		return Claims{}, err
	}
	var c Claims
	if err := verified.Claims(&c); err != nil {
		return Claims{}, err
	}
	if err := c.meet(want); err != nil {
		return Claims{}, err
	}
	if want.Nonce != "" && subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(want.Nonce)) == 0 {
		return Claims{}, errors.New("ID token has the wrong nonce")
	}
	if want.AccessToken != "" && verified.AccessTokenHash != "" {
		if err := verified.VerifyAccessToken(want.AccessToken); err != nil {
			return Claims{}, err
		}
	}
	return c, nil
}

// meet checks the subject and the audience of the token. OpenID Connect Core
// §3.1.3.7.
func (c Claims) meet(want Expected) error {
	switch {
	case c.Subject == "" || len(c.Subject) > maxIDBytes:
		return errors.New("ID token has no usable subject")
	case !slices.ContainsFunc(c.Audience, func(aud string) bool { return aud != "" && slices.Contains(want.Audiences, aud) }):
		return errors.New("ID token is for another client")
	case want.Party && len(c.Audience) > 1 && c.Party == "":
		return errors.New("ID token has several audiences and does not name the party it is for")
	case want.Party && c.Party != "" && !slices.Contains(want.Audiences, c.Party):
		return errors.New("ID token is for another party")
	}
	return nil
}

func (rp *RelyingParty) keySet(p Provider, algorithms []string) *keySet {
	keys, ok := rp.keys.Get(p.JWKS)
	if !ok {
		keys = &memo[jose.JSONWebKeySet]{}
		rp.keys.Put(p.JWKS, keys)
	}
	set := &keySet{keys: keys, client: rp.outbound(p).documents, address: p.JWKS, now: rp.now}
	for _, a := range algorithms {
		set.algorithms = append(set.algorithms, jose.SignatureAlgorithm(a))
	}
	return set
}
