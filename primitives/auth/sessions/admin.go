package sessions

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
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

// administrator returns the one that may sign in now.
func (s *Service) administrator() administrator {
	return newAdministrator(s.adminUsername, s.adminPassword(), s.jwtSecret)
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

// signInAdmin starts an administrator's session, or returns 401
// AUTH_UNAUTHORIZED.
func (s *Service) signInAdmin(ctx context.Context, by Client, username, password string) (Grant, error) {
	admin := s.administrator()
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

// renewAdmin exchanges the refresh token of an administrator's session, or
// returns 401 AUTH_UNAUTHORIZED when the session has ended or the
// administrator's name or password has changed since.
func (s *Service) renewAdmin(ctx context.Context, by Client, session tokens.Session) (_ Grant, err error) {
	err = s.db.AsProject(ctx, func(tx pg.Tx) error {
		session, err = s.exchange(ctx, tx, session, by)
		return err
	})
	if err != nil {
		return Grant{}, err
	}
	return s.grant(session, "")
}
