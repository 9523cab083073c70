package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/recent"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Vault stores the project's credentials, sealed.
type Vault interface {
	// Value returns the value of an active secret, or 404 SECRET_NOT_FOUND.
	Value(ctx context.Context, key string) (string, error)
	// Each visits the active reserved secrets that match accepts; expires is
	// zero for one that stays.
	Each(ctx context.Context, match func(key string) bool, visit func(key, value string, expires time.Time) error) error
	// Reconcile writes the reserved secrets that decide returns for those
	// that are stored, in one transaction, one caller after the other.
	Reconcile(ctx context.Context, keys []string, decide func(stored map[string]string) (map[string]string, error)) error

	// Keep, Replace, Reveal and Forget are for the secrets of configurations,
	// in the owner's transaction that stores the configuration. Keep returns
	// the row's id, or 409 SECRET_ALREADY_EXISTS.
	Keep(ctx context.Context, tx pg.Tx, key, value string) (uuid.UUID, error)
	Replace(ctx context.Context, tx pg.Tx, id uuid.UUID, value string) error
	Reveal(ctx context.Context, tx pg.Tx, id uuid.UUID) (string, error)
	Forget(ctx context.Context, tx pg.Tx, id uuid.UUID) error
}

// Deps are what auth needs from the rest of the product.
type Deps struct {
	DB     *pg.DB
	Vault  Vault
	Audit  audit.Recorder
	Events *events.Bus
	// JWTSecret signs refresh tokens and checks tokens of third parties.
	JWTSecret string
	// AdminUsername and AdminPassword are the administrator's sign-in.
	AdminUsername, AdminPassword string
	Now                          func() time.Time // time.Now outside tests
	// Mail sends what users must read; nil when nothing can.
	Mail Mailer
	// BaseURL is API_BASE_URL, the public address of the product: of links in
	// mails, and of the pages that providers send browsers back to.
	BaseURL string
	// Providers are the built-in providers to sign in with; nil for
	// oauth.Builtin().
	Providers []oauth.Provider
	// AllowPrivateProviders lets custom providers be at private addresses,
	// and on the loopback interface without TLS.
	AllowPrivateProviders bool
	// PasswordCost is the bcrypt cost of passwords and mailed codes; zero for
	// guard.DefaultCost. Tests use a cheap one.
	PasswordCost int
	// Log gets what goes wrong in the background; the zero Logger drops it.
	Log zerolog.Logger
}

// Service is the auth primitive. It is safe for concurrent use.
type Service struct {
	db        *pg.DB
	vault     Vault
	audit     audit.Recorder
	events    *events.Bus
	jwtSecret string
	admin     administrator
	now       func() time.Time
	passwords *guard.Hasher
	// adminFailures bounds guessing of the administrator's password.
	adminFailures *rest.Limiter
	// throttle bounds guessing of users' passwords.
	throttle *guard.Throttle
	state    atomic.Pointer[credentials]
	// reloading guards reloaded, the last look for a key that a token named.
	reloading sync.Mutex
	reloaded  time.Time
	// started is when this process did; see family.judge.
	started time.Time
	mail    Mailer
	// letters wait for Run to send them.
	letters chan letter
	// asked, mailRequests and codeFailures bound the mails that are asked for,
	// by address and by client, and the guessing of what is in them.
	asked                      *guard.Cooldown
	mailRequests, codeFailures *rest.Limiter
	// configuring lets one change of the settings at a time.
	configuring sync.Mutex
	// ended are the sessions that this process ended lately, and the answer to
	// their access tokens, which are good for minutes more. After a restart,
	// and in other processes on the database, only their lifetime ends those.
	ended   *recent.Map[string, *fault.Error]
	baseURL string
	// party and providers are for sign-ins at other providers, states are those
	// on their way.
	party     *oauth.RelyingParty
	providers map[oauth.Name]oauth.Provider
	states    stateCodec
	// idTokens bounds the sign-ins by ID token of a client.
	idTokens *rest.Limiter
	log      zerolog.Logger
}

var _ rest.Authenticator = (*Service)(nil)

