package auth

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// insertSpentState notes that a state came back and tells whether it is the
// first time. What has expired is forgotten on the way.
func insertSpentState(ctx context.Context, tx pg.Tx, digest []byte, expires, now time.Time) (first bool, err error) {
	if _, err := tx.Exec(ctx, `DELETE FROM auth.oauth_spent_states WHERE expires_at <= $1`, now); err != nil {
		return false, err
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO auth.oauth_spent_states (digest, expires_at)
		VALUES ($1, $2)
		ON CONFLICT (digest) DO NOTHING`, digest, expires)
	return tag.RowsAffected() == 1, err
}

// insertCode stores a code by its digest. What has expired is forgotten on the
// way.
func insertCode(ctx context.Context, tx pg.Tx, digest []byte, userID, challenge string, expires, now time.Time) error {
	if _, err := tx.Exec(ctx, `DELETE FROM auth.oauth_codes WHERE expires_at <= $1`, now); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO auth.oauth_codes (digest, user_id, code_challenge, expires_at)
		VALUES ($1, $2, $3, $4)`, digest, userID, challenge, expires)
	return err
}

// deleteCodes deletes the codes of a user.
func deleteCodes(ctx context.Context, tx pg.Tx, userID uuid.UUID) error {
	_, err := tx.Exec(ctx, `DELETE FROM auth.oauth_codes WHERE user_id = $1`, userID)
	return err
}

// issuedCode is a stored code.
type issuedCode struct {
	userID    uuid.UUID
	challenge string
	expires   time.Time
}

// takeCode removes a code and returns what it stands for; the zero issuedCode
// when there is none.
func takeCode(ctx context.Context, tx pg.Tx, digest []byte) (c issuedCode, err error) {
	err = tx.QueryRow(ctx, `
		DELETE FROM auth.oauth_codes
		 WHERE digest = $1
		RETURNING user_id::text, code_challenge, expires_at`, digest).Scan(&c.userID, &c.challenge, &c.expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return issuedCode{}, nil
	}
	return c, err
}

// holder is the user that a sign-in was found to be of.
type holder struct {
	id       uuid.UUID
	email    string
	verified bool
}

func scanHolder(row pgx.Row) (h holder, ok bool, err error) {
	err = row.Scan(&h.id, &h.email, &h.verified)
	if errors.Is(err, pgx.ErrNoRows) {
		return holder{}, false, nil
	}
	return h, err == nil, err
}

// holderByAccount locks the user who signed in with this account before.
func holderByAccount(ctx context.Context, tx pg.Tx, provider oauth.Name, accountID string) (holder, bool, error) {
	return scanHolder(tx.QueryRow(ctx, `
		SELECT u.id::text, u.email, u.email_verified
		  FROM auth.user_providers p
		  JOIN auth.users u ON u.id = p.user_id
		 WHERE p.provider = $1
		   AND p.provider_account_id = $2
		   FOR UPDATE OF u`, string(provider), accountID))
}

// holderByEmail locks the user with an address in lower case, the oldest one.
func holderByEmail(ctx context.Context, tx pg.Tx, email string) (holder, bool, error) {
	return scanHolder(tx.QueryRow(ctx, `
		SELECT u.id::text, u.email, u.email_verified
		  FROM auth.users u
		 WHERE lower(u.email) = $1
		 ORDER BY u.created_at, u.id
		 LIMIT 1
		   FOR UPDATE`, email))
}

// markVerified notes that an address is its user's.
func markVerified(ctx context.Context, tx pg.Tx, id uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		UPDATE auth.users
		   SET email_verified = true,
		       updated_at = now()
		 WHERE id = $1`, id)
	return err
}

// insertHolder stores a new user without password, or returns ok false when
// the address is taken.
func insertHolder(ctx context.Context, tx pg.Tx, email string, verified bool, profile map[string]string) (holder, bool, error) {
	return scanHolder(tx.QueryRow(ctx, `
		INSERT INTO auth.users AS u (email, email_verified, profile)
		SELECT $1::text, $2::boolean, $3::jsonb
		 WHERE NOT EXISTS (SELECT FROM auth.users WHERE lower(email) = $1)
		ON CONFLICT (email) DO NOTHING
		RETURNING u.id::text, u.email, u.email_verified`, email, verified, profile))
}

// attachAccount makes an account one that a user signs in with, or returns
// false when it is somebody's already.
func attachAccount(ctx context.Context, tx pg.Tx, id uuid.UUID, provider oauth.Name, a oauth.Account) (bool, error) {
	data, err := providerData(a)
	if err != nil {
		return false, err
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO auth.user_providers (user_id, provider, provider_account_id, provider_data)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (provider, provider_account_id) DO NOTHING`, id, string(provider), a.ID, data)
	return tag.RowsAffected() == 1, err
}

