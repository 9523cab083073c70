package tokens

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

const (
	// minSecretBytes is the shortest secret that PostgREST accepts.
	minSecretBytes = 32
	// maxKeys bounds the signature checks for one token.
	maxKeys = 64
	// leeway is how much clocks may differ.
	leeway = 30 * time.Second
)

// refusal is an error in PostgREST's words, which its clients compare.
type refusal string

// Error implements error.
func (r refusal) Error() string { return string(r) }

const (
	shortSecret    refusal = "The JWT secret must be at least 32 characters long."
	badHeader      refusal = `JWSError (JSONDecodeError "the header is not a JSON object")`
	badSignature   refusal = "JWSError JWSInvalidSignature"
	noSignature    refusal = "JWSError JWSNoSignatures"
	badClaims      refusal = "Parsing claims failed"
	expired        refusal = "JWT expired"
	notYetValid    refusal = "JWTNotYetValid"
	issuedInFuture refusal = "JWTIssuedAtFuture"
	notInAudience  refusal = "JWTNotInAudience"
)

// Verifier checks tokens of other issuers, by the rules and with the messages
// of PostgREST 12. It is safe for concurrent use.
type Verifier struct {
	keys     []jwk.Key
	audience string
	now      func() time.Time
}

// NewVerifier returns a Verifier for PostgREST's setting jwt-secret: the text
// of a JWK set or of one JWK (RFC 7517), or else the secret of HS256 itself.
// Tokens for another audience are refused; an empty one accepts every token. Its
// errors do not repeat the secret.
func NewVerifier(secret []byte, audience string, now func() time.Time) (*Verifier, error) {
	v := &Verifier{audience: audience, now: now}
	var err error
	if v.keys, err = parseKeys(secret); err != nil {
		return nil, err
	}
	if len(v.keys) > maxKeys {
		return nil, fmt.Errorf("the JWK set has %d keys; at most %d are allowed", len(v.keys), maxKeys)
	}
	return v, nil
}

func parseKeys(secret []byte) ([]jwk.Key, error) {
	if !json.Valid(secret) || !bytes.HasPrefix(bytes.TrimSpace(secret), []byte("{")) {
		return secretKey(secret)
	}
	set, err := jwk.Parse(secret)
	if err != nil {
		// Not the library's message: it may quote what it read.
		return nil, errors.New("the JWT secret is JSON but neither a JWK nor a JWK set that can be read")
	}
	var keys []jwk.Key
	for i := range set.Len() {
		key, _ := set.Key(i)
		if key.KeyUsage() == string(jwk.ForEncryption) {
			continue
		}
		if public, err := jwk.PublicKeyOf(key); err == nil && key.KeyType() != jwa.OctetSeq {
			key = public // only the public half is needed
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("the JWK set has no key that signs")
	}
	return keys, nil
}

func secretKey(secret []byte) ([]jwk.Key, error) {
	if len(secret) < minSecretBytes {
		return nil, shortSecret
	}
	key, err := jwk.FromRaw(secret)
	if err != nil {
		return nil, errors.New("the JWT secret cannot be used")
	}
	if err := key.Set(jwk.AlgorithmKey, jwa.HS256); err != nil {
		return nil, err
	}
	return []jwk.Key{key}, nil
}

// Verify returns the payload of a token, a JSON object. The text of its error
// is what PostgREST answers.
//
// The length of a token is bounded by the server, which limits headers.
func (v *Verifier) Verify(token string) ([]byte, error) {
	if parts := strings.Count(token, ".") + 1; parts != 3 {
		return nil, fmt.Errorf("JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got %d)", parts)
	}
	alg, err := algorithmOf(token)
	if err != nil {
		return nil, err
	}
	offer := func(_ context.Context, sink jws.KeySink, sig *jws.Signature, _ *jws.Message) error {
		if len(sig.ProtectedHeaders().Critical()) > 0 { // extensions we must understand and do not
			return ErrInvalid
		}
		for _, key := range v.keys {
			if fits(key, alg) {
				sink.Key(alg, key)
			}
		}
		return nil
	}
	payload, err := jws.Verify([]byte(token), jws.WithCompact(), jws.WithKeyProvider(jws.KeyProviderFunc(offer)))
	if err != nil {
		return nil, badSignature
	}
	if err := v.checkClaims(payload); err != nil {
		return nil, err
	}
	return payload, nil
}

// algorithmOf reads the header of a token, and refuses unsigned ones.
func algorithmOf(token string) (jwa.SignatureAlgorithm, error) {
	var header struct {
		Algorithm string `json:"alg"`
	}
	encoded, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || json.Unmarshal(text, &header) != nil {
		return "", badHeader
	}
	var alg jwa.SignatureAlgorithm
	if err := alg.Accept(header.Algorithm); err != nil || alg == jwa.NoSignature {
		return "", noSignature
	}
	return alg, nil
}

// fits reports whether a token with this algorithm may be checked with key:
// the type of the key and, where it names one, its algorithm decide, so that a
// public key is never taken for a shared secret.
func fits(key jwk.Key, alg jwa.SignatureAlgorithm) bool {
	if named := key.Algorithm().String(); named != "" && named != alg.String() {
		return false
	}
	algorithms, err := jws.AlgorithmsForKey(key)
	return err == nil && slices.Contains(algorithms, alg)
}

// checkClaims checks the registered claims: their types, the times with leeway,
// and the audience. A null claim counts as absent. RFC 7519 §4.1.
func (v *Verifier) checkClaims(payload []byte) error {
	claims, err := decodeObject(payload)
	if err != nil {
		return badClaims
	}
	for _, name := range []string{"iss", "sub", "jti"} {
		if _, isText := claims[name].(string); !isText && claims[name] != nil {
			return wrongType(name, "a string")
		}
	}
	now := float64(v.now().Unix())
	for _, c := range []struct {
		name  string
		isBad func(seconds float64) bool
		err   error
	}{
		{"exp", func(seconds float64) bool { return now > seconds+leeway.Seconds() }, expired},
		{"nbf", func(seconds float64) bool { return now < seconds-leeway.Seconds() }, notYetValid},
		{"iat", func(seconds float64) bool { return now < seconds-leeway.Seconds() }, issuedInFuture},
	} {
		if claims[c.name] == nil {
			continue
		}
		number, _ := claims[c.name].(json.Number)
		seconds, err := number.Float64()
		if err != nil { // including one of another type
			return wrongType(c.name, "a number")
		}
		if c.isBad(seconds) {
			return c.err
		}
	}
	return v.checkAudience(claims["aud"])
}

// checkAudience checks the claim aud: absent, a string or a list of strings.
// RFC 7519 §4.1.3.
func (v *Verifier) checkAudience(claim any) error {
	var named []any
	switch aud := claim.(type) {
	case nil:
		return nil
	case string:
		named = []any{aud}
	case []any:
		named = aud
	default:
		return wrongType("aud", audienceTypes)
	}
	for _, one := range named {
		if _, isText := one.(string); !isText {
			return wrongType("aud", audienceTypes)
		}
	}
	if v.audience == "" || len(named) == 0 || slices.Contains(named, any(v.audience)) {
		return nil
	}
	return notInAudience
}

const audienceTypes = "a string or an array of strings"

func wrongType(claim, want string) refusal {
	return refusal("The JWT '" + claim + "' claim must be " + want)
}
