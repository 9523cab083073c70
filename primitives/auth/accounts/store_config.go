package accounts

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// configColumns are what scanConfig reads.
const configColumns = `
	id::text, require_email_verification, password_min_length, require_number, require_lowercase,
	require_uppercase, require_special_char, verify_email_method, reset_password_method,
	allowed_redirect_urls, disable_signup, created_at, updated_at`

// selectConfig selects the row for configOf.
const selectConfig = `SELECT ` + configColumns + ` FROM auth.config`

func scanConfig(row pgx.Row) (c Config, err error) {
	err = row.Scan(&c.ID, &c.RequireEmailVerification, &c.PasswordMinLength, &c.RequireNumber, &c.RequireLowercase,
		&c.RequireUppercase, &c.RequireSpecialChar, &c.VerifyEmailMethod, &c.ResetPasswordMethod,
		&c.AllowedRedirectURLs, &c.DisableSignup, &c.CreatedAt, &c.UpdatedAt)
	return c, err
}

// configOf returns the row of auth.config, or the defaults without dates.
func configOf(row pgx.Row) (Config, error) {
	c, err := scanConfig(row)
	if errors.Is(err, pgx.ErrNoRows) {
		return Config{ID: uuid.Nil.String(), Settings: defaultSettings()}, nil
	}
	return c, err
}

func loadConfig(ctx context.Context, tx pg.Tx) (Config, error) {
	return configOf(tx.QueryRow(ctx, selectConfig))
}

// QueueSettings adds a query to b that reads the settings of auth.config, or
// the defaults, into a variable.
func QueueSettings(b *pgx.Batch, into *Settings) {
	b.Queue(selectConfig).QueryRow(func(row pgx.Row) error {
		c, err := configOf(row)
		*into = c.Settings
		return err
	})
}

// LoadSettings returns the settings of auth.config, or the defaults.
func LoadSettings(ctx context.Context, tx pg.Tx) (Settings, error) {
	c, err := loadConfig(ctx, tx)
	return c.Settings, err
}

// storeConfig makes settings the row of auth.config.
func storeConfig(ctx context.Context, tx pg.Tx, s Settings) (Config, error) {
	return scanConfig(tx.QueryRow(ctx, `
		INSERT INTO auth.config (require_email_verification, password_min_length, require_number, require_lowercase,
		                         require_uppercase, require_special_char, verify_email_method, reset_password_method,
		                         allowed_redirect_urls, disable_signup)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT ((1)) DO UPDATE
		   SET require_email_verification = EXCLUDED.require_email_verification,
		       password_min_length = EXCLUDED.password_min_length,
		       require_number = EXCLUDED.require_number,
		       require_lowercase = EXCLUDED.require_lowercase,
		       require_uppercase = EXCLUDED.require_uppercase,
		       require_special_char = EXCLUDED.require_special_char,
		       verify_email_method = EXCLUDED.verify_email_method,
		       reset_password_method = EXCLUDED.reset_password_method,
		       allowed_redirect_urls = EXCLUDED.allowed_redirect_urls,
		       disable_signup = EXCLUDED.disable_signup
		RETURNING `+configColumns,
		s.RequireEmailVerification, s.PasswordMinLength, s.RequireNumber, s.RequireLowercase,
		s.RequireUppercase, s.RequireSpecialChar, string(s.VerifyEmailMethod), string(s.ResetPasswordMethod),
		s.AllowedRedirectURLs, s.DisableSignup))
}
