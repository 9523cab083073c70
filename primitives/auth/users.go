package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/auth/redirect"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// maxProfileBytes bounds a profile: everybody may read it.
const maxProfileBytes = 256 << 10

// User is one user as clients see it.
type User struct {
	ID            string    `json:"id"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"emailVerified"`
	CreatedAt     rest.Time `json:"createdAt"`
	UpdatedAt     rest.Time `json:"updatedAt"`
	// Providers are the ways the user can sign in, "email" among them when a
	// password is set.
	Providers []string `json:"providers"`
	// Profile and Metadata are JSON objects. Everybody may read the profile.
	Profile  json.RawMessage `json:"profile"`
	Metadata json.RawMessage `json:"metadata"`
}

// Profile is the public part of a user.
type Profile struct {
	ID      string          `json:"id"`
	Profile json.RawMessage `json:"profile"`
}

// registration is what somebody signs up with.
type registration struct {
	// email is valid and in lower case.
	email, password string
	// name goes into the profile; empty for none.
	name string
	// redirectTo is where a verification link leads.
	redirectTo string
	// autoConfirm marks the address as verified; only administrators may.
	autoConfirm bool
}

// signUp stores a new user. verify says that the address must be verified
// before the user may sign in.
//
// An administrator is who byAdmin says; others may be refused with 403
// AUTH_SIGNUP_DISABLED. It returns 400 INVALID_INPUT for a password or a
// redirect that the settings do not allow and 409 AUTH_EMAIL_EXISTS. When the
// verification mail cannot be sent it returns 500
// AUTH_VERIFICATION_EMAIL_DELIVERY_FAILED, or 429 with that code, and the user
// stays.
func (s *Service) signUp(ctx context.Context, in registration, byAdmin bool) (made account, verify bool, err error) {
	settings, err := s.Settings(ctx)
	if err != nil {
		return account{}, false, err
	}
	if err := settings.admits(in, byAdmin); err != nil {
		return account{}, false, err
	}
	if made.hash, err = s.passwords.Hash(ctx, in.password); err != nil {
		return account{}, false, err
	}
	profile := map[string]string{}
	if in.name != "" {
		profile["name"] = in.name
	}
	err = s.asProject(ctx, func(tx pg.Tx) error {
		made.user, err = insertUser(ctx, tx, newUser{
			email:    in.email,
			hash:     made.hash,
			verified: byAdmin && in.autoConfirm,
			profile:  profile,
		})
		return err
	})
	if err != nil {
		return account{}, false, err
	}
	if settings.RequireEmailVerification && !byAdmin {
		if err := s.mailVerification(ctx, settings, in.email, in.redirectTo); err != nil {
			return account{}, false, err
		}
	}
	s.events.Publish(events.DataUpdate{Resource: events.Users})
	return made, settings.RequireEmailVerification, nil
}

// admits refuses a sign-up that the settings do not allow.
func (s Settings) admits(in registration, byAdmin bool) error {
	if s.DisableSignup && !byAdmin {
		return errSignupDisabled()
	}
	if err := s.CheckPassword(in.password); err != nil {
		return err
	}
	if s.RequireEmailVerification && s.VerifyEmailMethod == ByLink && !byAdmin {
		return s.checkRedirect(in.redirectTo)
	}
	return nil
}

func errSignupDisabled() *fault.Error {
	return fault.New(http.StatusForbidden, fault.AuthSignupDisabled, "Sign-up is disabled").
		Next("Ask an administrator for an account.")
}

// checkRedirect returns 400 INVALID_INPUT unless links may lead to target.
func (s Settings) checkRedirect(target string) error {
	if target == "" {
		return fault.Invalid("redirectTo is required where links are mailed").
			Next("Send redirectTo, the page that the link leads to.")
	}
	if !redirect.Allowed(s.AllowedRedirectURLs, target) {
		return fault.Invalid("redirectTo is not an allowed redirect URL").
			Next("Add the URL to the allowed redirect URLs of the project.")
	}
	return nil
}