// refreshAccount notes what the provider says today.
func refreshAccount(ctx context.Context, tx pg.Tx, provider oauth.Name, a oauth.Account) error {
	data, err := providerData(a)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		UPDATE auth.user_providers
		   SET provider_data = $3,
		       updated_at = now()
		 WHERE provider = $1
		   AND provider_account_id = $2`, string(provider), a.ID, data)
	return err
}

// providerData is what is stored of an account. The provider's tokens are
// not: nothing needs them once the account is known.
func providerData(a oauth.Account) (json.RawMessage, error) {
	return json.Marshal(map[string]any{
		"id": a.ID, "email": a.Email, "email_verified": a.EmailVerified,
		"name": a.Name, "username": a.Username, "avatar_url": a.AvatarURL,
	})
}

// lockOAuthConfigs lets one transaction at a time change which providers are
// configured.
func lockOAuthConfigs(ctx context.Context, tx pg.Tx) error {
	_, err := tx.Exec(ctx, `LOCK TABLE auth.oauth_configs, auth.custom_oauth_configs IN SHARE ROW EXCLUSIVE MODE`)
	return err
}

// oauthConfig is the configuration of a built-in provider, as administrators
// see it.
type oauthConfig struct {
	ID              string     `json:"id"`
	Provider        oauth.Name `json:"provider"`
	ClientID        *string    `json:"clientId"`
	ClientSecret    string     `json:"clientSecret,omitempty"`
	NativeClientIDs []string   `json:"nativeClientIds"`
	RedirectURI     *string    `json:"redirectUri"`
	Scopes          []string   `json:"scopes"`
	UseSharedKey    bool       `json:"useSharedKey"`
	// CallbackURL is what to enter at the provider.
	CallbackURL string    `json:"callbackUrl"`
	CreatedAt   rest.Time `json:"createdAt"`
	UpdatedAt   rest.Time `json:"updatedAt"`

	secretID *uuid.UUID
}

const oauthConfigColumns = `
	id::text, provider, client_id, secret_id::text, scopes, redirect_uri, use_shared_key, native_client_ids, created_at, updated_at`

func scanOAuthConfig(row pgx.Row) (c oauthConfig, err error) {
	var created, updated time.Time
	err = row.Scan(&c.ID, &c.Provider, &c.ClientID, &c.secretID, &c.Scopes, &c.RedirectURI, &c.UseSharedKey, &c.NativeClientIDs,
		&created, &updated)
	c.CreatedAt, c.UpdatedAt = rest.Time(created), rest.Time(updated)
	if c.Scopes == nil {
		c.Scopes = []string{}
	}
	return c, err
}

func listOAuthConfigs(ctx context.Context, tx pg.Tx) ([]oauthConfig, error) {
	rows, err := tx.Query(ctx, `SELECT`+oauthConfigColumns+` FROM auth.oauth_configs ORDER BY provider`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (oauthConfig, error) { return scanOAuthConfig(row) })
}

// findOAuthConfig returns a configuration, or 404 AUTH_OAUTH_CONFIG_NOT_FOUND.
func findOAuthConfig(ctx context.Context, tx pg.Tx, provider oauth.Name) (oauthConfig, error) {
	c, err := scanOAuthConfig(tx.QueryRow(ctx, `
		SELECT`+oauthConfigColumns+`
		  FROM auth.oauth_configs
		 WHERE provider = $1`, string(provider)))
	if errors.Is(err, pgx.ErrNoRows) {
		return c, errNoOAuthConfig(string(provider))
	}
	return c, err
}

func insertOAuthConfig(ctx context.Context, tx pg.Tx, c oauthConfig) (oauthConfig, error) {
	return scanOAuthConfig(tx.QueryRow(ctx, `
		INSERT INTO auth.oauth_configs (provider, client_id, secret_id, scopes, native_client_ids)
		VALUES ($1, $2, $3, $4, $5)
		RETURNING`+oauthConfigColumns, string(c.Provider), c.ClientID, c.secretID, c.Scopes, c.NativeClientIDs))
}

func updateOAuthConfig(ctx context.Context, tx pg.Tx, c oauthConfig) (oauthConfig, error) {
	return scanOAuthConfig(tx.QueryRow(ctx, `
		UPDATE auth.oauth_configs
		   SET client_id = $2,
		       secret_id = $3,
		       scopes = $4,
		       redirect_uri = $5,
		       use_shared_key = $6,
		       native_client_ids = $7
		 WHERE id = $1
		RETURNING`+oauthConfigColumns, c.ID, c.ClientID, c.secretID, c.Scopes, c.RedirectURI, c.UseSharedKey, c.NativeClientIDs))
}

func deleteOAuthConfig(ctx context.Context, tx pg.Tx, id string) error {
	_, err := tx.Exec(ctx, `DELETE FROM auth.oauth_configs WHERE id = $1`, id)
	return err
}

// customOAuthConfig is the configuration of a custom provider, as
// administrators see it.
type customOAuthConfig struct {
	ID                string     `json:"id"`
	Key               oauth.Name `json:"key"`
	Name              string     `json:"name"`
	DiscoveryEndpoint string     `json:"discoveryEndpoint"`
	ClientID          string     `json:"clientId"`
	ClientSecret      string     `json:"clientSecret,omitempty"`
	// CallbackURL is what to enter at the provider.
	CallbackURL string    `json:"callbackUrl"`
	CreatedAt   rest.Time `json:"createdAt"`
	UpdatedAt   rest.Time `json:"updatedAt"`

	secretID uuid.UUID
}

const customOAuthColumns = `
	id::text, key, name, discovery_endpoint, client_id, secret_id::text, created_at, updated_at`

func scanCustomOAuth(row pgx.Row) (c customOAuthConfig, err error) {
	var created, updated time.Time
	err = row.Scan(&c.ID, &c.Key, &c.Name, &c.DiscoveryEndpoint, &c.ClientID, &c.secretID, &created, &updated)
	c.CreatedAt, c.UpdatedAt = rest.Time(created), rest.Time(updated)
	return c, err
}

func listCustomOAuth(ctx context.Context, tx pg.Tx) ([]customOAuthConfig, error) {
	rows, err := tx.Query(ctx, `SELECT`+customOAuthColumns+` FROM auth.custom_oauth_configs ORDER BY key`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (customOAuthConfig, error) { return scanCustomOAuth(row) })
}

// findCustomOAuth returns a configuration, or 404 AUTH_OAUTH_CONFIG_NOT_FOUND.
func findCustomOAuth(ctx context.Context, tx pg.Tx, key oauth.Name) (customOAuthConfig, error) {
	c, err := scanCustomOAuth(tx.QueryRow(ctx, `
		SELECT`+customOAuthColumns+`
		  FROM auth.custom_oauth_configs
		 WHERE key = $1`, string(key)))
	if errors.Is(err, pgx.ErrNoRows) {
		return c, errNoOAuthConfig(string(key))
	}
	return c, err
}

func insertCustomOAuth(ctx context.Context, tx pg.Tx, c customOAuthConfig) (customOAuthConfig, error) {
	return scanCustomOAuth(tx.QueryRow(ctx, `
		INSERT INTO auth.custom_oauth_configs (key, name, discovery_endpoint, client_id, secret_id)
		VALUES ($1, $2, $3, $4, $5)
		RETURNING`+customOAuthColumns, string(c.Key), c.Name, c.DiscoveryEndpoint, c.ClientID, c.secretID))
}

func updateCustomOAuth(ctx context.Context, tx pg.Tx, c customOAuthConfig) (customOAuthConfig, error) {
	return scanCustomOAuth(tx.QueryRow(ctx, `
		UPDATE auth.custom_oauth_configs
		   SET name = $2,
		       discovery_endpoint = $3,
		       client_id = $4
		 WHERE id = $1
		RETURNING`+customOAuthColumns, c.ID, c.Name, c.DiscoveryEndpoint, c.ClientID))
}

func deleteCustomOAuth(ctx context.Context, tx pg.Tx, id string) error {
	_, err := tx.Exec(ctx, `DELETE FROM auth.custom_oauth_configs WHERE id = $1`, id)
	return err
}
