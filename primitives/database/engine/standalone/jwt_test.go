package standalone_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// verifyHS256 is as much of token verification as the cases need, with the
// messages that PostgREST gives.
func verifyHS256(secret, audience string) func(string) ([]byte, error) {
	return func(token string) ([]byte, error) {
		parts := strings.Split(token, ".")
		if len(parts) != 3 {
			return nil, fmt.Errorf("JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got %d)", len(parts))
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(parts[0] + "." + parts[1]))
		signature, err := base64.RawURLEncoding.DecodeString(parts[2])
		if err != nil || !hmac.Equal(signature, mac.Sum(nil)) {
			return nil, errors.New("JWSError JWSInvalidSignature")
		}
		claims, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			return nil, errors.New("JWSError (JSONDecodeError)")
		}
		return claims, checkClaims(claims, audience, float64(time.Now().Unix()))
	}
}

func checkClaims(text []byte, audience string, now float64) error {
	const leeway = 30
	var c struct {
		Exp, Nbf, Iat *float64
		Aud           any
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return errors.New("JWT claims are not an object")
	}
	switch {
	case c.Exp != nil && *c.Exp < now-leeway:
		return errors.New("JWT expired")
	case c.Nbf != nil && *c.Nbf > now+leeway:
		return errors.New("JWTNotYetValid")
	case c.Iat != nil && *c.Iat > now+leeway:
		return errors.New("JWTIssuedAtFuture")
	case audience == "" || c.Aud == nil || c.Aud == audience:
		return nil
	}
	if list, ok := c.Aud.([]any); ok && slices.Contains(list, any(audience)) {
		return nil
	}
	return errors.New("JWTNotInAudience")
}
