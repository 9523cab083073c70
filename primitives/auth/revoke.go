package auth

import (
	"context"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// signedIn returns the user with an id, who is the caller.
//
// It returns 404 AUTH_USER_NOT_FOUND, and 401 AUTH_UNAUTHORIZED when the
// caller's session has ended.
func (s *Service) signedIn(ctx context.Context, id uuid.UUID) (user User, err error) {
	session := identity.From(ctx).Session
	err = s.ask(ctx, func(row pgx.Row) error {
		user, err = userOf(row)
		return err
	}, userSignedIn, id, session, s.now())
	if !fault.Is(err, fault.AuthUserNotFound) {
		return user, err
	}
	if _, err = s.User(ctx, id); err == nil { // it is the session that is gone
		err = guard.Unauthorized("Invalid token")
	}
	return User{}, err
}

// checkAdminSession returns 401 AUTH_UNAUTHORIZED when the administrator's
// session of the caller has ended. A token without one has none to end.
func (s *Service) checkAdminSession(ctx context.Context) error {
	id := identity.From(ctx).Session
	if id == "" {
		return nil
	}
	var lives bool
	err := s.ask(ctx, func(row pgx.Row) error { return row.Scan(&lives) }, sessionLives, id, s.now())
	if err == nil && !lives {
		return guard.Unauthorized("Invalid token")
	}
	return err
}

// endSession ends one session, whoever asks.
func (s *Service) endSession(ctx context.Context, id string) error {
	return s.asProject(ctx, func(tx pg.Tx) error {
		_, err := s.end(ctx, tx, `id = $1`, id)
		return err
	})
}

// owner says whose sessions a route is about: a user's, or the
// administrators' when it is the zero UUID.
type owner struct{ user uuid.UUID }

// condition selects the sessions of o; the first parameter is number n.
func (o owner) condition(n string) (string, []any) {
	if o.user == uuid.Nil {
		return `(admin IS NOT NULL AND ` + n + `::uuid IS NULL)`, []any{nil}
	}
	return `user_id = ` + n, []any{o.user}
}

// sessionsOf returns the live sessions of o, the latest used first, at most
// maxSessions.
func (s *Service) sessionsOf(ctx context.Context, o owner) (found []Session, err error) {
	condition, args := o.condition("$2")
	err = s.asProject(ctx, func(tx pg.Tx) error {
		found, err = listSessions(ctx, tx, s.now(), condition, args...)
		return err
	})
	current := identity.From(ctx).Session
	for i := range found {
		found[i].Current = found[i].ID == current
	}
	return found, err
}

// endSessions ends the session of o with the id only, or all of them but the
// one with the id except; either may be empty. It returns how many there were.
// What an administrator ends is audited.
func (s *Service) endSessions(ctx context.Context, o owner, only, except string) (ended int, err error) {
	condition, args := o.condition("$1")
	condition += ` AND ($2 = '' OR id::text = $2) AND ($3 = '' OR id::text <> $3)`
	err = s.asProject(ctx, func(tx pg.Tx) error {
		if ended, err = s.end(ctx, tx, condition, append(args, only, except)...); err != nil || !identity.From(ctx).IsAdmin() {
			return err
		}
		details := map[string]any{"revokedCount": ended}
		if o.user != uuid.Nil {
			details["userId"] = o.user
		}
		if only != "" {
			details["sessionId"] = only
		}
		return s.audit.Record(ctx, tx, audit.Entry{Module: audit.Auth, Action: "REVOKE_SESSIONS", Details: details})
	})
	return ended, err
}

// ownSessions says that a route is about the caller, or returns 401
// AUTH_INVALID_CREDENTIALS for one who is no user of the project or whose
// session has ended.
func (s *Service) ownSessions(c rest.Context) (owner, error) {
	ctx := c.Request().Context()
	id, ok := userID(ctx)
	if !ok {
		return owner{}, errNoUser()
	}
	_, err := s.signedIn(ctx, id)
	if fault.Is(err, fault.AuthUserNotFound) {
		return owner{}, errNoUser()
	}
	return owner{id}, err
}

// sessionsOfUser says that a route is about the user in its path, or returns
// 400 INVALID_INPUT.
func sessionsOfUser(c rest.Context) (owner, error) {
	id, err := userIDParam(c)
	return owner{id}, err
}

// adminSessions says that a route is about administrators.
func adminSessions(rest.Context) (owner, error) { return owner{}, nil }

type sessionList struct {
	Data  []Session `json:"data"`
	Count int       `json:"count"`
}

// handleListSessions serves "GET /api/auth/sessions" and its siblings for
// administrators.
func (s *Service) handleListSessions(of func(rest.Context) (owner, error)) rest.Handler {
	return func(c rest.Context) error {
		o, err := of(c)
		if err != nil {
			return err
		}
		found, err := s.sessionsOf(c.Request().Context(), o)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, sessionList{Data: found, Count: len(found)})
	}
}

type revoked struct {
	Message string `json:"message"`
	Count   int    `json:"revokedCount"`
}

// handleEndSession serves "DELETE /api/auth/sessions/:sessionId" and its
// siblings for administrators. The answer for a session that is over, or
// somebody else's, is the same as for one that is ended: a count of none.
func (s *Service) handleEndSession(of func(rest.Context) (owner, error)) rest.Handler {
	return func(c rest.Context) error {
		o, err := of(c)
		if err != nil {
			return err
		}
		text := rest.Param(c, "sessionId")
		if complaint := rest.UUID(text); complaint != "" {
			return fault.Invalid("sessionId: " + complaint).Next("Use the id of a session, a UUID.")
		}
		id, err := uuid.Parse(text)
		if err != nil {
			return err
		}
		n, err := s.endSessions(c.Request().Context(), o, id.String(), "")
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, revoked{Message: "Session revoked", Count: n})
	}
}

// handleEndSessions serves "DELETE /api/auth/sessions" and its siblings for
// administrators. The session that asks goes on.
func (s *Service) handleEndSessions(of func(rest.Context) (owner, error)) rest.Handler {
	return func(c rest.Context) error {
		o, err := of(c)
		if err != nil {
			return err
		}
		ctx := c.Request().Context()
		n, err := s.endSessions(ctx, o, "", identity.From(ctx).Session)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, revoked{Message: "Sessions revoked", Count: n})
	}
}
