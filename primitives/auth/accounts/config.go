package accounts

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// configuredPatience bounds how long to ask whether mails can be sent.
const configuredPatience = 5 * time.Second

// Config is the settings as stored.
type Config struct {
	Settings
	// ID is the zero UUID while nothing is stored.
	ID                   string
	CreatedAt, UpdatedAt time.Time
}

// Change is a change of the settings; nil leaves a setting unchanged.
type Change struct {
	RequireEmailVerification *bool
	PasswordMinLength        *int
	RequireNumber            *bool
	RequireLowercase         *bool
	RequireUppercase         *bool
	RequireSpecialChar       *bool
	VerifyEmailMethod        *Method
	ResetPasswordMethod      *Method
	AllowedRedirectURLs      *[]string
	DisableSignup            *bool
}

// apply changes settings and returns the names of those that it sets.
func (c Change) apply(s *Settings) (names []string) {
	return slices.Concat(
		assign(&s.RequireEmailVerification, c.RequireEmailVerification, "requireEmailVerification"),
		assign(&s.PasswordMinLength, c.PasswordMinLength, "passwordMinLength"),
		assign(&s.RequireNumber, c.RequireNumber, "requireNumber"),
		assign(&s.RequireLowercase, c.RequireLowercase, "requireLowercase"),
		assign(&s.RequireUppercase, c.RequireUppercase, "requireUppercase"),
		assign(&s.RequireSpecialChar, c.RequireSpecialChar, "requireSpecialChar"),
		assign(&s.VerifyEmailMethod, c.VerifyEmailMethod, "verifyEmailMethod"),
		assign(&s.ResetPasswordMethod, c.ResetPasswordMethod, "resetPasswordMethod"),
		assign(&s.AllowedRedirectURLs, c.AllowedRedirectURLs, "allowedRedirectUrls"),
		assign(&s.DisableSignup, c.DisableSignup, "disableSignup"),
	)
}

// assign sets a setting unless value is nil, and returns its name if so.
func assign[T any](to, value *T, name string) []string {
	if value == nil {
		return nil
	}
	*to = *value
	return []string{name}
}

// Config returns the settings and when they were stored. Only administrators
// may call it.
func (s *Service) Config(ctx context.Context) (config Config, err error) {
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
		config, err = loadConfig(ctx, tx)
		return err
	})
	return s.dated(config), err
}

// dated gives a date to the defaults, which were never stored.
func (s *Service) dated(c Config) Config {
	if c.ID == uuid.Nil.String() {
		c.CreatedAt, c.UpdatedAt = s.now(), s.now()
	}
	return c
}

// Configure changes the settings and returns them. Only administrators may
// call it.
//
// It returns 400 EMAIL_PROVIDER_NOT_CONFIGURED when verification is switched on
// while no mail can be sent.
func (s *Service) Configure(ctx context.Context, change Change) (config Config, err error) {
	// Waiting for the lock takes a connection, and its holder needs another one
	// to ask the mail service. One at a time, so that those waiting do not use
	// up the pool.
	s.configuring.Lock()
	defer s.configuring.Unlock()
	// The project's administrator may read auth.config, and no more.
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		if err := pg.MailSettings.Take(ctx, tx); err != nil {
			return err
		}
		if config, err = loadConfig(ctx, tx); err != nil {
			return err
		}
		names := change.apply(&config.Settings)
		if len(names) == 0 {
			return nil
		}
		if err := s.checkVerifiable(ctx, change); err != nil {
			return err
		}
		if config, err = storeConfig(ctx, tx, config.Settings); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Entry{
			Module:  audit.Auth,
			Action:  "UPDATE_AUTH_CONFIG",
			Details: map[string]any{"updatedFields": names},
		})
	})
	return s.dated(config), err
}

// checkVerifiable returns 400 EMAIL_PROVIDER_NOT_CONFIGURED for a change that
// switches verification on while no mail can be sent.
func (s *Service) checkVerifiable(ctx context.Context, change Change) error {
	if change.RequireEmailVerification == nil || !*change.RequireEmailVerification {
		return nil
	}
	// Changes of the mail service wait for the lock too, and may hold the
	// connections that the answer needs.
	ctx, cancel := context.WithTimeout(ctx, configuredPatience)
	defer cancel()
	ok, err := s.mailConfigured(ctx)
	if err != nil || ok {
		return err
	}
	return fault.New(http.StatusBadRequest, fault.EmailProviderNotConfigured, "E-mail verification needs an e-mail service").
		Next("Set up SMTP with PUT /api/auth/smtp-config first.")
}

// VerificationRequired reports whether users must verify their address before
// they may sign in. A caller that is about to change something that depends on
// it holds pg.MailSettings.
func (s *Service) VerificationRequired(ctx context.Context, tx pg.Tx) (bool, error) {
	settings, err := LoadSettings(ctx, tx)
	return settings.RequireEmailVerification, err
}
