package tokens

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

const (
	rsaBits    = 2048
	kidBytes   = 16
	privatePEM = "PRIVATE KEY"
	publicPEM  = "PUBLIC KEY"
)

// PublicKey verifies access tokens whose header names its ID.
type PublicKey struct {
	// ID is the kid: "kid_" and 32 hex digits.
	ID string
	// PEM is the key in SPKI form.
	PEM string
}

// RetiredKey is a public key whose private half no longer signs.
type RetiredKey struct {
	PublicKey
	// Until is when the last token that it signed expires. From then on it
	// verifies nothing, so that a stolen private half is worthless.
	Until time.Time
}

// KeyPair signs access tokens.
type KeyPair struct {
	PublicKey
	// PrivatePEM is the private key in PKCS #8 form. It is a secret.
	PrivatePEM string
}

// GenerateKey makes a new RSA-2048 key pair. It takes 100 ms or more of one
// core.
func GenerateKey() (KeyPair, error) {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return KeyPair{}, fmt.Errorf("generate signing key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return KeyPair{}, fmt.Errorf("encode signing key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return KeyPair{}, fmt.Errorf("encode public key: %w", err)
	}
	id := make([]byte, kidBytes)
	rand.Read(id) // never fails: crypto/rand aborts the process instead
	return KeyPair{
		PublicKey:  PublicKey{ID: "kid_" + hex.EncodeToString(id), PEM: encodePEM(publicPEM, public)},
		PrivatePEM: encodePEM(privatePEM, private),
	}, nil
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// parse returns the usable form of k. Its errors never repeat key material.
func (k PublicKey) parse() (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(k.PEM))
	if block == nil || k.ID == "" {
		return nil, errors.New("public key is not PEM or has no id")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("public key is not in SPKI form")
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("public key is %T, want RSA", parsed)
	}
	return key, nil
}

// parse returns the usable form of k and checks that its halves belong
// together: a mixed-up pair would sign tokens that no one can verify.
func (k KeyPair) parse() (*rsa.PrivateKey, error) {
	public, err := k.PublicKey.parse()
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(k.PrivatePEM))
	if block == nil {
		return nil, errors.New("private key is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("private key is not in PKCS #8 form")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("private key is %T, want RSA", parsed)
	}
	if !key.PublicKey.Equal(public) {
		return nil, errors.New("private and public key are not a pair")
	}
	return key, nil
}
