package auth

import (
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

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
	PasswordMinLength        int
	RequireNumber            bool
	RequireLowercase         bool
	RequireUppercase         bool
	RequireSpecialChar       bool
	VerifyEmailMethod        Method
	ResetPasswordMethod      Method
	AllowedRedirectURLs      []string
	DisableSignup            bool
}

func defaultSettings() Settings {
	return Settings{PasswordMinLength: 6, VerifyEmailMethod: ByCode, ResetPasswordMethod: ByCode}
}

const (
	digits     = "0123456789"
	lowercase  = "abcdefghijklmnopqrstuvwxyz"
	uppercase  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	specials   = `!@#$%^&*()_+-=[]{};\|,.<>/?`
	lengthText = "at least %d characters long"
)

// checkPassword returns 400 INVALID_INPUT with all requirements unless
// password meets them. The length is counted in UTF-16 code units, as
// JavaScript does.
func (s Settings) checkPassword(password string) error {
	wanted := []string{fmt.Sprintf(lengthText, s.PasswordMinLength)}
	ok := len(utf16.Encode([]rune(password))) >= s.PasswordMinLength
	for _, class := range []struct {
		required    bool
		chars, text string
	}{
		{s.RequireNumber, digits, "at least one number"},
		{s.RequireLowercase, lowercase, "at least one lowercase letter"},
		{s.RequireUppercase, uppercase, "at least one uppercase letter"},
		{s.RequireSpecialChar, specials, "at least one special character"},
	} {
		if class.required {
			wanted = append(wanted, class.text)
			ok = ok && strings.ContainsAny(password, class.chars)
		}
	}
	if ok {
		return nil
	}
	return fault.Invalid("Password must contain " + strings.Join(wanted, ", ")).
		Next("Choose a password that meets all requirements.")
}
