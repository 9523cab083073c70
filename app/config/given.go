package config

import (
	"errors"
	"fmt"
	"strings"
)

// maxCredentialLength bounds the administrator's name and password.
const maxCredentialLength = 4096

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
			Description: "signs refresh tokens and checks tokens of third parties; unset, a random one is generated"},
		{Name: "ENCRYPTION_KEY", value: secret(&g.EncryptionKey),
			Description: "encrypts stored secrets; unset, a random one is generated"},
		{Name: "ROOT_ADMIN_USERNAME", Formerly: "ADMIN_EMAIL", value: text(&g.AdminUsername),
			Description: "the administrator's name; unset, admin"},
		{Name: "ROOT_ADMIN_PASSWORD", Formerly: "ADMIN_PASSWORD", value: secret(&g.AdminPassword),
			Description: "the administrator's password; unset, a random one is generated"},
		{Name: "ACCESS_API_KEY", value: secret(&g.APIKey),
			Description: "the first API key, with or without its ik_; unset, a random one is generated"},
		{Name: "ACCESS_ANON_KEY", value: secret(&g.AnonKey),
			Description: "the first anon key, with or without its anon_; unset, a random one is generated"},
	}
}

// published are values from public example files. A server that starts with
// one has keys that everybody knows.
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
	for _, s := range g.settings() {
		if s.Secret && published[strings.TrimSpace(*s.kept)] {
			wrong = append(wrong, placeholderError(s.Name))
		}
	}
	if g.APIKey == apiKeyPrefix || g.AnonKey == anonKeyPrefix {
		wrong = append(wrong, errors.New("ACCESS_API_KEY and ACCESS_ANON_KEY need a value after their prefix"))
	}
	if len(g.AdminUsername) > maxCredentialLength || len(g.AdminPassword) > maxCredentialLength {
		wrong = append(wrong, fmt.Errorf("ROOT_ADMIN_USERNAME and ROOT_ADMIN_PASSWORD may have at most %d characters", maxCredentialLength))
	}
	return errors.Join(wrong...)
}

func withPrefix(key, prefix string) string {
	if key == "" || strings.HasPrefix(key, prefix) {
		return key
	}
	return prefix + key
}
