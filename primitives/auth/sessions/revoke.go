package sessions

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// ask runs a statement that returns one row, in one round trip.
func (s *Service) ask(ctx context.Context, read func(pgx.Row) error, sql string, args ...any) error {
	var b pgx.Batch
	b.Queue(sql, args...).QueryRow(read)
	return s.db.AsProjectAtOnce(ctx, &b)
}

// signedIn returns the user with an id, who is the caller.
//
// It returns 404 AUTH_USER_NOT_FOUND, and 401 AUTH_UNAUTHORIZED when the
// caller's session has ended.
func (s *Service) signedIn(ctx context.Context, id uuid.UUID) (user accounts.User, err error) {
	session := identity.From(ctx).Session
	// To pgx a uuid.UUID is the driver.Valuer of a text, which it parses again:
	// twenty allocations that bytes do not need.
	bytes := [len(id)]byte(id)
	err = s.ask(ctx, func(row pgx.Row) error {
		user, err = accounts.ReadUser(row)
		return err
	}, userSignedIn, bytes, session, s.now())
	if !fault.Is(err, fault.AuthUserNotFound) {
		return user, err
	}
	if _, err = s.accounts.User(ctx, id); err == nil { // it is the session that is gone
		err = guard.Unauthorized("Invalid token")
	}
	return accounts.User{}, err
}

// endSession ends one session, for any caller.
func (s *Service) endSession(ctx context.Context, id string) error {
	return s.db.AsProject(ctx, func(tx pg.Tx) error {
		_, err := s.end(ctx, tx, `id = $1`, id)
		return err
	})
}

// RevokeAll ends all sessions of a user and deletes the codes that would open
// new ones. In a transaction that changes how the user signs in, call it after
// the change: a sign-in with the old password waits for the changed row, and
// then sees the change.
func (s *Service) RevokeAll(ctx context.Context, tx pg.Tx, userID uuid.UUID) error {
	tx.OnCommit(func() { s.forgetCodes(ctx, userID) })
	_, err := s.end(ctx, tx, `user_id = $1`, userID)
	return err
}

// RevokeDeleted ends all sessions of users who are about to be deleted.
func (s *Service) RevokeDeleted(ctx context.Context, tx pg.Tx, ids []uuid.UUID) error {
	_, err := s.endBecause(ctx, tx, errNoUser(), `user_id = ANY ($1)`, ids)
	return err
}

// ClaimAddress hands an account to the person who has just proved to own its
// address, unless someone has proved it before. Someone else may have created
// the account to share it later: all ways to sign in are removed, and all
// sessions end.
func (s *Service) ClaimAddress(ctx context.Context, tx pg.Tx, h accounts.Holder) error {
	if h.Verified {
		return nil
	}
	if err := accounts.RemoveWays(ctx, tx, h.ID); err != nil {
		return err
	}
	if err := accounts.MarkVerified(ctx, tx, h.ID); err != nil {
		return err
	}
	return s.RevokeAll(ctx, tx, h.ID)
}

// end ends the sessions that a condition selects and returns how many there
// were: their refresh tokens with the transaction, their access tokens after
// its commit.
func (s *Service) end(ctx context.Context, tx pg.Tx, condition string, args ...any) (int, error) {
	return s.endBecause(ctx, tx, guard.Unauthorized("Invalid token"), condition, args...)
}

// endBecause is end with a given answer to the access tokens.
func (s *Service) endBecause(ctx context.Context, tx pg.Tx, answer *fault.Error, condition string, args ...any) (int, error) {
	ids, err := deleteFamilies(ctx, tx, condition, args...)
	if err != nil {
		return 0, err
	}
	tx.OnCommit(func() {
		for _, id := range ids {
			s.ended.Put(id, answer)
		}
	})
	return len(ids), nil
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

// sessionsOf returns the live sessions of o, at most maxSessions, the most
// recently used first.
func (s *Service) sessionsOf(ctx context.Context, o owner) (found []Session, err error) {
	condition, args := o.condition("$2")
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
		found, err = listSessions(ctx, tx, s.now(), condition, args...)
		return err
	})
	current := identity.From(ctx).Session
	for i := range found {
		found[i].Current = found[i].ID == current
	}
	return found, err
}

// endSessions ends the session of o with the id only, or all of them except the
// one with the id except; either may be empty. It returns how many it ended.
// What an administrator ends is audited.
func (s *Service) endSessions(ctx context.Context, o owner, only, except string) (ended int, err error) {
	condition, args := o.condition("$1")
	condition += ` AND ($2 = '' OR id::text = $2) AND ($3 = '' OR id::text <> $3)`
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
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
