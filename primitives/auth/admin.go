package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/insforge/insforge-go/primitives/auth/tokens"
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
}

// is compares in a time that tells nothing about where the two differ.
func (a administrator) is(username, password string) bool {
	u, p := sha256.Sum256([]byte(username)), sha256.Sum256([]byte(password))
	same := subtle.ConstantTimeCompare(u[:], a.username[:]) & subtle.ConstantTimeCompare(p[:], a.password[:])
	return same == 1
}

// signInAdmin starts an administrator's session, or returns 401
// AUTH_UNAUTHORIZED.
func (s *Service) signInAdmin(username, password string) (grant, error) {
	if len([]rune(password)) > maxAdminPassword || !s.admin.is(strings.TrimSpace(username), password) {
		return grant{}, unauthorized("Invalid credentials").Next("Check the administrator's name and password.")
	}
	return s.grant(tokens.NewSession(s.admin.label, tokens.ForAdmin), "")
}

// renewAdmin returns an administrator's session with new tokens, or 401
// AUTH_UNAUTHORIZED when the administrator's name has changed since.
func (s *Service) renewAdmin(session tokens.Session) (grant, error) {
	if session.Subject != s.admin.label {
		return grant{}, errSessionEnded()
	}
	return s.grant(session, "")
}
