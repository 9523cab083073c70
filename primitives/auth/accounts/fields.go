package accounts

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/auth/redirect"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// EmailIn reads the member email of a body, in lower case.
func EmailIn(f *rest.Fields) string { return strings.ToLower(f.String("email", rest.Email)) }

// NameIn reads the name that a new user goes by; empty for none.
func NameIn(f *rest.Fields) string {
	if name := f.OptString("name", rest.NoNUL, rest.Trimmed(rest.MinLength(1), rest.MaxLength(100))); name != nil {
		return strings.TrimSpace(*name)
	}
	return ""
}

// RedirectIn reads where a mailed link is to lead; empty for nowhere.
func RedirectIn(f *rest.Fields) string {
	if to := f.OptString("redirectTo", rest.NoNUL, rest.URL, rest.MaxLength(redirect.MaxBytes)); to != nil {
		return *to
	}
	return ""
}

// PasswordIn reads a password that is being presented or set. What a new one
// must contain is up to the settings. NUL is refused because bcrypt stops there.
func PasswordIn(f *rest.Fields, name string) string { return f.String(name, rest.NoNUL) }

// UserIDParam returns the path parameter userId, or 400 INVALID_INPUT.
func UserIDParam(c rest.Context) (uuid.UUID, error) {
	text := rest.Param(c, "userId")
	if complaint := rest.UUID(text); complaint != "" {
		return uuid.UUID{}, fault.Invalid("userId: " + complaint).Next("Use the id of a user, a UUID.")
	}
	return uuid.Parse(text)
}

// CallerID returns the id of the signed-in caller. ok is false for a caller who
// cannot be a user of the project, such as one with a third party's token.
func CallerID(ctx context.Context) (id uuid.UUID, ok bool) {
	p := identity.From(ctx)
	if p.Kind != identity.User || rest.UUID(p.Subject) != "" {
		return uuid.UUID{}, false
	}
	id, err := uuid.Parse(p.Subject)
	return id, err == nil
}
