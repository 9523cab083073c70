package oauth

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// appleSecretLifetime is how long a client secret for Apple is valid. One is made
// for each request; Apple accepts up to six months.
const appleSecretLifetime = 5 * time.Minute

// appleKey is the client secret as configured: a key to sign client secrets
// with.
type appleKey struct {
	TeamID     string `json:"teamId"`
	KeyID      string `json:"keyId"`
	PrivateKey string `json:"privateKey"`
}

// parseAppleKey returns the key. Its errors do not repeat any part of it.
func parseAppleKey(text string) (appleKey, *ecdsa.PrivateKey, error) {
	var k appleKey
	if json.Unmarshal([]byte(text), &k) != nil || k.TeamID == "" || k.KeyID == "" || k.PrivateKey == "" {
		return k, nil, errors.New("the client secret is not a JSON object with teamId, keyId and privateKey")
	}
	block, _ := pem.Decode([]byte(k.PrivateKey))
	if block == nil {
		return k, nil, errors.New("privateKey is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return k, nil, errors.New("privateKey is not in PKCS #8 form")
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || private.Curve.Params().BitSize != 256 {
		return k, nil, errors.New("privateKey is not a key on the curve P-256")
	}
	return k, private, nil
}

// appleSecret signs the client secret of one request.
func appleSecret(rp *RelyingParty, p Provider, r Registration) (string, error) {
	k, private, err := parseAppleKey(r.ClientSecret)
	if err != nil {
		return "", err
	}
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", k.KeyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, options)
	if err != nil {
		return "", err
	}
	now := rp.now()
	claims, err := json.Marshal(map[string]any{
		"iss": k.TeamID, "sub": r.ClientID, "aud": p.Issuer,
		"iat": now.Unix(), "exp": now.Add(appleSecretLifetime).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// CheckSecret returns an error for a client secret that the provider cannot have
// issued. The error does not repeat any part of it.
func (n Name) CheckSecret(secret string) error {
	if n != Apple {
		return nil
	}
	_, _, err := parseAppleKey(secret)
	return err
}
