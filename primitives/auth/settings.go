package auth

import "github.com/insforge/insforge-go/primitives/auth/guard"

// Method is how a mailed secret is presented: typed in or opened.
type Method string

// The two methods.
const (
	ByCode Method = "code"
	ByLink Method = "link"
)

// Settings are how users may sign up and what their passwords must be. They
// are the row of auth.config, or the defaults while there is none.
type Settings struct {
	RequireEmailVerification bool
	guard.PasswordRules
	VerifyEmailMethod   Method
	ResetPasswordMethod Method
	AllowedRedirectURLs []string
	DisableSignup       bool
}

func defaultSettings() Settings {
	return Settings{PasswordRules: guard.PasswordRules{PasswordMinLength: 6}, VerifyEmailMethod: ByCode, ResetPasswordMethod: ByCode}
}
