package config

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The bounds of secrets. A name of more than maxAdminName characters could not
// sign in.
const (
	minKeyBytes      = 32
	minPassword      = 8
	maxAdminName     = 100
	maxAdminPassword = 4096
)

const (
	apiKeyPrefix  = "ik_"
	anonKeyPrefix = "anon_"
)

// Given are secrets that the environment dictates. An empty one is read from
// the secrets file, or generated.
type Given struct {
	JWTSecret     string
	EncryptionKey string
	AdminUsername string
	AdminPassword string
	APIKey        string
	AnonKey       string
}

func (g *Given) settings() []Setting {
	return []Setting{
		{Name: "JWT_SECRET", value: guarded(&g.JWTSecret, checkKey),
			Description: "signs refresh tokens and checks tokens of third parties, at least 32 bytes; unset, a random one is generated"},
		{Name: "ENCRYPTION_KEY", value: guarded(&g.EncryptionKey, checkKey),
			Description: "encrypts stored secrets, at least 32 bytes; unset, a random one is generated"},
		{Name: "ROOT_ADMIN_USERNAME", Formerly: "ADMIN_EMAIL", value: adminName(&g.AdminUsername),
			Description: "the administrator's name; unset, the last one set, initially admin"},
		{Name: "ROOT_ADMIN_PASSWORD", Formerly: "ADMIN_PASSWORD", value: guarded(&g.AdminPassword, CheckAdminPassword),
			Description: "the administrator's password, at least 8 characters; unset, the last one set, initially a random one"},
		{Name: "ACCESS_API_KEY", value: accessKey(&g.APIKey, apiKeyPrefix),
			Description: "the first API key, with or without its ik_; unset, a random one is generated"},
		{Name: "ACCESS_ANON_KEY", value: accessKey(&g.AnonKey, anonKeyPrefix),
			Description: "the first anon key, with or without its anon_; unset, a random one is generated"},
	}
}

// published are values from public example files. A server that starts with one
// has keys that everyone knows.
var published = map[string]bool{
	"change-this-password":                                         true,
	"your-secret-key-here-must-be-32-char-or-above":                true,
	"dev-secret-please-change-in-production":                       true,
	"dev-secret-please-change-in-production-must-be-32b":           true,
	"ik_your-api-key-here-32-chars-minimum":                        true,
	"anon_your-anon-key-here":                                      true,
	"your-encryption-key-here-must-be-32-char-or-above":            true,
	"your-super-secret-jwt-token-with-at-least-32-characters-long": true,
}

func placeholderError(name string) error {
	return fmt.Errorf("%s is the placeholder from a public example file, so everybody knows it; "+
		"unset it to have a random one generated, or set one of your own", name)
}

// Validate implements node.
func (g *Given) Validate() error { return nil }

// guarded is a secret that is neither published nor refused by check.
func guarded(to *string, check func(name, text string) error) value {
	v := secret(to)
	v.check = func(name string) error {
		if published[strings.TrimSpace(*to)] {
			return placeholderError(name)
		}
		return check(name, *to)
	}
	return v
}

// accessKey is a key that may be given without its prefix.
func accessKey(to *string, prefix string) value {
	v := guarded(to, checkAccessKey)
	v.set = func(text string) bool {
		*to = prefix + strings.TrimPrefix(strings.TrimSpace(text), prefix)
		return true
	}
	return v
}

func adminName(to *string) value {
	v := text(to)
	v.check = func(name string) error {
		if n := utf8.RuneCountInString(*to); n > maxAdminName {
			return fmt.Errorf("%s has %d characters; use at most %d", name, n, maxAdminName)
		}
		return nil
	}
	return v
}

// checkKey refuses a key that could be guessed.
func checkKey(name, key string) error {
	if len(key) >= minKeyBytes {
		return nil
	}
	return fmt.Errorf("%s has %d bytes; use at least %d, such as the output of openssl rand -hex 32, "+
		"or unset it to have a random one generated", name, len(key), minKeyBytes)
}

// checkAccessKey refuses a key that is only its prefix, or that no header can
// carry.
func checkAccessKey(name, key string) error {
	if key == apiKeyPrefix || key == anonKeyPrefix {
		return fmt.Errorf("%s needs a value after its prefix", name)
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%s has a space or another character that cannot be sent in a header; use letters and digits", name)
	}
	return nil
}

// CheckAdminPassword returns an error unless password is one that the
// administrator may have. name is what to call it.
func CheckAdminPassword(name, password string) error {
	if err := checkPassword(name, password); err != nil {
		return err
	}
	if utf8.RuneCountInString(password) > maxAdminPassword {
		return fmt.Errorf("%s has more than %d characters; use a shorter one", name, maxAdminPassword)
	}
	return nil
}

// checkPassword refuses a password that could be guessed.
func checkPassword(name, password string) error {
	if n := utf8.RuneCountInString(password); n < minPassword {
		return fmt.Errorf("%s has %d characters; use at least %d, or leave it out to have a random one generated", name, n, minPassword)
	}
	return nil
}
