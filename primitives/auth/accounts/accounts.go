package accounts

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// Deps are what accounts needs.
type Deps struct {
	DB    *pg.DB
	Audit audit.Recorder
	Now   func() time.Time // time.Now outside tests
	// MailConfigured reports whether mails can be sent at all.
	MailConfigured func(ctx context.Context) (bool, error)
}

// Service keeps users and settings. It is safe for concurrent use.
type Service struct {
	db             *pg.DB
	audit          audit.Recorder
	now            func() time.Time
	mailConfigured func(context.Context) (bool, error)
	// configuring lets one change of the settings at a time.
	configuring sync.Mutex
}

// New returns a Service. It opens nothing.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Now == nil || d.MailConfigured == nil {
		return nil, errors.New("auth: a dependency is missing")
	}
	return &Service{db: d.DB, audit: d.Audit, now: d.Now, mailConfigured: d.MailConfigured}, nil
}

// Settings returns how users may sign up.
func (s *Service) Settings(ctx context.Context) (settings Settings, err error) {
	var b pgx.Batch
	QueueSettings(&b, &settings)
	err = s.db.AsProjectAtOnce(ctx, &b)
	return settings, err
}

// ByAddress returns the settings and the account with an address in lower
// case, in one round trip. The account is zero when there is none.
func (s *Service) ByAddress(ctx context.Context, email string) (settings Settings, found Account, err error) {
	var b pgx.Batch
	QueueSettings(&b, &settings)
	b.Queue(byAddress, email).QueryRow(func(row pgx.Row) (err error) {
		found, err = accountOf(row)
		return err
	})
	err = s.db.AsProjectAtOnce(ctx, &b)
	return settings, found, err
}

// User returns the user with an id, or 404 AUTH_USER_NOT_FOUND.
func (s *Service) User(ctx context.Context, id uuid.UUID) (user User, err error) {
	var b pgx.Batch
	b.Queue(UserByID, id).QueryRow(func(row pgx.Row) error {
		user, err = ReadUser(row)
		return err
	})
	err = s.db.AsProjectAtOnce(ctx, &b)
	return user, err
}
