package auth

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// handleDeleteUsers serves "DELETE /api/auth/users".
func (s *Service) handleDeleteUsers(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	f.RequireElements("userIds", 1)
	texts := f.Strings("userIds", rest.UUID)
	if err := f.Err(); err != nil {
		return err
	}
	ids := make([]uuid.UUID, 0, len(texts))
	for _, text := range texts {
		id, err := uuid.Parse(text)
		if err != nil {
			return fault.Invalid("userIds: Invalid uuid")
		}
		ids = append(ids, id)
	}
	deleted, err := s.deleteUsers(c.Request().Context(), ids)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"message": "Users deleted successfully", "deletedCount": deleted})
}

// deleteUsers deletes the users with these ids, ends their sessions, and returns
// how many there were. Only administrators may call it.
func (s *Service) deleteUsers(ctx context.Context, ids []uuid.UUID) (deleted int, err error) {
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
		if err := s.sessions.RevokeDeleted(ctx, tx, ids); err != nil {
			return err
		}
		if deleted, err = accounts.Delete(ctx, tx, ids); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Entry{
			Module:  audit.Auth,
			Action:  "DELETE_USERS",
			Details: map[string]any{"userIds": ids, "deletedCount": deleted},
		})
	})
	return deleted, err
}
