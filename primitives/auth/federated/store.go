package federated

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// insertSpentState records that a state came back and reports whether it is the
// first time. It deletes expired ones.
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

// lockConfigs lets one transaction at a time change which providers are
// configured.
func lockConfigs(ctx context.Context, tx pg.Tx) error {
	_, err := tx.Exec(ctx, `LOCK TABLE auth.oauth_configs, auth.custom_oauth_configs IN SHARE ROW EXCLUSIVE MODE`)
	return err
}

// builtInConfig is the configuration of a built-in provider, as administrators
// see it.
type builtInConfig struct {
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

const configColumns = `
	id::text, provider, client_id, secret_id::text, scopes, redirect_uri, use_shared_key, native_client_ids, created_at, updated_at`

func scanConfig(row pgx.Row) (c builtInConfig, err error) {
	var created, updated time.Time
	err = row.Scan(&c.ID, &c.Provider, &c.ClientID, &c.secretID, &c.Scopes, &c.RedirectURI, &c.UseSharedKey, &c.NativeClientIDs,
		&created, &updated)
	c.CreatedAt, c.UpdatedAt = rest.Time(created), rest.Time(updated)
	if c.Scopes == nil {
		c.Scopes = []string{}
	}
	return c, err
}

func selectConfigs(ctx context.Context, tx pg.Tx) ([]builtInConfig, error) {
	rows, err := tx.Query(ctx, `SELECT`+configColumns+` FROM auth.oauth_configs ORDER BY provider`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (builtInConfig, error) { return scanConfig(row) })
}

// selectConfig returns a configuration, or 404 AUTH_OAUTH_CONFIG_NOT_FOUND.
func selectConfig(ctx context.Context, tx pg.Tx, provider oauth.Name) (builtInConfig, error) {
	c, err := scanConfig(tx.QueryRow(ctx, `
		SELECT`+configColumns+`
		  FROM auth.oauth_configs
		 WHERE provider = $1`, string(provider)))
	if errors.Is(err, pgx.ErrNoRows) {
		return c, errNoConfig(string(provider))
	}
	return c, err
}

func insertConfig(ctx context.Context, tx pg.Tx, c builtInConfig) (builtInConfig, error) {
	return scanConfig(tx.QueryRow(ctx, `
		INSERT INTO auth.oauth_configs (provider, client_id, secret_id, scopes, native_client_ids)
		VALUES ($1, $2, $3, $4, $5)
		RETURNING`+configColumns, string(c.Provider), c.ClientID, c.secretID, c.Scopes, c.NativeClientIDs))
}

func updateConfig(ctx context.Context, tx pg.Tx, c builtInConfig) (builtInConfig, error) {
	return scanConfig(tx.QueryRow(ctx, `
		UPDATE auth.oauth_configs
		   SET client_id = $2,
		       secret_id = $3,
		       scopes = $4,
		       redirect_uri = $5,
		       use_shared_key = $6,
		       native_client_ids = $7
		 WHERE id = $1
		RETURNING`+configColumns, c.ID, c.ClientID, c.secretID, c.Scopes, c.RedirectURI, c.UseSharedKey, c.NativeClientIDs))
}

func deleteConfig(ctx context.Context, tx pg.Tx, id string) error {
	_, err := tx.Exec(ctx, `DELETE FROM auth.oauth_configs WHERE id = $1`, id)
	return err
}

// customConfig is the configuration of a custom provider, as administrators see
// it.
type customConfig struct {
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

const customColumns = `
	id::text, key, name, discovery_endpoint, client_id, secret_id::text, created_at, updated_at`

func scanCustom(row pgx.Row) (c customConfig, err error) {
	var created, updated time.Time
	err = row.Scan(&c.ID, &c.Key, &c.Name, &c.DiscoveryEndpoint, &c.ClientID, &c.secretID, &created, &updated)
	c.CreatedAt, c.UpdatedAt = rest.Time(created), rest.Time(updated)
	return c, err
}

func selectCustoms(ctx context.Context, tx pg.Tx) ([]customConfig, error) {
	rows, err := tx.Query(ctx, `SELECT`+customColumns+` FROM auth.custom_oauth_configs ORDER BY key`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (customConfig, error) { return scanCustom(row) })
}

// selectCustom returns a configuration, or 404 AUTH_OAUTH_CONFIG_NOT_FOUND.
func selectCustom(ctx context.Context, tx pg.Tx, key oauth.Name) (customConfig, error) {
	c, err := scanCustom(tx.QueryRow(ctx, `
		SELECT`+customColumns+`
		  FROM auth.custom_oauth_configs
		 WHERE key = $1`, string(key)))
	if errors.Is(err, pgx.ErrNoRows) {
		return c, errNoConfig(string(key))
	}
	return c, err
}

func insertCustomConfig(ctx context.Context, tx pg.Tx, c customConfig) (customConfig, error) {
	return scanCustom(tx.QueryRow(ctx, `
		INSERT INTO auth.custom_oauth_configs (key, name, discovery_endpoint, client_id, secret_id)
		VALUES ($1, $2, $3, $4, $5)
		RETURNING`+customColumns, string(c.Key), c.Name, c.DiscoveryEndpoint, c.ClientID, c.secretID))
}

func updateCustomConfig(ctx context.Context, tx pg.Tx, c customConfig) (customConfig, error) {
	return scanCustom(tx.QueryRow(ctx, `
		UPDATE auth.custom_oauth_configs
		   SET name = $2,
		       discovery_endpoint = $3,
		       client_id = $4
		 WHERE id = $1
		RETURNING`+customColumns, c.ID, c.Name, c.DiscoveryEndpoint, c.ClientID))
}

func deleteCustomConfig(ctx context.Context, tx pg.Tx, id string) error {
	_, err := tx.Exec(ctx, `DELETE FROM auth.custom_oauth_configs WHERE id = $1`, id)
	return err
}

// configuredNames selects the names of the configured built-in providers and
// the keys of the custom ones, in alphabetical order.
const configuredNames = `
	SELECT ARRAY(SELECT provider FROM auth.oauth_configs ORDER BY provider),
	       ARRAY(SELECT key FROM auth.custom_oauth_configs ORDER BY key)`

// QueueNames adds a query to b that reads the names of the configured built-in
// providers and the keys of the custom ones, in alphabetical order.
func QueueNames(b *pgx.Batch, builtIn, custom *[]string) {
	b.Queue(configuredNames).QueryRow(func(row pgx.Row) error { return row.Scan(builtIn, custom) })
}
