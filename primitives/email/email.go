package email

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/email/smtp"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/seal"
)

// Deps are what email needs from the rest of the product.
type Deps struct {
	DB    *pg.DB
	Box   *seal.Box // seals the SMTP password and stored mails
	Audit audit.Recorder
	Log   zerolog.Logger
	Now   func() time.Time // time.Now outside tests
	// SMTP opens sessions; its Guard decides which hosts may be set.
	SMTP smtp.Client
	// VerificationRequired reports whether users must verify their address,
	// so that mails must be possible. tx holds the lock of configurations.
	VerificationRequired func(ctx context.Context, tx pg.Tx) (bool, error)
	// Mailbox is whether the development mailbox is on while no administrator
	// has said so.
	Mailbox bool
	// BaseURL is where the product is reached, for links to the mailbox.
	BaseURL string
}

// Service sends mails. It is safe for concurrent use.
type Service struct {
	db                   *pg.DB
	box                  *seal.Box
	audit                audit.Recorder
	log                  zerolog.Logger
	now                  func() time.Time
	smtp                 smtp.Client
	verificationRequired func(context.Context, pg.Tx) (bool, error)
	mailboxDefault       bool
	baseURL              string
	intervals            *intervals
	sessions             chan struct{} // a token for each session with a mail server
	tidied               time.Time     // read and written by Run alone
}

// New returns a Service. Mails whose first try failed are tried again only
// while Run runs.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Box == nil || d.Now == nil || d.VerificationRequired == nil {
		return nil, errors.New("email: a dependency is missing")
	}
	return &Service{
		db: d.DB, box: d.Box, audit: d.Audit, log: d.Log, now: d.Now, smtp: d.SMTP,
		verificationRequired: d.VerificationRequired,
		mailboxDefault:       d.Mailbox,
		baseURL:              strings.TrimRight(d.BaseURL, "/"),
		intervals:            newIntervals(),
		sessions:             make(chan struct{}, maxSessions),
	}, nil
}

// Mail is one mail before it has a sender. Addresses are plain and lower-case.
type Mail struct {
	To      []string `json:"to"`
	CC      []string `json:"cc,omitempty"`
	BCC     []string `json:"bcc,omitempty"`
	ReplyTo string   `json:"replyTo,omitempty"`
	Subject string   `json:"subject"`
	HTML    string   `json:"html"`
}

// Configured reports whether mails can be sent, if only to the mailbox.
func (s *Service) Configured(ctx context.Context) (bool, error) {
	where, err := s.Delivery(ctx)
	return err == nil && where != Nowhere, err
}

// Delivery is where mails go.
type Delivery string

// The places where mails go.
const (
	ToSMTP    Delivery = "smtp"
	ToMailbox Delivery = "mailbox"
	Nowhere   Delivery = "none" // sending is refused
)

// Delivery returns where mails currently go, to show to an operator.
func (s *Service) Delivery(ctx context.Context) (Delivery, error) {
	p, err := s.provider(ctx)
	switch {
	case fault.Is(err, fault.EmailProviderNotConfigured):
		return Nowhere, nil
	case err != nil:
		return "", err
	case p.mailbox:
		return ToMailbox, nil
	}
	return ToSMTP, nil
}

// SendTemplate sends the mail that a template makes with variables to one
// address. name and to are variables as well, called name and email, even if
// variables holds others; an empty name reads "User". lifetime is how long the
// mail is worth sending, such as for as long as the code in it works: when it
// cannot be delivered now, it is tried again for that long.
//
// It returns 503 EMAIL_PROVIDER_NOT_CONFIGURED, 404 EMAIL_TEMPLATE_NOT_FOUND,
// 429 RATE_LIMITED when the address got a mail too recently, or 500
// EMAIL_SMTP_SEND_FAILED. nil means that the mail was taken by the server, the
// mailbox, or the outbox for another try.
func (s *Service) SendTemplate(ctx context.Context, template, to, name string, variables map[string]string, lifetime time.Duration) error {
	p, err := s.provider(ctx)
	if err != nil {
		return err
	}
	found, err := s.template(ctx, template)
	if err != nil {
		return err
	}
	values := allVariables(to, name, variables)
	m := Mail{To: []string{to}, Subject: smtp.OneLine(render(found.Subject, values)), HTML: render(found.BodyHTML, values)}
	return s.send(ctx, p, template, m, lifetime)
}

// SendRaw sends a mail that the caller wrote. The errors are those of
// SendTemplate without the template's.
func (s *Service) SendRaw(ctx context.Context, m Mail) error {
	p, err := s.provider(ctx)
	if err != nil {
		return err
	}
	return s.send(ctx, p, raw, m, rawLifetime)
}

// Receipt says where a test mail went.
type Receipt struct {
	Provider Delivery `json:"provider"`
	// ID is the mail's Message-ID or its id in the mailbox.
	ID string `json:"id"`
}

// SendTest sends a short mail to one address, bypassing the outbox and the
// interval between mails, and reports to an administrator what the server said.
// It is audited.
//
// It returns 503 EMAIL_PROVIDER_NOT_CONFIGURED, or 500 EMAIL_SMTP_SEND_FAILED
// with the server's words.
func (s *Service) SendTest(ctx context.Context, to string) (Receipt, error) {
	p, err := s.provider(ctx)
	if err != nil {
		return Receipt{}, err
	}
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		return s.audit.Record(ctx, tx, audit.Entry{Module: audit.Email, Action: "SEND_TEST_EMAIL", Details: map[string]string{"to": to}})
	})
	if err != nil {
		return Receipt{}, err
	}
	m := Mail{
		To:      []string{to},
		Subject: "Test of the mail settings",
		HTML:    "<p>This is a test. Mails of your project arrive here.</p>",
	}
	if p.mailbox {
		id, err := s.keep(ctx, "test", m)
		return Receipt{Provider: ToMailbox, ID: id}, err
	}
	message := p.message(newID(), s.now(), m)
	if err := s.session(ctx, p, message); err != nil {
		return Receipt{}, serverSaid(http.StatusInternalServerError, fault.EmailSMTPSendFailed, "The test email could not be sent", err)
	}
	return Receipt{Provider: ToSMTP, ID: message.ID}, nil
}
