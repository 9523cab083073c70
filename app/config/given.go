package config

import (
	"errors"
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
		{Name: "JWT_SECRET", value: secret(&g.JWTSecret),
			Description: "signs refresh tokens and checks tokens of third parties, at least 32 bytes; unset, a random one is generated"},
		{Name: "ENCRYPTION_KEY", value: secret(&g.EncryptionKey),
			Description: "encrypts stored secrets, at least 32 bytes; unset, a random one is generated"},
		{Name: "ROOT_ADMIN_USERNAME", Formerly: "ADMIN_EMAIL", value: text(&g.AdminUsername),
			Description: "the administrator's name; unset, the last one set, initially admin"},
		{Name: "ROOT_ADMIN_PASSWORD", Formerly: "ADMIN_PASSWORD", value: secret(&g.AdminPassword),
			Description: "the administrator's password, at least 8 characters; unset, the last one set, initially a random one"},
		{Name: "ACCESS_API_KEY", value: secret(&g.APIKey),
			Description: "the first API key, with or without its ik_; unset, a random one is generated"},
		{Name: "ACCESS_ANON_KEY", value: secret(&g.AnonKey),
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

// Validate implements node. It completes the keys with their prefixes.
func (g *Given) Validate() error {
	g.APIKey = withPrefix(strings.TrimSpace(g.APIKey), apiKeyPrefix)
	g.AnonKey = withPrefix(strings.TrimSpace(g.AnonKey), anonKeyPrefix)
	var wrong []error
	for _, s := range []struct {
		name, text string
		check      func(name, text string) error
	}{
		{"JWT_SECRET", g.JWTSecret, checkKey},
		{"ENCRYPTION_KEY", g.EncryptionKey, checkKey},
		{"ROOT_ADMIN_PASSWORD", g.AdminPassword, CheckAdminPassword},
		{"ACCESS_API_KEY", g.APIKey, checkAccessKey},
		{"ACCESS_ANON_KEY", g.AnonKey, checkAccessKey},
	} {
		switch {
		case s.text == "":
		case published[strings.TrimSpace(s.text)]:
			wrong = append(wrong, placeholderError(s.name))
		default:
			wrong = append(wrong, s.check(s.name, s.text))
		}
	}
	if n := utf8.RuneCountInString(g.AdminUsername); n > maxAdminName {
		wrong = append(wrong, fmt.Errorf("ROOT_ADMIN_USERNAME has %d characters; use at most %d", n, maxAdminName))
	}
	return errors.Join(wrong...)
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

func withPrefix(key, prefix string) string {
	if key == "" || strings.HasPrefix(key, prefix) {
		return key
	}
	return prefix + key
}
