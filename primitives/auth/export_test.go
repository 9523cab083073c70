package auth

import (
	"context"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// ReplacePassword does to sessions what a new password does. between
// runs after the change and before the commit.
func (s *Service) ReplacePassword(ctx context.Context, user uuid.UUID, hash string, between func()) error {
	return s.asProject(ctx, func(tx pg.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE auth.users SET password = $2 WHERE id = $1`, user, hash); err != nil {
			return err
		}
		between()
		return s.revokeAll(ctx, tx, user)
	})
}

// OpenWith opens a session for somebody whose password had this hash.
func (s *Service) OpenWith(ctx context.Context, user uuid.UUID, hash string) error {
	return s.store(ctx, tokens.NewSession(user.String(), tokens.ForUser), client{kind: webClient}, hash)
}

// Sweep does at once what Run does from time to time.
func (s *Service) Sweep(ctx context.Context) error { return s.sweep(ctx) }
