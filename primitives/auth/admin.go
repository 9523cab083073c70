package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const (
	// adminLabel comes before the administrator's name in a token's subject.
	adminLabel = "local:"
	// maxAdminPassword is the longest password, in characters, that is looked
	// at.
	maxAdminPassword = 4096
)

// administrator is the one the settings name. There is no row for it.
type administrator struct {
	label              string
	username, password [sha256.Size]byte
	// credential is a digest of both that only the product can make: what a
	// session was opened with.
	credential []byte
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

// is compares in a time that tells nothing about where the two differ.
func (a administrator) is(username, password string) bool {
	u, p := sha256.Sum256([]byte(username)), sha256.Sum256([]byte(password))
	same := subtle.ConstantTimeCompare(u[:], a.username[:]) & subtle.ConstantTimeCompare(p[:], a.password[:])
	return same == 1
}

// signInAdmin starts an administrator's session, or returns 401
// AUTH_UNAUTHORIZED.
func (s *Service) signInAdmin(c rest.Context, username, password string) (grant, error) {
	if len([]rune(password)) > maxAdminPassword || !s.admin.is(strings.TrimSpace(username), password) {
		return grant{}, guard.Unauthorized("Invalid credentials").Next("Check the administrator's name and password.")
	}
	t := tokens.NewSession(s.admin.label, tokens.ForAdmin)
	ctx := c.Request().Context()
	err := s.asProject(ctx, func(tx pg.Tx) error {
		return insertAdminSession(ctx, tx, t, s.admin.credential, clientOf(c), s.now())
	})
	if err != nil {
		return grant{}, err
	}
	return s.grant(t, "")
}

// renewAdmin returns an administrator's session with the tokens that a refresh
// token is exchanged for, or 401 AUTH_UNAUTHORIZED when the session has ended
// or the administrator's name or password has changed since.
func (s *Service) renewAdmin(c rest.Context, session tokens.Session) (_ grant, err error) {
	ctx := c.Request().Context()
	err = s.asProject(ctx, func(tx pg.Tx) error {
		session, err = s.exchange(ctx, tx, session, clientOf(c))
		return err
	})
	if err != nil {
		return grant{}, err
	}
	return s.grant(session, "")
}
