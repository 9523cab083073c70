package accounts

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// maxProfileBytes bounds a profile, which anyone may read.
const maxProfileBytes = 256 << 10

// User is one user as clients see it.
type User struct {
	ID            string    `json:"id"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"emailVerified"`
	CreatedAt     rest.Time `json:"createdAt"`
	UpdatedAt     rest.Time `json:"updatedAt"`
	// Providers are the ways in which the user can sign in, "email" among them
	// when there is a password.
	Providers []string `json:"providers"`
	// Profile and Metadata are JSON objects. Anyone may read the profile.
	Profile  json.RawMessage `json:"profile"`
	Metadata json.RawMessage `json:"metadata"`
}

// Profile is the public part of a user.
type Profile struct {
	ID      string          `json:"id"`
	Profile json.RawMessage `json:"profile"`
}

// Account is a user with the hash of the password, empty for none.
type Account struct {
	User
	Hash string
}

// errUserNotFound is 404 AUTH_USER_NOT_FOUND.
func errUserNotFound() *fault.Error {
	return fault.New(http.StatusNotFound, fault.AuthUserNotFound, "User not found").
		Next("Check the user's id.")
}

// UpdateProfile merges changes, a JSON object, into the caller's own profile,
// key by key, and returns the result.
//
// It returns 404 AUTH_USER_NOT_FOUND for a caller who is not a user of the
// project, and 400 INVALID_INPUT for values that Postgres cannot store and when
// the profile gets too large.
func (s *Service) UpdateProfile(ctx context.Context, changes json.RawMessage) (profile Profile, err error) {
	id, ok := CallerID(ctx)
	if !ok {
		return Profile{}, errUserNotFound()
	}
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
		profile, err = mergeProfile(ctx, tx, id, changes)
		if err == nil && len(profile.Profile) > maxProfileBytes {
			return fault.Invalid(fmt.Sprintf("profile: must not be larger than %d KiB", maxProfileBytes>>10)).
				Next("Keep files and long texts in storage or in a table.")
		}
		return err
	})
	if unstorable(err) {
		return Profile{}, fault.Invalid("profile: Invalid JSON for the database").
			Next("Remove NUL characters, lone surrogates and out-of-range numbers.").Because(err)
	}
	return profile, err
}

// unstorable reports whether Postgres refused a value itself (SQLSTATE classes
// 22, data exception, and 54, program limit exceeded).
func unstorable(err error) bool {
	state := pg.State(err)
	return strings.HasPrefix(state, "22") || strings.HasPrefix(state, "54")
}

// Page is a part of a list of users.
type Page struct {
	// Search selects users whose address or name contains it; empty for all.
	Search        string
	Offset, Limit int
}

// Users returns a page of the project's users, newest first, and how many the
// search selects in all. Only administrators may call it.
func (s *Service) Users(ctx context.Context, p Page) (users []User, total int, err error) {
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
		users, total, err = listUsers(ctx, tx, p)
		return err
	})
	return users, total, err
}
