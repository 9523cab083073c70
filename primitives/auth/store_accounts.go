package auth

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// lockAccount returns the user whom an address signs in with a password, see
// accountByAddress, and holds the row until the end of the transaction. The id is
// zero when there is none.
func lockAccount(ctx context.Context, tx pg.Tx, email string) (id uuid.UUID, err error) {
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

// setPassword replaces the password of a user.
func setPassword(ctx context.Context, tx pg.Tx, id uuid.UUID, hash string) error {
	_, err := tx.Exec(ctx, `
		UPDATE auth.users
		   SET password = $2,
		       updated_at = now()
		 WHERE id = $1`, id, hash)
	return err
}

// detachUnvouched takes away the accounts elsewhere that a user signs in with
// while the address is not verified: no provider has vouched that it is theirs,
// see signInWith.
func detachUnvouched(ctx context.Context, tx pg.Tx, id uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM auth.user_providers p
		 USING auth.users u
		 WHERE u.id = $1 AND NOT u.email_verified
		   AND p.user_id = u.id AND p.provider <> 'email'`, id)
	return err
}

// noteCodes notes that a user signs in with mailed codes, unless the address
// is already noted for another user.
func noteCodes(ctx context.Context, tx pg.Tx, id uuid.UUID, email string) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO auth.user_providers AS p (user_id, provider, provider_account_id, provider_data)
		VALUES ($1, 'email', $2, '{"method": "otp"}')
		ON CONFLICT (provider, provider_account_id) DO UPDATE
		   SET provider_data = EXCLUDED.provider_data,
		       updated_at = now()
		 WHERE p.user_id = EXCLUDED.user_id`, id, email)
	return err
}

// disown takes away every way to sign in that a user has.
func disown(ctx context.Context, tx pg.Tx, id uuid.UUID) error {
	if _, err := tx.Exec(ctx, `UPDATE auth.users SET password = NULL WHERE id = $1`, id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM auth.user_providers WHERE user_id = $1`, id)
	return err
}
