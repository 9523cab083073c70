package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// scramIterations is Postgres' own default.
const scramIterations = 4096

// ScramVerifier returns what Postgres stores instead of a password, in the form
// that ALTER ROLE … PASSWORD accepts: the password itself then never reaches the
// server. RFC 5803; src/common/scram-common.c.
//
// Passwords are used as they are, without SASLprep, which changes nothing for
// ASCII; Postgres clients fall back to the same for what it rejects.
func ScramVerifier(password string) (string, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	return scramWithSalt(password, salt, scramIterations)
}

func scramWithSalt(password string, salt []byte, iterations int) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", err
	}
	clientKey := hmacSHA256(salted, "Client Key")
	storedKey := sha256.Sum256(clientKey)
	serverKey := hmacSHA256(salted, "Server Key")
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, b64(salt), b64(storedKey[:]), b64(serverKey)), nil
}

// scramMatches reports whether verifier was made from password. A verifier
// that cannot be read matches nothing.
func scramMatches(verifier, password string) bool {
	rest, ok := strings.CutPrefix(verifier, "SCRAM-SHA-256$")
	if !ok {
		return false
	}
	count, rest, ok := strings.Cut(rest, ":")
	if !ok {
		return false
	}
	encoded, _, ok := strings.Cut(rest, "$")
	if !ok {
		return false
	}
	iterations, err := strconv.Atoi(count)
	if err != nil || iterations < 1 || iterations > 1_000_000 {
		return false
	}
	salt, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return false
	}
	again, err := scramWithSalt(password, salt, iterations)
	return err == nil && subtle.ConstantTimeCompare([]byte(again), []byte(verifier)) == 1
}

func hmacSHA256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
