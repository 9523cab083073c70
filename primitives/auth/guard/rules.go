package guard

import (
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// PasswordRules are what a new password must meet.
type PasswordRules struct {
	PasswordMinLength  int  `json:"passwordMinLength"`
	RequireNumber      bool `json:"requireNumber"`
	RequireLowercase   bool `json:"requireLowercase"`
	RequireUppercase   bool `json:"requireUppercase"`
	RequireSpecialChar bool `json:"requireSpecialChar"`
}

const (
	digits    = "0123456789"
	lowercase = "abcdefghijklmnopqrstuvwxyz"
	uppercase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	specials  = `!@#$%^&*()_+-=[]{};\|,.<>/?`
)

// CheckPassword returns 400 INVALID_INPUT, listing all requirements, unless
// password meets them. Its length is counted in UTF-16 code units, as
// JavaScript does.
func (r PasswordRules) CheckPassword(password string) error {
	wanted := []string{fmt.Sprintf("at least %d characters long", r.PasswordMinLength)}
	ok := len(utf16.Encode([]rune(password))) >= r.PasswordMinLength
	for _, class := range []struct {
		required    bool
		chars, text string
	}{
		{r.RequireNumber, digits, "at least one number"},
		{r.RequireLowercase, lowercase, "at least one lowercase letter"},
		{r.RequireUppercase, uppercase, "at least one uppercase letter"},
		{r.RequireSpecialChar, specials, "at least one special character"},
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
