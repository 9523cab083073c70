package mailed

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/sessions"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Deps are what mailed needs.
type Deps struct {
	DB        *pg.DB
	Accounts  *accounts.Service
	Sessions  *sessions.Service
	Passwords *guard.Hasher
	Events    *events.Bus
	// Mail sends the mails; nil when nothing can.
	Mail Mailer
	// MailboxOn reports whether mails are kept in the development mailbox
	// instead of being sent; nil for never. Callers on the same machine may then
	// request any number.
	MailboxOn func(ctx context.Context) (bool, error)
	// BaseURL is the public address of the product, where links begin.
	BaseURL string
	Now     func() time.Time // time.Now outside tests
	// Log gets what goes wrong in the background; the zero Logger drops it.
	Log zerolog.Logger
}

// Service mails secrets and redeems them. It is safe for concurrent use.
type Service struct {
	db        *pg.DB
	accounts  *accounts.Service
	sessions  *sessions.Service
	passwords *guard.Hasher
	events    *events.Bus
	mail      Mailer
	mailboxOn func(context.Context) (bool, error)
	baseURL   string
	now       func() time.Time
	log       zerolog.Logger
	// letters wait for Run to send them.
	letters chan letter
	// requested spaces the mails to one address.
	requested *guard.Cooldown
	// requests and wrongCodes bound what a client may ask for and guess.
	requests, wrongCodes *rest.Limiter
}

// New returns a Service. It opens nothing; mails to addresses that may have no
// account are sent only while Run runs.
func New(d Deps) (*Service, error) {
	switch {
	case d.DB == nil || d.Accounts == nil || d.Sessions == nil || d.Passwords == nil || d.Events == nil || d.Now == nil:
		return nil, errors.New("auth: a dependency is missing")
	case d.Mail != nil && d.BaseURL == "":
		return nil, errors.New("auth: links in mails need the address of the product; set API_BASE_URL")
	}
	return &Service{
		db:        d.DB,
		accounts:  d.Accounts,
		sessions:  d.Sessions,
		passwords: d.Passwords,
		events:    d.Events,
		mail:      d.Mail,
		mailboxOn: d.MailboxOn,
		baseURL:   strings.TrimRight(d.BaseURL, "/"),
		now:       d.Now,
		log:       d.Log,
		letters:   make(chan letter, maxWaiting),
		requested: guard.NewCooldown(mailPause),
		requests: rest.NewLimiter(rest.Limit{
			Window:  15 * time.Minute,
			Max:     5,
			Message: "Too many requests for e-mails",
			Now:     d.Now,
		}),
		wrongCodes: rest.NewLimiter(rest.Limit{
			Window:     15 * time.Minute,
			Max:        10,
			OnlyFailed: true,
			Message:    "Too many failed attempts with a code",
			Now:        d.Now,
		}),
	}, nil
}

// Run delivers the mails that users asked for until ctx ends, and then those
// that are waiting, if that is quickly done.
func (s *Service) Run(ctx context.Context) {
	var deliveries sync.WaitGroup
	for range deliverers {
		deliveries.Go(func() { s.deliver(ctx) })
	}
	deliveries.Wait()
}

// Sweep deletes secrets that expired long ago.
func (s *Service) Sweep(ctx context.Context) error {
	return s.db.AsProject(ctx, func(tx pg.Tx) error { return deleteOldSecrets(ctx, tx, s.now()) })
}

// available returns 503 EMAIL_PROVIDER_NOT_CONFIGURED unless mails can be sent.
func (s *Service) available(ctx context.Context) error {
	ok := false
	if s.mail != nil {
		var err error
		if ok, err = s.mail.Configured(ctx); err != nil {
			return err
		}
	}
	if ok {
		return nil
	}
	return fault.New(http.StatusServiceUnavailable, fault.EmailProviderNotConfigured, "No e-mail service is set up").
		Next("Have an administrator set up SMTP with PUT /api/auth/smtp-config.")
}
