// Package seal encrypts small secrets at rest with AES-256-GCM, in the text
// form that InsForge stores: hex(iv):hex(tag):hex(ciphertext), 16-byte IV,
// key = SHA-256 of the configured text. Values sealed by InsForge open here.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
)

const (
	ivBytes  = 16
	tagBytes = 16
)

// ErrOpen is returned for text that was not sealed with this key.
var ErrOpen = errors.New("sealed value cannot be opened with this encryption key")

// Box seals and opens with one key. It is safe for concurrent use.
type Box struct{ aead cipher.AEAD }

// New returns a Box for the key text, ENCRYPTION_KEY of the contract.
func New(key string) (*Box, error) {
	if key == "" {
		return nil, errors.New("encryption key is empty")
	}
	sum := sha256.Sum256([]byte(key))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithNonceSize(block, ivBytes)
	if err != nil {
		return nil, err
	}
	return &Box{aead: aead}, nil
}

// Seal encrypts plain under a fresh random IV.
func (b *Box) Seal(plain string) string {
	iv := make([]byte, ivBytes)
	rand.Read(iv) // never fails: crypto/rand aborts the process instead
	out := b.aead.Seal(nil, iv, []byte(plain), nil)
	text, tag := out[:len(out)-tagBytes], out[len(out)-tagBytes:]
	return hex.EncodeToString(iv) + ":" + hex.EncodeToString(tag) + ":" + hex.EncodeToString(text)
}

// Open decrypts what Seal returned. It returns ErrOpen for anything else.
func (b *Box) Open(sealed string) (string, error) {
	parts := strings.Split(sealed, ":")
	if len(parts) != 3 {
		return "", ErrOpen
	}
	var raw [3][]byte
	for i, p := range parts {
		d, err := hex.DecodeString(p)
		if err != nil {
			return "", ErrOpen
		}
		raw[i] = d
	}
	if len(raw[0]) != ivBytes || len(raw[1]) != tagBytes {
		return "", ErrOpen
	}
	plain, err := b.aead.Open(nil, raw[0], append(raw[2], raw[1]...), nil)
	if err != nil {
		return "", ErrOpen
	}
	return string(plain), nil
}
