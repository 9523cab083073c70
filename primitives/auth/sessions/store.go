package sessions

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// userSession is the statement that stores a session of a user; stored judges
// its outcome. hash is that of the password it is opened with, or empty: a
// password that has changed since opens nothing. The user's row is locked, so
// that the change of a password and the session wait for each other.
func userSession(t tokens.Session, hash string, by Client, now time.Time) (sql string, args []any) {
	return `
		WITH holder AS (
		  SELECT id FROM auth.users
		   WHERE id = $2 AND ($3 = '' OR password = $3)
		     FOR SHARE
		), surplus AS (` + deleteSurplus(`user_id = (SELECT id FROM holder)`) + `)
		INSERT INTO auth.sessions (id, user_id, token_digest, client_type, user_agent, ip_address, created_at, last_used_at, expires_at)
		SELECT $1, id, $4, $5, $6, $7, $8, $8, $9
		  FROM holder`,
		[]any{t.ID, t.Subject, hash, t.Digest(), string(by.Type), by.UserAgent, by.address(), now, now.Add(tokens.RefreshLifetime)}
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
func insertAdminSession(ctx context.Context, tx pg.Tx, t tokens.Session, credential []byte, by Client, now time.Time) error {
	_, err := tx.Exec(ctx, `
		WITH surplus AS (`+deleteSurplus(`admin IS NOT NULL`)+`)
		INSERT INTO auth.sessions (id, admin, admin_credential, token_digest, client_type, user_agent, ip_address, created_at, last_used_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)`,
		t.ID, t.Subject, credential, t.Digest(), string(by.Type), by.UserAgent, by.address(), now, now.Add(tokens.RefreshLifetime))
	return err
}

// deleteSurplus is the statement that makes room for one more among the
// sessions that a condition selects. It skips sessions that are in use at this
// moment.
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

// lockFamily returns the session of a refresh token and locks its row until the
// end of the transaction. It returns 401 AUTH_UNAUTHORIZED when there is none.
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
func storeExchange(ctx context.Context, tx pg.Tx, next tokens.Session, by Client, exchanged []time.Time, now time.Time) error {
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
		next.ID, next.Generation, next.Digest(), exchanged, by.UserAgent, by.address(), now, now.Add(tokens.RefreshLifetime))
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

// Session is a session as its user and administrators see it.
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

// sessionLives selects whether a session is live.
const sessionLives = `SELECT EXISTS (SELECT FROM auth.sessions WHERE id = $1 AND expires_at > $2)`

// userSignedIn selects the user with an id if the session is live; an empty
// session is that of a token without one.
const userSignedIn = accounts.UserByID + `
	   AND ($2 = '' OR EXISTS (
	         SELECT FROM auth.sessions s
	          WHERE s.id = nullif($2, '')::uuid AND s.user_id = u.id AND s.expires_at > $3))`

// HasFrom reports whether a live session of a user was last used from a
// network.
func (s *Service) HasFrom(ctx context.Context, user uuid.UUID, network netip.Prefix) (has bool, err error) {
	if !network.IsValid() {
		return false, nil
	}
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT EXISTS (
			  SELECT FROM auth.sessions
			   WHERE user_id = $1 AND expires_at > $2 AND ip_address <<= $3::inet)`, user, s.now(), network.String()).Scan(&has)
	})
	return has, err
}

// insertCode stores a code by its digest, and deletes expired ones.
func insertCode(ctx context.Context, tx pg.Tx, digest []byte, userID, challenge string, expires, now time.Time) error {
	if _, err := tx.Exec(ctx, `DELETE FROM auth.oauth_codes WHERE expires_at <= $1`, now); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO auth.oauth_codes (digest, user_id, code_challenge, expires_at)
		VALUES ($1, $2, $3, $4)`, digest, userID, challenge, expires)
	return err
}

// deleteCodes deletes the codes of a user.
func deleteCodes(ctx context.Context, tx pg.Tx, userID uuid.UUID) error {
	_, err := tx.Exec(ctx, `DELETE FROM auth.oauth_codes WHERE user_id = $1`, userID)
	return err
}

// issuedCode is a stored code.
type issuedCode struct {
	userID    uuid.UUID
	challenge string
	expires   time.Time
}

// takeCode deletes a code and returns it; the zero issuedCode when there is
// none.
func takeCode(ctx context.Context, tx pg.Tx, digest []byte) (c issuedCode, err error) {
	err = tx.QueryRow(ctx, `
		DELETE FROM auth.oauth_codes
		 WHERE digest = $1
		RETURNING user_id::text, code_challenge, expires_at`, digest).Scan(&c.userID, &c.challenge, &c.expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return issuedCode{}, nil
	}
	return c, err
}
