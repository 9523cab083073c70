package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// configuredProviders selects the names of the configured OAuth providers and
// the keys of the custom ones, in alphabetical order.
const configuredProviders = `
	SELECT ARRAY(SELECT provider FROM auth.oauth_configs ORDER BY provider),
	       ARRAY(SELECT key FROM auth.custom_oauth_configs ORDER BY key)`

// userColumns are what scanUser reads, from auth.users as u.
const userColumns = `
	u.id::text, u.email, u.email_verified, u.created_at, u.updated_at, coalesce(u.password, ''),
	u.profile, coalesce(u.metadata, '{}'),
	ARRAY(SELECT p.provider
	        FROM auth.user_providers p
	       WHERE p.user_id = u.id
	       ORDER BY p.created_at, p.id)`

// account is a user with the hash of its password, empty for none.
type account struct {
	user User
	hash string
}

func scanAccount(row pgx.Row) (account, error) {
	var a account
	var created, updated time.Time
	err := row.Scan(&a.user.ID, &a.user.Email, &a.user.EmailVerified, &created, &updated, &a.hash,
		&a.user.Profile, &a.user.Metadata, &a.user.Providers)
	if err != nil {
		return account{}, err
	}
	a.user.CreatedAt, a.user.UpdatedAt = rest.Time(created), rest.Time(updated)
	a.user.Providers = providersOf(a.user.Providers, a.hash != "")
	return a, nil
}

// providersOf names each way to sign in once, e-mail last: it is there with a
// password, and after a sign-in by mailed code, which leaves a provider of that
// name.
func providersOf(stored []string, hasPassword bool) []string {
	const email = "email"
	out := make([]string, 0, len(stored)+1)
	for _, name := range stored {
		if name != email && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if hasPassword || slices.Contains(stored, email) {
		out = append(out, email)
	}
	return out
}

// accountByAddress selects the account with an address. Addresses are stored in
// lower case, but imported ones may not be: of several, the exact one wins,
// then the oldest.
const accountByAddress = `
	SELECT ` + userColumns + `
	  FROM auth.users u
	 WHERE lower(u.email) = $1
	 ORDER BY u.email = $1 DESC, u.created_at
	 LIMIT 1`

// accountOf returns the account of a row; the zero account when there is none.
func accountOf(row pgx.Row) (account, error) {
	a, err := scanAccount(row)
	if errors.Is(err, pgx.ErrNoRows) {
		return account{}, nil
	}
	return a, err
}

// userByID selects the user with an id.
const userByID = `
	SELECT ` + userColumns + `
	  FROM auth.users u
	 WHERE u.id = $1`

// userOf returns the user of a row, or 404 AUTH_USER_NOT_FOUND.
func userOf(row pgx.Row) (User, error) {
	a, err := scanAccount(row)
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, errUserNotFound()
	}
	return a.user, err
}

// findUser returns the user with an id, or 404 AUTH_USER_NOT_FOUND.
func findUser(ctx context.Context, tx pg.Tx, id uuid.UUID) (User, error) {
	return userOf(tx.QueryRow(ctx, userByID, id))
}

type newUser struct {
	email, hash string
	verified    bool
	profile     map[string]string
}

// insertUser returns the stored user, or 409 AUTH_EMAIL_EXISTS.
func insertUser(ctx context.Context, tx pg.Tx, n newUser) (User, error) {
	a, err := scanAccount(tx.QueryRow(ctx, `
		INSERT INTO auth.users AS u (email, password, email_verified, profile)
		SELECT $1::text, $2::text, $3::boolean, $4::jsonb
		 WHERE NOT EXISTS (SELECT FROM auth.users WHERE lower(email) = $1)
		ON CONFLICT (email) DO NOTHING
		RETURNING `+userColumns, n.email, n.hash, n.verified, n.profile))
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, fault.New(http.StatusConflict, fault.AuthEmailExists, "User already exists").
			Next("Sign in instead, or use another e-mail address.")
	}
	return a.user, err
}

// mergeProfile sets the keys of changes in a user's profile. It returns 404
// AUTH_USER_NOT_FOUND.
func mergeProfile(ctx context.Context, tx pg.Tx, id uuid.UUID, changes json.RawMessage) (Profile, error) {
	var p Profile
	err := tx.QueryRow(ctx, `
		UPDATE auth.users
		   SET profile = coalesce(profile, '{}') || $2::jsonb,
		       updated_at = now()
		 WHERE id = $1
		RETURNING id::text, profile`, id, changes).Scan(&p.ID, &p.Profile)
	if errors.Is(err, pgx.ErrNoRows) {
		return Profile{}, errUserNotFound()
	}
	return p, err
}

// listed selects the users that administrators see in lists; $1 is the text
// to search for, in which LIKE wildcards work.
const listed = `
	FROM auth.users u
	WHERE NOT u.is_anonymous
	  AND NOT u.is_project_admin
	  AND ($1 = '' OR u.email LIKE '%' || $1 || '%' OR u.profile ->> 'name' LIKE '%' || $1 || '%')`

func listUsers(ctx context.Context, tx pg.Tx, p Page) (users []User, total int, err error) {
	if err := tx.QueryRow(ctx, `SELECT count(*)`+listed, p.Search).Scan(&total); err != nil {
		return nil, 0, err
	}
	rows, err := tx.Query(ctx, `
		SELECT `+userColumns+listed+`
		 ORDER BY u.created_at DESC, u.id
		 LIMIT $2 OFFSET $3`, p.Search, p.Limit, p.Offset)
	if err != nil {
		return nil, 0, err
	}
	users, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (User, error) {
		a, err := scanAccount(row)
		return a.user, err
	})
	return users, total, err
}

func deleteUsers(ctx context.Context, tx pg.Tx, ids []uuid.UUID) (int, error) {
	tag, err := tx.Exec(ctx, `DELETE FROM auth.users WHERE id = ANY ($1::uuid[])`, ids)
	return int(tag.RowsAffected()), err
}