// accountWith returns the settings and the account with an address; the zero
// account when there is none.
func (s *Service) accountWith(ctx context.Context, email string) (settings Settings, found account, err error) {
	var b pgx.Batch
	queueSettings(&b, &settings)
	b.Queue(accountByAddress, email).QueryRow(func(row pgx.Row) (err error) {
		found, err = accountOf(row)
		return err
	})
	err = s.db.AsProjectAtOnce(ctx, &b)
	return settings, found, err
}

// Settings returns how users may sign up.
func (s *Service) Settings(ctx context.Context) (settings Settings, err error) {
	var b pgx.Batch
	queueSettings(&b, &settings)
	err = s.db.AsProjectAtOnce(ctx, &b)
	return settings, err
}

// publicSettings returns what a sign-in page needs to know: the settings and
// the names of the configured OAuth providers, built-in and custom.
func (s *Service) publicSettings(ctx context.Context) (settings Settings, builtIn, custom []string, err error) {
	var b pgx.Batch
	queueSettings(&b, &settings)
	b.Queue(configuredProviders).QueryRow(func(row pgx.Row) error { return row.Scan(&builtIn, &custom) })
	err = s.db.AsProjectAtOnce(ctx, &b)
	return settings, builtIn, custom, err
}

// User returns the user with an id, or 404 AUTH_USER_NOT_FOUND.
func (s *Service) User(ctx context.Context, id uuid.UUID) (user User, err error) {
	err = s.ask(ctx, func(row pgx.Row) error {
		user, err = userOf(row)
		return err
	}, userByID, id)
	return user, err
}

// errUserNotFound is 404 AUTH_USER_NOT_FOUND.
func errUserNotFound() *fault.Error {
	return fault.New(http.StatusNotFound, fault.AuthUserNotFound, "User not found").
		Next("Check the user's id.")
}

// userID returns the id of the signed-in caller; ok is false for a caller who
// is none of the project's users, such as one with a third party's token.
func userID(ctx context.Context) (id uuid.UUID, ok bool) {
	p := identity.From(ctx)
	if p.Kind != identity.User || rest.UUID(p.Subject) != "" {
		return uuid.UUID{}, false
	}
	id, err := uuid.Parse(p.Subject)
	return id, err == nil
}

// UpdateProfile merges changes, a JSON object, into the caller's own profile,
// key by key, and returns the result.
//
// It returns 404 AUTH_USER_NOT_FOUND for a caller who is no user of the
// project, and 400 INVALID_INPUT for what Postgres cannot hold or a profile
// that grew too large.
func (s *Service) UpdateProfile(ctx context.Context, changes json.RawMessage) (profile Profile, err error) {
	id, ok := userID(ctx)
	if !ok {
		return Profile{}, errUserNotFound()
	}
	err = s.asProject(ctx, func(tx pg.Tx) error {
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

// unstorable reports whether Postgres refused a value as such (SQLSTATE
// classes 22, data exception, and 54, limit exceeded).
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

// Users returns a page of the project's users, newest first, and how many
// there are in all. Only administrators may call it.
func (s *Service) Users(ctx context.Context, p Page) (users []User, total int, err error) {
	err = s.asProject(ctx, func(tx pg.Tx) error {
		users, total, err = listUsers(ctx, tx, p)
		return err
	})
	return users, total, err
}

// DeleteUsers deletes the users with these ids and returns how many there
// were. Only administrators may call it.
func (s *Service) DeleteUsers(ctx context.Context, ids []uuid.UUID) (deleted int, err error) {
	err = s.asProject(ctx, func(tx pg.Tx) error {
		if _, err := s.endBecause(ctx, tx, errNoUser(), `user_id = ANY ($1)`, ids); err != nil {
			return err
		}
		if deleted, err = deleteUsers(ctx, tx, ids); err != nil {
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
