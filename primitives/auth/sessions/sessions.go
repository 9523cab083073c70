package sessions

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/credentials"
	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/recent"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// maxEnded bounds the ended sessions that are remembered, in two generations.
const maxEnded = 8192

// Deps are what sessions needs.
type Deps struct {
	DB          *pg.DB
	Credentials *credentials.Service
	Accounts    *accounts.Service
	Throttle    *guard.Throttle
	Audit       audit.Recorder
	// JWTSecret is mixed into the digest of what an administrator signed in
	// with.
	JWTSecret string
	// AdminUsername is the administrator's name, and AdminPassword returns the
	// password in force, which may change at any time but is never empty.
	AdminUsername string
	AdminPassword func() string
	Now           func() time.Time // time.Now outside tests
	// Log gets what goes wrong in the background; the zero Logger drops it.
	Log zerolog.Logger
}

// Service keeps sessions. It is safe for concurrent use.
type Service struct {
	db          *pg.DB
	credentials *credentials.Service
	accounts    *accounts.Service
	throttle    *guard.Throttle
	audit       audit.Recorder
	admins      administrators
	now         func() time.Time
	// started is when this process started; see family.judge.
	started time.Time
	// ended holds the sessions that this process ended recently, with the
	// answer to their access tokens, which have not expired yet.
	ended *recent.Map[string, *fault.Error]
	log   zerolog.Logger
}

// New returns a Service. It opens nothing.
func New(d Deps) (*Service, error) {
	username := strings.TrimSpace(d.AdminUsername)
	switch {
	case d.DB == nil || d.Credentials == nil || d.Accounts == nil || d.Throttle == nil || d.Now == nil:
		return nil, errors.New("auth: a dependency is missing")
	case username == "" || d.AdminPassword == nil || d.AdminPassword() == "":
		return nil, errors.New("auth: the administrator has no name or no password; set ROOT_ADMIN_USERNAME and ROOT_ADMIN_PASSWORD")
	}
	s := &Service{
		db:          d.DB,
		credentials: d.Credentials,
		accounts:    d.Accounts,
		throttle:    d.Throttle,
		audit:       d.Audit,
		now:         d.Now,
		started:     d.Now(),
		ended:       recent.New[string, *fault.Error](maxEnded),
		log:         d.Log,
	}
	s.admins = administrators{
		sessions: s, username: username, password: d.AdminPassword, jwtSecret: d.JWTSecret,
		failures: rest.NewLimiter(rest.Limit{
			Window:     15 * time.Minute,
			Max:        10,
			OnlyFailed: true,
			Message:    "Too many failed sign-ins",
			Now:        d.Now,
		}),
	}
	return s, nil
}

// AccessToken returns whom an access token stands for, or 401 when it is bad or
// this process ended its session.
func (s *Service) AccessToken(ctx context.Context, token string) (identity.Principal, error) {
	p, err := s.credentials.AccessToken(ctx, token)
	if err != nil || p.Session == "" {
		return p, err
	}
	if answer, ok := s.ended.Get(p.Session); ok {
		return identity.Principal{}, answer
	}
	return p, nil
}

// Sweep deletes expired sessions.
func (s *Service) Sweep(ctx context.Context) error {
	return s.db.AsProject(ctx, func(tx pg.Tx) error { return deleteExpired(ctx, tx, s.now()) })
}
