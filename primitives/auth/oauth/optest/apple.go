package optest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
)

const (
	appleTeam = "TEAM123456"
	appleKey  = "KEY7890123"
)

// appleSigningKey is the key that Apple issued.
var appleSigningKey = sync.OnceValues(func() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })

// AppleSecret is the client secret for Apple, as configured.
func (f *Fakes) AppleSecret() string {
	f.t.Helper()
	key, err := appleSigningKey()
	if err != nil {
		f.t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		f.t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"teamId": appleTeam, "keyId": appleKey,
		"privateKey": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

// checkedAppleSecret returns the client secret of a request if Apple would accept
// it.
func (f *Fakes) checkedAppleSecret(secret string) string {
	key, err := appleSigningKey()
	if err != nil {
		f.t.Error(err)
		return ""
	}
	parsed, err := jose.ParseSignedCompact(secret, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || parsed.Signatures[0].Protected.KeyID != appleKey {
		f.t.Errorf("Apple: the client secret is not an ES256 token of the key: %v", err)
		return ""
	}
	payload, err := parsed.Verify(&key.PublicKey)
	if err != nil {
		f.t.Errorf("Apple: the client secret is not signed by the key: %v", err)
		return ""
	}
	var claims struct {
		Iss, Sub, Aud string
		Iat, Exp      int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		f.t.Error(err)
	}
	life := time.Duration(claims.Exp-claims.Iat) * time.Second
	if claims.Iss != appleTeam || claims.Sub != ClientID || claims.Aud != f.Provider(oauth.Apple).Issuer || life <= 0 || life > 180*24*time.Hour {
		f.t.Errorf("Apple: the client secret says %s", payload)
	}
	return secret
}
