// Package keys makes the project's API keys and anon keys and checks those
// that callers present. Only digests are kept for the check, and all of them
// are compared in constant time.
package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
	"time"
)

// Kind is a kind of key, spelled as its prefix.
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

// Configured returns the key that a setting asks for, trimmed and with the
// prefix put in front where it is missing; "" when the setting is blank or
// nothing but the prefix.
func (k Kind) Configured(setting string) string {
	secret := strings.TrimPrefix(strings.TrimSpace(setting), string(k))
	if secret == "" {
		return ""
	}
	return string(k) + secret
}

// Ring is a set of keys that are good, some of them until a time. The zero
// value holds none.
type Ring struct{ entries []entry }

type entry struct {
	digest  [sha256.Size]byte
	expires time.Time // zero for never
}

// Add puts a key on the ring; a zero expires means that it stays good. It
// must not be called while others use the ring.
func (r *Ring) Add(key string, expires time.Time) {
	r.entries = append(r.entries, entry{digest: sha256.Sum256([]byte(key)), expires: expires})
}

// Has reports whether key is on the ring and good at now.
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
