package secrets

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// Keep stores a new reserved secret for a configuration, in the owner's
// transaction that stores the configuration, and returns the id to refer to
// it by. It returns 409 SECRET_ALREADY_EXISTS for a key that is taken.
func (s *Service) Keep(ctx context.Context, tx pg.Tx, key, value string) (id uuid.UUID, err error) {
	err = tx.QueryRow(ctx, `
		INSERT INTO system.secrets (key, value_ciphertext, is_reserved)
		VALUES ($1, $2, true)
		ON CONFLICT (key) DO NOTHING
		RETURNING id::text`, key, s.deps.Box.Seal(value)).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return id, fault.New(http.StatusConflict, fault.SecretAlreadyExists, "Secret already exists: "+key).
			Next("Delete or rename the secret of that name first.")
	}
	if err != nil {
		return id, fmt.Errorf("keep secret %s: %w", key, err)
	}
	return id, nil
}

// Replace gives a kept secret another value, in the owner's transaction.
func (s *Service) Replace(ctx context.Context, tx pg.Tx, id uuid.UUID, value string) error {
	tag, err := tx.Exec(ctx, `
		UPDATE system.secrets
		   SET value_ciphertext = $2
		 WHERE id = $1`, id, s.deps.Box.Seal(value))
	if err == nil && tag.RowsAffected() == 0 {
		err = errAbsent
	}
	if err != nil {
		return fmt.Errorf("replace a kept secret: %w", err)
	}
	return nil
}

// Reveal returns the value of a kept secret, in the owner's transaction.
func (s *Service) Reveal(ctx context.Context, tx pg.Tx, id uuid.UUID) (string, error) {
	var key, sealed string
	err := tx.QueryRow(ctx, `
		UPDATE system.secrets
		   SET last_used_at = $2
		 WHERE id = $1
		RETURNING key, value_ciphertext`, id, s.deps.Now()).Scan(&key, &sealed)
	if err != nil {
		return "", fmt.Errorf("read a kept secret: %w", err)
	}
	return s.open(key, sealed)
}

// Forget deletes a kept secret for good, in the owner's transaction, after
// nothing refers to it any more.
func (s *Service) Forget(ctx context.Context, tx pg.Tx, id uuid.UUID) error {
	if _, err := tx.Exec(ctx, `DELETE FROM system.secrets WHERE id = $1`, id); err != nil {
		return fmt.Errorf("forget a kept secret: %w", err)
	}
	return nil
}
