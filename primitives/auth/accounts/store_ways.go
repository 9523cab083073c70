package accounts

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// LockByAddress returns the user whom an address in lower case signs in with a
// password, as byAddress selects it, and locks the row until the end of the
// transaction. The id is zero when there is none.
func LockByAddress(ctx context.Context, tx pg.Tx, email string) (id uuid.UUID, err error) {
	err = tx.QueryRow(ctx, `
		SELECT u.id::text
		  FROM auth.users u
		 WHERE lower(u.email) = $1
		 ORDER BY u.email = $1 DESC, u.created_at
		 LIMIT 1
		   FOR UPDATE`, email).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, nil
	}
	return id, err
}

// SetPassword replaces the password of a user by one with this hash.
func SetPassword(ctx context.Context, tx pg.Tx, id uuid.UUID, hash string) error {
	_, err := tx.Exec(ctx, `
		UPDATE auth.users
		   SET password = $2,
		       updated_at = now()
		 WHERE id = $1`, id, hash)
	return err
}

// RemoveUnverifiedLinks removes the accounts at providers that a user signs in
// with, unless the address is verified: nothing has shown that they belong to
// the owner of the address.
func RemoveUnverifiedLinks(ctx context.Context, tx pg.Tx, id uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM auth.user_providers p
		 USING auth.users u
		 WHERE u.id = $1 AND NOT u.email_verified
		   AND p.user_id = u.id AND p.provider <> 'email'`, id)
	return err
}

// AddMailedCodes records that a user signs in with mailed codes, unless that is
// recorded for another user with the address.
func AddMailedCodes(ctx context.Context, tx pg.Tx, id uuid.UUID, email string) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO auth.user_providers AS p (user_id, provider, provider_account_id, provider_data)
		VALUES ($1, 'email', $2, '{"method": "otp"}')
		ON CONFLICT (provider, provider_account_id) DO UPDATE
		   SET provider_data = EXCLUDED.provider_data,
		       updated_at = now()
		 WHERE p.user_id = EXCLUDED.user_id`, id, email)
	return err
}

// RemoveWays removes every way to sign in that a user has.
func RemoveWays(ctx context.Context, tx pg.Tx, id uuid.UUID) error {
	if _, err := tx.Exec(ctx, `UPDATE auth.users SET password = NULL WHERE id = $1`, id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM auth.user_providers WHERE user_id = $1`, id)
	return err
}

// Holder is the user whom a sign-in was found to belong to.
type Holder struct {
	ID       uuid.UUID
	Email    string
	Verified bool
}

func scanHolder(row pgx.Row) (h Holder, ok bool, err error) {
	err = row.Scan(&h.ID, &h.Email, &h.Verified)
	if errors.Is(err, pgx.ErrNoRows) {
		return Holder{}, false, nil
	}
	return h, err == nil, err
}

// LockByLink returns the user who signed in with an account at a provider
// before and locks the row until the end of the transaction; ok is false when
// there is none.
func LockByLink(ctx context.Context, tx pg.Tx, provider, accountID string) (Holder, bool, error) {
	return scanHolder(tx.QueryRow(ctx, `
		SELECT u.id::text, u.email, u.email_verified
		  FROM auth.user_providers p
		  JOIN auth.users u ON u.id = p.user_id
		 WHERE p.provider = $1
		   AND p.provider_account_id = $2
		   FOR UPDATE OF u`, provider, accountID))
}

// LockOldest returns the user with an address in lower case and locks the row
// until the end of the transaction: the oldest, if letter case has made
// several. ok is false when there is none.
func LockOldest(ctx context.Context, tx pg.Tx, email string) (Holder, bool, error) {
	return scanHolder(tx.QueryRow(ctx, `
		SELECT u.id::text, u.email, u.email_verified
		  FROM auth.users u
		 WHERE lower(u.email) = $1
		 ORDER BY u.created_at, u.id
		 LIMIT 1
		   FOR UPDATE`, email))
}

// MarkVerified records that an address belongs to its user.
func MarkVerified(ctx context.Context, tx pg.Tx, id uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		UPDATE auth.users
		   SET email_verified = true,
		       updated_at = now()
		 WHERE id = $1`, id)
	return err
}

// InsertHolder stores a new user without password; ok is false when the address
// is taken.
func InsertHolder(ctx context.Context, tx pg.Tx, email string, verified bool, profile map[string]string) (Holder, bool, error) {
	return scanHolder(tx.QueryRow(ctx, `
		INSERT INTO auth.users AS u (email, email_verified, profile)
		SELECT $1::text, $2::boolean, $3::jsonb
		 WHERE NOT EXISTS (SELECT FROM auth.users WHERE lower(email) = $1)
		ON CONFLICT (email) DO NOTHING
		RETURNING u.id::text, u.email, u.email_verified`, email, verified, profile))
}

// Link is an account at a provider that a user signs in with.
type Link struct {
	Provider, AccountID string
	// Data is what the provider says about the account, a JSON object.
	Data json.RawMessage
}

// AddLink lets a user sign in with an account at a provider; it returns false
// when the account is linked already.
func AddLink(ctx context.Context, tx pg.Tx, id uuid.UUID, l Link) (bool, error) {
	tag, err := tx.Exec(ctx, `
		INSERT INTO auth.user_providers (user_id, provider, provider_account_id, provider_data)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (provider, provider_account_id) DO NOTHING`, id, l.Provider, l.AccountID, l.Data)
	return tag.RowsAffected() == 1, err
}

// RefreshLink stores what the provider now says about an account.
func RefreshLink(ctx context.Context, tx pg.Tx, l Link) error {
	_, err := tx.Exec(ctx, `
		UPDATE auth.user_providers
		   SET provider_data = $3,
		       updated_at = now()
		 WHERE provider = $1
		   AND provider_account_id = $2`, l.Provider, l.AccountID, l.Data)
	return err
}
