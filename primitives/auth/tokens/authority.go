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

// maxTokenBytes bounds what is decoded: anyone may send a token.
const maxTokenBytes = 16 << 10

// ErrInvalid is returned for a token that is malformed, not signed by this
// project, expired, not valid yet, or of another kind.
var ErrInvalid = errors.New("invalid token")

// ErrUnknownKey is returned for a token that names an unknown key. The token is
// invalid unless another process has made the key by a rotation. It wraps
// ErrInvalid.
var ErrUnknownKey = fmt.Errorf("%w: unknown key", ErrInvalid)

// Config is what an Authority needs.
type Config struct {
	// Secret is the project's JWT_SECRET.
	Secret string
	// Signing signs access tokens.
	Signing KeyPair
	// Retired keys still verify tokens that they signed before a rotation.
	Retired []RetiredKey
	// Now is time.Now outside tests.
	Now func() time.Time
}

// Authority makes and verifies the tokens of one project. It is immutable and safe
// for concurrent use; a rotation makes a new one.
type Authority struct {
	secret  []byte
	signing *rsa.PrivateKey
	headers jws.Headers
	public  map[string]published
	set     jwk.Set
	now     func() time.Time
}

// published is a key that verifies tokens, until a time unless that is zero.
type published struct {
	key   *rsa.PublicKey
	until time.Time
}

func (p published) goodAt(now time.Time) bool {
	return p.key != nil && (p.until.IsZero() || now.Before(p.until))
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
	a := &Authority{secret: []byte(c.Secret), signing: signing, now: c.Now, public: map[string]published{}, set: jwk.NewSet()}
	a.headers = jws.NewHeaders()
	for name, value := range map[string]string{jws.KeyIDKey: c.Signing.ID, jws.TypeKey: "JWT"} {
		if err := a.headers.Set(name, value); err != nil {
			return nil, fmt.Errorf("token header %s: %w", name, err)
		}
	}
	for _, k := range append([]RetiredKey{{PublicKey: c.Signing.PublicKey}}, c.Retired...) {
		if err := a.publish(k); err != nil {
			return nil, fmt.Errorf("key %q: %w", k.ID, err)
		}
	}
	return a, nil
}

// publish lets k verify tokens and adds it to the JWKS document.
func (a *Authority) publish(k RetiredKey) error {
	if a.public[k.ID].key != nil {
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
	a.public[k.ID] = published{key: public, until: k.Until}
	return a.set.AddKey(key)
}

// JWKS returns the document {"keys":[…]} with the public keys that currently
// verify access tokens, the signing one first. RFC 7517 §5.
func (a *Authority) JWKS() ([]byte, error) {
	good, now := jwk.NewSet(), a.now()
	for i := range a.set.Len() {
		key, _ := a.set.Key(i)
		if !a.public[key.KeyID()].goodAt(now) {
			continue
		}
		if err := good.AddKey(key); err != nil {
			return nil, err
		}
	}
	return json.Marshal(good)
}

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

// signer is what signed a token. ours means that it was a key of the project and
// not the secret that it shares with others.
type signer struct {
	published
	ours bool
}

// verify returns the payload of a token in compact form and what signed it,
// ErrUnknownKey or ErrInvalid.
func (a *Authority) verify(token string) ([]byte, signer, error) {
	if len(token) > maxTokenBytes {
		return nil, signer{}, ErrInvalid
	}
	pick := picker{Authority: a, refused: ErrInvalid}
	payload, err := jws.Verify([]byte(token), jws.WithCompact(), jws.WithKeyProvider(jws.KeyProviderFunc(pick.keyFor)))
	if err != nil {
		return nil, signer{}, pick.refused // the library's reasons only help attackers
	}
	return payload, pick.chosen, nil
}

// picker is the choice of the key for one token.
type picker struct {
	*Authority
	chosen  signer
	refused error
}

// keyFor offers the one key that may verify a token, chosen by its protected
// header. The library uses the algorithm that is offered here and never the
// token's, so the two must be compared first.
func (p *picker) keyFor(_ context.Context, sink jws.KeySink, sig *jws.Signature, _ *jws.Message) error {
	h := sig.ProtectedHeaders()
	if len(h.Critical()) > 0 { // extensions we must understand and do not; RFC 7515 §4.1.11
		return ErrInvalid
	}
	switch h.Algorithm() {
	case jwa.RS256:
		known := p.public[h.KeyID()]
		if known.key == nil {
			p.refused = ErrUnknownKey
		}
		if known.goodAt(p.now()) {
			p.chosen = signer{published: known, ours: true}
			sink.Key(jwa.RS256, known.key)
		}
	case jwa.HS256:
		sink.Key(jwa.HS256, p.secret)
	}
	return nil
}