// New returns a Service that lets nobody in before Seed or Reload has loaded
// the project's credentials. It opens nothing.
func New(d Deps) (*Service, error) {
	username := strings.TrimSpace(d.AdminUsername)
	switch {
	case d.DB == nil || d.Vault == nil || d.Events == nil || d.Now == nil:
		return nil, errors.New("auth: a dependency is missing")
	case d.Mail != nil && d.BaseURL == "":
		return nil, errors.New("auth: links in mails need the address of the product; set API_BASE_URL")
	case d.JWTSecret == "":
		return nil, errors.New("auth: the JWT secret is empty; set JWT_SECRET")
	case username == "" || d.AdminPassword == "":
		return nil, errors.New("auth: the administrator has no name or no password; set ROOT_ADMIN_USERNAME and ROOT_ADMIN_PASSWORD")
	}
	party, err := oauth.New(oauth.Config{AllowPrivate: d.AllowPrivateProviders, Now: d.Now})
	if err != nil {
		return nil, err
	}
	return &Service{
		db:        d.DB,
		vault:     d.Vault,
		audit:     d.Audit,
		events:    d.Events,
		jwtSecret: d.JWTSecret,
		admin:     newAdministrator(username, d.AdminPassword, d.JWTSecret),
		now:       d.Now,
		passwords: guard.NewHasher(d.PasswordCost),
		adminFailures: rest.NewLimiter(rest.Limit{
			Window:     15 * time.Minute,
			Max:        10,
			OnlyFailed: true,
			Message:    "Too many failed sign-ins",
			Now:        d.Now,
		}),
		throttle: guard.NewThrottle(d.Now),
		mail:     d.Mail,
		letters:  make(chan letter, maxWaiting),
		asked:    guard.NewCooldown(mailPause),
		mailRequests: rest.NewLimiter(rest.Limit{
			Window:  15 * time.Minute,
			Max:     5,
			Message: "Too many requests for e-mails",
			Now:     d.Now,
		}),
		codeFailures: rest.NewLimiter(rest.Limit{
			Window:     15 * time.Minute,
			Max:        10,
			OnlyFailed: true,
			Message:    "Too many failed attempts with a code",
			Now:        d.Now,
		}),
		started: d.Now(),
		ended:   recent.New[string, *fault.Error](maxEnded),

		baseURL:   strings.TrimRight(d.BaseURL, "/"),
		party:     party,
		providers: byName(d.Providers),
		states:    newStateCodec(d.JWTSecret),
		idTokens:  newIDTokenLimiter(d.Now),
		log:       d.Log,
	}, nil
}

// byName returns providers, or the built-in ones for nil, by their names.
func byName(providers []oauth.Provider) map[oauth.Name]oauth.Provider {
	if providers == nil {
		providers = oauth.Builtin()
	}
	all := make(map[oauth.Name]oauth.Provider, len(providers))
	for _, p := range providers {
		all[p.Name] = p
	}
	return all
}

// errNotLoaded is a bug in the start: a request came before Seed.
var errNotLoaded = errors.New("auth: credentials are not loaded")

// loaded returns the project's credentials.
func (s *Service) loaded() (*credentials, error) {
	if c := s.state.Load(); c != nil {
		return c, nil
	}
	return nil, errNotLoaded
}

// authority returns what makes and checks tokens.
func (s *Service) authority() (*tokens.Authority, error) {
	c, err := s.loaded()
	if err != nil {
		return nil, err
	}
	return c.tokens, nil
}

// asProject runs f as the project's administrator, whoever calls: the tables
// of this package are not the caller's business, and triggers on them are not
// the owner's.
func (s *Service) asProject(ctx context.Context, f func(pg.Tx) error) error {
	return s.db.AsProject(ctx, f)
}

// ask is asProject for one statement that returns one row: a single round trip.
func (s *Service) ask(ctx context.Context, read func(pgx.Row) error, sql string, args ...any) error {
	var b pgx.Batch
	b.Queue(sql, args...).QueryRow(read)
	return s.db.AsProjectAtOnce(ctx, &b)
}
