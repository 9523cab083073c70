// Package keys makes the project's API keys and anon keys, and checks the keys
// that callers present. It keeps only digests of the valid ones and compares all
// of them in constant time.
package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
	"time"
)

// Kind is a kind of key; its value is the prefix.
type Kind string

// The kinds of key.
const (
	API  Kind = "ik_"
	Anon Kind = "anon_"
)

const keyBytes = 32

// Generate returns a new key: the prefix and 64 hex digits.
func (k Kind) Generate() string {
	raw := make([]byte, keyBytes)
	rand.Read(raw) // never fails: crypto/rand aborts the process instead
	return string(k) + hex.EncodeToString(raw)
}

// Configured returns the key in a setting, trimmed and with the prefix added if it
// is missing; "" when the setting is blank or only the prefix.
func (k Kind) Configured(setting string) string {
	secret := strings.TrimPrefix(strings.TrimSpace(setting), string(k))
	if secret == "" {
		return ""
	}
	return string(k) + secret
}

// Ring is a set of valid keys, some of them only until a time. The zero value is
// empty.
type Ring struct{ entries []entry }

type entry struct {
	digest  [sha256.Size]byte
	expires time.Time // zero for never
}

// Add puts a key on the ring; a zero expires means that it does not expire. It
// must not be called while the ring is in use.
func (r *Ring) Add(key string, expires time.Time) {
	r.entries = append(r.entries, entry{digest: sha256.Sum256([]byte(key)), expires: expires})
}

// Has reports whether key is on the ring and valid at now.
func (r *Ring) Has(key string, now time.Time) bool {
	digest := sha256.Sum256([]byte(key))
	found := 0
	for _, e := range r.entries {
		if e.expires.IsZero() || now.Before(e.expires) {
			found |= subtle.ConstantTimeCompare(e.digest[:], digest[:])
		}
	}
	return found == 1
}
