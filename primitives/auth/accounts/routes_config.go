package accounts

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/redirect"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// maxRedirectEntries bounds the list that every redirect is matched against.
const maxRedirectEntries = 256

type configAnswer struct {
	ID                       string `json:"id"`
	RequireEmailVerification bool   `json:"requireEmailVerification"`
	guard.PasswordRules
	VerifyEmailMethod   Method    `json:"verifyEmailMethod"`
	ResetPasswordMethod Method    `json:"resetPasswordMethod"`
	AllowedRedirectURLs []string  `json:"allowedRedirectUrls"`
	DisableSignup       bool      `json:"disableSignup"`
	CreatedAt           rest.Time `json:"createdAt"`
	UpdatedAt           rest.Time `json:"updatedAt"`
}

func answerOf(c Config) configAnswer {
	return configAnswer{
		ID:                       c.ID,
		RequireEmailVerification: c.RequireEmailVerification,
		PasswordRules:            c.PasswordRules,
		VerifyEmailMethod:        c.VerifyEmailMethod,
		ResetPasswordMethod:      c.ResetPasswordMethod,
		AllowedRedirectURLs:      append([]string{}, c.AllowedRedirectURLs...),
		DisableSignup:            c.DisableSignup,
		CreatedAt:                rest.Time(c.CreatedAt),
		UpdatedAt:                rest.Time(c.UpdatedAt),
	}
}

// handleConfig serves "GET /api/auth/config".
func (s *Service) handleConfig(c rest.Context) error {
	config, err := s.Config(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, answerOf(config))
}

// handleConfigure serves "PUT /api/auth/config".
func (s *Service) handleConfigure(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	change := changeOf(f)
	if err := f.Err(); err != nil {
		return err
	}
	config, err := s.Configure(c.Request().Context(), change)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, answerOf(config))
}

func changeOf(f *rest.Fields) Change {
	return Change{
		RequireEmailVerification: f.OptBool("requireEmailVerification"),
		PasswordMinLength:        f.OptInt("passwordMinLength", 4, 128),
		RequireNumber:            f.OptBool("requireNumber"),
		RequireLowercase:         f.OptBool("requireLowercase"),
		RequireUppercase:         f.OptBool("requireUppercase"),
		RequireSpecialChar:       f.OptBool("requireSpecialChar"),
		VerifyEmailMethod:        methodIn(f, "verifyEmailMethod"),
		ResetPasswordMethod:      methodIn(f, "resetPasswordMethod"),
		AllowedRedirectURLs:      redirectsIn(f, "allowedRedirectUrls"),
		DisableSignup:            f.OptBool("disableSignup"),
	}
}

// methodIn reads a method that may be absent (nil).
func methodIn(f *rest.Fields, name string) *Method {
	if !f.Has(name) {
		return nil
	}
	m := Method(f.Enum(name, string(ByCode), string(ByLink)))
	return &m
}

// redirectsIn reads a list of redirects that may be absent (nil) or null (an
// empty list).
func redirectsIn(f *rest.Fields, name string) *[]string {
	if !f.Has(name) {
		return nil
	}
	if bytes.Equal(f.Raw(name), []byte("null")) {
		return new([]string)
	}
	list := f.Strings(name, redirect.CheckEntry)
	if len(list) > maxRedirectEntries {
		f.Complain(name, fmt.Sprintf("Array must contain at most %d element(s)", maxRedirectEntries))
	}
	return &list
}
