package accounts

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

// userColumns are what scanAccount reads, from auth.users as u.
const userColumns = `
	u.id::text, u.email, u.email_verified, u.created_at, u.updated_at, coalesce(u.password, ''),
	u.profile, coalesce(u.metadata, '{}'),
	ARRAY(SELECT p.provider
	        FROM auth.user_providers p
	       WHERE p.user_id = u.id
	       ORDER BY p.created_at, p.id)`

func scanAccount(row pgx.Row) (Account, error) {
	var a Account
	var created, updated time.Time
	err := row.Scan(&a.ID, &a.Email, &a.EmailVerified, &created, &updated, &a.Hash,
		&a.Profile, &a.Metadata, &a.Providers)
	if err != nil {
		return Account{}, err
	}
	a.CreatedAt, a.UpdatedAt = rest.Time(created), rest.Time(updated)
	a.Providers = providersOf(a.Providers, a.Hash != "")
	return a, nil
}

// providersOf names each way to sign in once, e-mail last. E-mail is one when
// there is a password, and after a sign-in by mailed code, which stores a
// provider of that name.
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

// byAddress selects the account with an address. Addresses are stored in
// lower case, but imported ones may not be: of several, the exact one wins,
// then the oldest.
const byAddress = `
	SELECT ` + userColumns + `
	  FROM auth.users u
	 WHERE lower(u.email) = $1
	 ORDER BY u.email = $1 DESC, u.created_at
	 LIMIT 1`

// accountOf returns the account of a row; the zero Account when there is none.
func accountOf(row pgx.Row) (Account, error) {
	a, err := scanAccount(row)
	if errors.Is(err, pgx.ErrNoRows) {
		return Account{}, nil
	}
	return a, err
}

// UserByID selects the user with the id $1, for ReadUser. Further conditions on
// u may be appended.
const UserByID = `
	SELECT ` + userColumns + `
	  FROM auth.users u
	 WHERE u.id = $1`

// ReadUser returns the user of a row of UserByID, or 404 AUTH_USER_NOT_FOUND.
func ReadUser(row pgx.Row) (User, error) {
	a, err := scanAccount(row)
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, errUserNotFound()
	}
	return a.User, err
}

// Find returns the user with an id, or 404 AUTH_USER_NOT_FOUND.
func Find(ctx context.Context, tx pg.Tx, id uuid.UUID) (User, error) {
	return ReadUser(tx.QueryRow(ctx, UserByID, id))
}

// FindByAddress returns the user with an address in lower case; the zero User
// when there is none.
func FindByAddress(ctx context.Context, tx pg.Tx, email string) (User, error) {
	a, err := accountOf(tx.QueryRow(ctx, byAddress, email))
	return a.User, err
}

// NewUser is a user to be stored. Email is in lower case.
type NewUser struct {
	Email, Hash string
	Verified    bool
	Profile     map[string]string
}

// Insert stores a user and returns it, or 409 AUTH_EMAIL_EXISTS.
func Insert(ctx context.Context, tx pg.Tx, n NewUser) (User, error) {
	a, err := scanAccount(tx.QueryRow(ctx, `
		INSERT INTO auth.users AS u (email, password, email_verified, profile)
		SELECT $1::text, $2::text, $3::boolean, $4::jsonb
		 WHERE NOT EXISTS (SELECT FROM auth.users WHERE lower(email) = $1)
		ON CONFLICT (email) DO NOTHING
		RETURNING `+userColumns, n.Email, n.Hash, n.Verified, n.Profile))
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, fault.New(http.StatusConflict, fault.AuthEmailExists, "User already exists").
			Next("Sign in instead, or use another e-mail address.")
	}
	return a.User, err
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

// listed selects the users that administrators see in lists. $1 is the text to
// search for, in which the wildcards of LIKE work.
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
		return a.User, err
	})
	return users, total, err
}

// Delete deletes users and returns how many there were.
func Delete(ctx context.Context, tx pg.Tx, ids []uuid.UUID) (int, error) {
	tag, err := tx.Exec(ctx, `DELETE FROM auth.users WHERE id = ANY ($1::uuid[])`, ids)
	return int(tag.RowsAffected()), err
}
