package accounts

import (
	"net/http"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/redirect"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// Method is how a mailed secret is presented: a code is typed in, a link is
// opened.
type Method string

// The two methods.
const (
	ByCode Method = "code"
	ByLink Method = "link"
)

// Settings are how users may sign up and what their passwords must meet. They
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

// CheckRedirect returns 400 INVALID_INPUT unless mailed links may lead to
// target.
func (s Settings) CheckRedirect(target string) error {
	if target == "" {
		return fault.Invalid("redirectTo is required when links are mailed").
			Next("Send redirectTo, the page that the link leads to.")
	}
	if !redirect.Allowed(s.AllowedRedirectURLs, target) {
		return fault.Invalid("redirectTo is not an allowed redirect URL").
			Next("Add the URL to the allowed redirect URLs of the project.")
	}
	return nil
}

// ErrSignupDisabled returns 403 AUTH_SIGNUP_DISABLED.
func ErrSignupDisabled() *fault.Error {
	return fault.New(http.StatusForbidden, fault.AuthSignupDisabled, "Sign-up is disabled").
		Next("Ask an administrator for an account.")
}
