package auth

import (
	"context"

	"github.com/insforge/insforge-go/primitives/auth/guard"
)

// publicConfig is what everybody may know of the settings.
type publicConfig struct {
	OAuthProviders           []string `json:"oAuthProviders"`
	CustomOAuthProviders     []string `json:"customOAuthProviders"`
	RequireEmailVerification bool     `json:"requireEmailVerification"`
	guard.PasswordRules
	VerifyEmailMethod   Method `json:"verifyEmailMethod"`
	ResetPasswordMethod Method `json:"resetPasswordMethod"`
	DisableSignup       bool   `json:"disableSignup"`
}

// Description is the auth part of the project's metadata.
type Description struct {
	publicConfig
	// AllowedRedirectURLs is never null: its presence tells clients that the
	// server knows the setting.
	AllowedRedirectURLs []string `json:"allowedRedirectUrls"`
}

// Describe returns how users sign up and in. Only administrators may see all
// of it.
func (s *Service) Describe(ctx context.Context) (Description, error) {
	settings, builtIn, custom, err := s.publicSettings(ctx)
	if err != nil {
		return Description{}, err
	}
	allowed := settings.AllowedRedirectURLs
	if allowed == nil {
		allowed = []string{}
	}
	return Description{
		publicConfig: publicConfig{
			OAuthProviders:           builtIn,
			CustomOAuthProviders:     custom,
			RequireEmailVerification: settings.RequireEmailVerification,
			PasswordRules:            settings.PasswordRules,
			VerifyEmailMethod:        settings.VerifyEmailMethod,
			ResetPasswordMethod:      settings.ResetPasswordMethod,
			DisableSignup:            settings.DisableSignup,
		},
		AllowedRedirectURLs: allowed,
	}, nil
}
