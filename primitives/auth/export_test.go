package auth

import (
	"context"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/sessions"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// ReplacePassword does to sessions what a new password does. between
// runs after the change and before the commit.
func (s *Service) ReplacePassword(ctx context.Context, user uuid.UUID, hash string, between func()) error {
	return s.db.AsProject(ctx, func(tx pg.Tx) error {
		if err := accounts.SetPassword(ctx, tx, user, hash); err != nil {
			return err
		}
		between()
		return s.sessions.RevokeAll(ctx, tx, user)
	})
}

// OpenWith opens a session of a user whose password had this hash.
func (s *Service) OpenWith(ctx context.Context, user uuid.UUID, hash string) error {
	_, err := s.sessions.Open(ctx, sessions.Client{Type: sessions.Web}, accounts.User{ID: user.String()}, hash)
	return err
}

// Sweep does at once what Run does from time to time.
func (s *Service) Sweep(ctx context.Context) error { return s.sweep(ctx) }
