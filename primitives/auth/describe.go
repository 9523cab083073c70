package auth

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/federated"
	"github.com/insforge/insforge-go/primitives/auth/guard"
)

// publicConfig is what anyone may know about the settings.
type publicConfig struct {
	OAuthProviders           []string `json:"oAuthProviders"`
	CustomOAuthProviders     []string `json:"customOAuthProviders"`
	RequireEmailVerification bool     `json:"requireEmailVerification"`
	guard.PasswordRules
	VerifyEmailMethod   accounts.Method `json:"verifyEmailMethod"`
	ResetPasswordMethod accounts.Method `json:"resetPasswordMethod"`
	DisableSignup       bool            `json:"disableSignup"`
}

// Description is the auth part of the project's metadata.
type Description struct {
	publicConfig
	// AllowedRedirectURLs is never null: clients take its presence as a sign that
	// the server supports the setting.
	AllowedRedirectURLs []string `json:"allowedRedirectUrls"`
}

// Describe returns how users sign up and in, in one round trip. Only
// administrators may see all of it.
func (s *Service) Describe(ctx context.Context) (Description, error) {
	var b pgx.Batch
	var settings accounts.Settings
	var builtIn, custom []string
	accounts.QueueSettings(&b, &settings)
	federated.QueueNames(&b, &builtIn, &custom)
	if err := s.db.AsProjectAtOnce(ctx, &b); err != nil {
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
