package auth

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// userSession is the statement that stores a session of a user, for stored to
// judge. hash is that of the password it was opened with, or empty: a password
// that has changed since opens nothing. The user's row is locked for that, so
// that the change and the session go one after the other.
func userSession(t tokens.Session, hash string, by client, now time.Time) (sql string, args []any) {
	return `
		WITH holder AS (
		  SELECT id FROM auth.users
		   WHERE id = $2 AND ($3 = '' OR password = $3)
		     FOR SHARE
		), surplus AS (` + deleteSurplus(`user_id = (SELECT id FROM holder)`) + `)
		INSERT INTO auth.sessions (id, user_id, token_digest, client_type, user_agent, ip_address, created_at, last_used_at, expires_at)
		SELECT $1, id, $4, $5, $6, $7, $8, $8, $9
		  FROM holder`,
		[]any{t.ID, t.Subject, hash, t.Digest(), string(by.kind), by.agent, address(by), now, now.Add(tokens.RefreshLifetime)}
}

// stored returns 401 AUTH_UNAUTHORIZED when userSession stored nothing: the
// user or the password is gone.
func stored(tag pgconn.CommandTag) error {
	if tag.RowsAffected() == 0 {
		return errSessionEnded()
	}
	return nil
}

// insertAdminSession stores a session of an administrator.
func insertAdminSession(ctx context.Context, tx pg.Tx, t tokens.Session, credential []byte, by client, now time.Time) error {
	_, err := tx.Exec(ctx, `
		WITH surplus AS (`+deleteSurplus(`admin IS NOT NULL`)+`)
		INSERT INTO auth.sessions (id, admin, admin_credential, token_digest, client_type, user_agent, ip_address, created_at, last_used_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)`,
		t.ID, t.Subject, credential, t.Digest(), string(by.kind), by.agent, address(by), now, now.Add(tokens.RefreshLifetime))
	return err
}

// deleteSurplus is the statement that makes room for one more among the
// sessions that a condition selects. One that somebody is just using is left
// alone.
func deleteSurplus(condition string) string {
	return `
		DELETE FROM auth.sessions
		 WHERE id IN (
		   SELECT id FROM auth.sessions
		    WHERE ` + condition + `
		    ORDER BY last_used_at DESC, id
		   OFFSET ` + strconv.Itoa(maxSessions-1) + `
		      FOR UPDATE SKIP LOCKED)`
}

func address(by client) *string {
	if !by.addr.IsValid() {
		return nil
	}
	text := by.addr.String()
	return &text
}

// lockFamily returns the session of a refresh token and holds its row until
// the end of the transaction. It returns 401 AUTH_UNAUTHORIZED when there is
// none.
func lockFamily(ctx context.Context, tx pg.Tx, t tokens.Session) (f family, err error) {
	err = tx.QueryRow(ctx, `
		SELECT coalesce(user_id::text, admin), coalesce(admin_credential, ''), generation, token_digest, exchanged_at, expires_at
		  FROM auth.sessions
		 WHERE id = $1 AND (admin IS NOT NULL) = $2
		   FOR NO KEY UPDATE`, t.ID, t.Audience == tokens.ForAdmin).
		Scan(&f.subject, &f.credential, &f.generation, &f.digest, &f.exchanged, &f.expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return family{}, errSessionEnded()
	}
	return f, err
}

// storeExchange makes next the latest token of its session.
func storeExchange(ctx context.Context, tx pg.Tx, next tokens.Session, by client, exchanged []time.Time, now time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE auth.sessions
		   SET generation = $2,
		       token_digest = $3,
		       exchanged_at = $4,
		       user_agent = $5,
		       ip_address = $6,
		       last_used_at = $7,
		       expires_at = $8
		 WHERE id = $1`,
		next.ID, next.Generation, next.Digest(), exchanged, by.agent, address(by), now, now.Add(tokens.RefreshLifetime))
	return err
}

// deleteFamilies deletes the sessions that a condition selects and returns
// their ids.
func deleteFamilies(ctx context.Context, tx pg.Tx, condition string, args ...any) ([]string, error) {
	rows, err := tx.Query(ctx, `DELETE FROM auth.sessions WHERE `+condition+` RETURNING id::text`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func deleteExpired(ctx context.Context, tx pg.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM auth.sessions WHERE expires_at <= $1`, now)
	return err
}

// Session is one session as its user and administrators see it.
type Session struct {
	ID         string    `json:"id"`
	ClientType string    `json:"clientType"`
	UserAgent  string    `json:"userAgent"`
	IPAddress  *string   `json:"ipAddress"`
	CreatedAt  rest.Time `json:"createdAt"`
	LastUsedAt rest.Time `json:"lastUsedAt"`
	ExpiresAt  rest.Time `json:"expiresAt"`
	// Current marks the session of the token that asked.
	Current bool `json:"current"`
}

// listSessions returns the live sessions that a condition selects, of which
// the arguments begin at $2, the latest used first.
func listSessions(ctx context.Context, tx pg.Tx, now time.Time, condition string, args ...any) ([]Session, error) {
	rows, err := tx.Query(ctx, `
		SELECT id::text, client_type, user_agent, host(ip_address), created_at, last_used_at, expires_at
		  FROM auth.sessions
		 WHERE expires_at > $1 AND `+condition+`
		 ORDER BY last_used_at DESC, id`, append([]any{now}, args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Session, err error) {
		var created, used, expires time.Time
		err = row.Scan(&s.ID, &s.ClientType, &s.UserAgent, &s.IPAddress, &created, &used, &expires)
		s.CreatedAt, s.LastUsedAt, s.ExpiresAt = rest.Time(created), rest.Time(used), rest.Time(expires)
		return s, err
	})
}

// sessionLives selects whether a session has not ended.
const sessionLives = `SELECT EXISTS (SELECT FROM auth.sessions WHERE id = $1 AND expires_at > $2)`

// userSignedIn selects the user with an id whose session lives; an empty
// session is that of a token without one.
const userSignedIn = userByID + `
	   AND ($2 = '' OR EXISTS (
	         SELECT FROM auth.sessions s
	          WHERE s.id = nullif($2, '')::uuid AND s.user_id = u.id AND s.expires_at > $3))`

// hasSessionFrom reports whether a live session of a user was last used from a
// network.
func hasSessionFrom(ctx context.Context, tx pg.Tx, user uuid.UUID, network netip.Prefix, now time.Time) (has bool, err error) {
	if !network.IsValid() {
		return false, nil
	}
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (
		  SELECT FROM auth.sessions
		   WHERE user_id = $1 AND expires_at > $2 AND ip_address <<= $3::inet)`, user, now, network.String()).Scan(&has)
	return has, err
}
