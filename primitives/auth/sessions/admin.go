package sessions

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const (
	// adminLabel comes before the administrator's name in a token's subject.
	adminLabel = "local:"
	// maxAdminPassword is the longest password, in characters, that is
	// compared.
	maxAdminPassword = 4096
)

// administrator is the one that the settings name. It has no row.
type administrator struct {
	label              string
	username, password [sha256.Size]byte
	// credential is a digest of both that only the product can make. A session
	// keeps the one that it was opened with.
	credential []byte
}

// administrators signs administrators in. There is one, whose password may change
// at any time.
type administrators struct {
	sessions *Service
	username string
	password func() string
	// jwtSecret is the key of credentials.
	jwtSecret string
	// failures bounds the guessing of the password.
	failures *rest.Limiter
}

// current returns the administrator who may sign in now.
func (a *administrators) current() administrator {
	return newAdministrator(a.username, a.password(), a.jwtSecret)
}

func newAdministrator(username, password, jwtSecret string) administrator {
	a := administrator{
		label:    adminLabel + username,
		username: sha256.Sum256([]byte(username)),
		password: sha256.Sum256([]byte(password)),
	}
	mac := hmac.New(sha256.New, []byte(jwtSecret))
	mac.Write([]byte("insforge:admin:v1:"))
	mac.Write(a.username[:])
	mac.Write(a.password[:])
	a.credential = mac.Sum(nil)
	return a
}

// is compares in a time that does not depend on where the two differ.
func (a administrator) is(username, password string) bool {
	u, p := sha256.Sum256([]byte(username)), sha256.Sum256([]byte(password))
	same := subtle.ConstantTimeCompare(u[:], a.username[:]) & subtle.ConstantTimeCompare(p[:], a.password[:])
	return same == 1
}

// signIn starts an administrator's session, or returns 401 AUTH_UNAUTHORIZED.
func (a *administrators) signIn(ctx context.Context, by Client, username, password string) (Grant, error) {
	admin, s := a.current(), a.sessions
	if len([]rune(password)) > maxAdminPassword || !admin.is(strings.TrimSpace(username), password) {
		return Grant{}, guard.Unauthorized("Invalid credentials").Next("Check the administrator's name and password.")
	}
	t := tokens.NewSession(admin.label, tokens.ForAdmin)
	err := s.db.AsProject(ctx, func(tx pg.Tx) error {
		return insertAdminSession(ctx, tx, t, admin.credential, by, s.now())
	})
	if err != nil {
		return Grant{}, err
	}
	return s.grant(t, "")
}

// renew exchanges the refresh token of an administrator's session, or returns 401
// AUTH_UNAUTHORIZED when the session has ended or the administrator's name or
// password has changed since.
func (a *administrators) renew(ctx context.Context, by Client, session tokens.Session) (_ Grant, err error) {
	err = a.sessions.db.AsProject(ctx, func(tx pg.Tx) error {
		session, err = a.sessions.exchange(ctx, tx, session, by, a.current().credential)
		return err
	})
	if err != nil {
		return Grant{}, err
	}
	return a.sessions.grant(session, "")
}

// checkSession returns 401 AUTH_UNAUTHORIZED when the session of the
// calling administrator has ended. A token without a session passes.
func (a *administrators) checkSession(ctx context.Context) error {
	id := identity.From(ctx).Session
	if id == "" {
		return nil
	}
	var lives bool
	err := a.sessions.ask(ctx, func(row pgx.Row) error { return row.Scan(&lives) }, sessionLives, id, a.sessions.now())
	if err == nil && !lives {
		return guard.Unauthorized("Invalid token")
	}
	return err
}
