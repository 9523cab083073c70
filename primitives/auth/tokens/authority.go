package tokens

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// maxTokenBytes bounds what is decoded for a caller who may be anybody.
const maxTokenBytes = 16 << 10

// ErrInvalid is the answer to a token that is malformed, not signed by this
// project, expired, not valid yet, or of another kind.
var ErrInvalid = errors.New("invalid token")

// Config is what an Authority needs.
type Config struct {
	// Secret is the project's JWT_SECRET.
	Secret string
	// Signing signs access tokens.
	Signing KeyPair
	// Retired keys still check tokens that they signed before a rotation.
	Retired []PublicKey
	// Now is time.Now outside tests.
	Now func() time.Time
}

// Authority makes and checks the tokens of one project. It does not change
// and is safe for concurrent use: a rotation makes a new one.
type Authority struct {
	secret  []byte
	signing *rsa.PrivateKey
	headers jws.Headers
	public  map[string]*rsa.PublicKey
	jwks    []byte
	now     func() time.Time
}

// New returns an Authority. It refuses an empty secret, unreadable keys, a
// pair whose halves differ, and two keys with one id.
func New(c Config) (*Authority, error) {
	if c.Secret == "" {
		return nil, errors.New("JWT secret is empty")
	}
	if c.Now == nil {
		return nil, errors.New("no clock")
	}
	signing, err := c.Signing.parse()
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	a := &Authority{secret: []byte(c.Secret), signing: signing, now: c.Now, public: map[string]*rsa.PublicKey{}}
	a.headers = jws.NewHeaders()
	for name, value := range map[string]string{jws.KeyIDKey: c.Signing.ID, jws.TypeKey: "JWT"} {
		if err := a.headers.Set(name, value); err != nil {
			return nil, fmt.Errorf("token header %s: %w", name, err)
		}
	}
	set := jwk.NewSet()
	for _, k := range append([]PublicKey{c.Signing.PublicKey}, c.Retired...) {
		if err := a.publish(set, k); err != nil {
			return nil, fmt.Errorf("key %q: %w", k.ID, err)
		}
	}
	if a.jwks, err = json.Marshal(set); err != nil {
		return nil, fmt.Errorf("encode JWKS: %w", err)
	}
	return a, nil
}

// publish makes k check tokens and part of the JWKS document.
func (a *Authority) publish(set jwk.Set, k PublicKey) error {
	if a.public[k.ID] != nil {
		return errors.New("two keys with one id")
	}
	public, err := k.parse()
	if err != nil {
		return err
	}
	key, err := jwk.FromRaw(public)
	if err != nil {
		return err
	}
	for name, value := range map[string]any{jwk.KeyIDKey: k.ID, jwk.AlgorithmKey: jwa.RS256, jwk.KeyUsageKey: jwk.ForSignature} {
		if err := key.Set(name, value); err != nil {
			return err
		}
	}
	a.public[k.ID] = public
	return set.AddKey(key)
}

// JWKS is the document {"keys":[…]} with the public keys of access tokens,
// the signing one first. RFC 7517 §5. The caller must not change it.
func (a *Authority) JWKS() []byte { return a.jwks }

func (a *Authority) signRS256(claims any) (string, error) {
	return sign(claims, jws.WithKey(jwa.RS256, a.signing, jws.WithProtectedHeaders(a.headers)))
}

func (a *Authority) signHS256(claims any) (string, error) {
	return sign(claims, jws.WithKey(jwa.HS256, a.secret))
}

func sign(claims any, with jws.SignOption) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	token, err := jws.Sign(payload, with)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return string(token), nil
}

// verify returns the payload of a token in compact form that the key of its
// header signed, or ErrInvalid.
func (a *Authority) verify(token string) ([]byte, error) {
	if len(token) > maxTokenBytes {
		return nil, ErrInvalid
	}
	payload, err := jws.Verify([]byte(token), jws.WithCompact(), jws.WithKeyProvider(jws.KeyProviderFunc(a.keyFor)))
	if err != nil {
		return nil, ErrInvalid // the library's reasons help nobody but an attacker
	}
	return payload, nil
}

// keyFor offers the one key that may check a token, by its protected header.
// The library takes the algorithm from what is offered here, never from the
// token, so the header's must be compared first.
func (a *Authority) keyFor(_ context.Context, sink jws.KeySink, sig *jws.Signature, _ *jws.Message) error {
	h := sig.ProtectedHeaders()
	if len(h.Critical()) > 0 { // extensions we must understand and do not; RFC 7515 §4.1.11
		return ErrInvalid
	}
	switch h.Algorithm() {
	case jwa.RS256:
		if key := a.public[h.KeyID()]; key != nil {
			sink.Key(jwa.RS256, key)
		}
	case jwa.HS256:
		sink.Key(jwa.HS256, a.secret)
	}
	return nil
}
