package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// keysMaxAge is how long the keys of an issuer are used without fetching them
	// again; keysMinAge is how old they must be before a token with an unknown
	// key triggers a fetch, which bounds the effect of a flood of such tokens.
	keysMaxAge = time.Hour
	keysMinAge = time.Minute
	// maxKeys bounds the keys of one issuer that are tried.
	maxKeys = 100
)

// keySet verifies signatures with the keys that an issuer publishes, accepting
// only the listed algorithms.
type keySet struct {
	keys       *memo[jose.JSONWebKeySet]
	client     *http.Client
	address    string
	algorithms []jose.SignatureAlgorithm
	now        func() time.Time
	// unreachable is why the keys are not known. It is kept because the calling
	// library turns errors into text.
	unreachable error
}

// ErrUnavailable means that a provider could not be reached. It says nothing
// about the token.
var ErrUnavailable = errors.New("provider cannot be reached")

// VerifySignature returns the payload of a token in compact form that one of
// the keys signed. It implements oidc.KeySet.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	parsed, err := jose.ParseSignedCompact(token, k.algorithms)
	if err != nil {
		return nil, fmt.Errorf("parse token: %w", err)
	}
	header := parsed.Signatures[0].Protected
	for _, maxAge := range []time.Duration{keysMaxAge, keysMinAge} {
		set, err := k.keys.get(ctx, k.now(), maxAge, k.fetch)
		if err != nil {
			k.unreachable = fmt.Errorf("%w: keys at %s: %w", ErrUnavailable, k.address, err)
			return nil, k.unreachable
		}
		candidates := set.Keys
		if header.KeyID != "" {
			candidates = set.Key(header.KeyID)
		}
		for _, key := range candidates {
			if !fits(key, header.Algorithm) {
				continue
			}
			if payload, err := parsed.Verify(key); err == nil {
				return payload, nil
			}
		}
	}
	return nil, errors.New("no key of the issuer signed the token")
}

// fits reports whether a key is for signatures with an algorithm. Secrets in a
// published set do not count: anyone could sign with them.
func fits(key jose.JSONWebKey, algorithm string) bool {
	return key.Valid() && key.IsPublic() &&
		(key.Use == "" || key.Use == "sig") &&
		(key.Algorithm == "" || key.Algorithm == algorithm)
}

func (k *keySet) fetch(ctx context.Context) (jose.JSONWebKeySet, error) {
	var set jose.JSONWebKeySet
	if err := getJSON(ctx, k.client, k.address, "", &set); err != nil {
		return set, err
	}
	if len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return set, fmt.Errorf("the document has %d keys, want 1 to %d", len(set.Keys), maxKeys)
	}
	return set, nil
}
