package secrets

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

var errAbsent = errors.New("no such active secret")

// row is one active secret; sealed is its value as stored.
type row struct {
	key, sealed string
	expires     time.Time
}

// touch returns an active secret's sealed value and notes that it was used.
func touch(ctx context.Context, tx pg.Tx, key string, now time.Time) (sealed string, err error) {
	err = tx.QueryRow(ctx, `
		UPDATE system.secrets
		   SET last_used_at = $2
		 WHERE key = $1 AND is_active AND (expires_at IS NULL OR expires_at > $2)
		RETURNING value_ciphertext`, key, now).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", errAbsent
	}
	return sealed, err
}

// reserved returns the active reserved secrets in the order of their keys.
func reserved(ctx context.Context, tx pg.Tx, now time.Time) ([]row, error) {
	rows, err := tx.Query(ctx, `
		SELECT key, value_ciphertext, expires_at
		  FROM system.secrets
		 WHERE is_reserved AND is_active AND (expires_at IS NULL OR expires_at > $1)
		 ORDER BY key`, now)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (found row, err error) {
		var expires *time.Time
		if err = r.Scan(&found.key, &found.sealed, &expires); err == nil && expires != nil {
			found.expires = *expires
		}
		return found, err
	})
}

// lockReserved keeps out other writers of reserved secrets until the end of the
// transaction.
func lockReserved(ctx context.Context, tx pg.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('insforge reserved secrets'))`)
	return err
}

// putReserved writes a reserved secret, replacing any that had its key.
func putReserved(ctx context.Context, tx pg.Tx, key, sealed string) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO system.secrets (key, value_ciphertext, is_reserved)
		VALUES ($1, $2, true)
		ON CONFLICT (key) DO UPDATE
		   SET value_ciphertext = excluded.value_ciphertext,
		       is_reserved = true,
		       is_active = true,
		       expires_at = NULL`, key, sealed)
	return err
}
