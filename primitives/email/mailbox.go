package email

import (
	"context"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// What the mailbox keeps. Bytes are those of sealed mails, twice as long as
// the mails.
const (
	maxKept      = 200
	maxKeptBytes = 32 << 20
	keptFor      = 7 * 24 * time.Hour
)

// MailboxState is whether the development mailbox takes mails.
type MailboxState struct {
	// Enabled is the switch.
	Enabled bool `json:"enabled"`
	// Active is whether mails go there: not while SMTP is on.
	Active bool `json:"active"`
}

// KeptMail is a mail in the mailbox. HTML is empty in lists.
type KeptMail struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"` // a template's type, "raw" or "test"
	To        []string  `json:"to"`
	CC        []string  `json:"cc,omitempty"`
	BCC       []string  `json:"bcc,omitempty"`
	ReplyTo   string    `json:"replyTo,omitempty"`
	Subject   string    `json:"subject"`
	HTML      string    `json:"html,omitempty"`
	CreatedAt rest.Time `json:"createdAt"`
}

// keep puts m into the mailbox and returns its id there.
func (s *Service) keep(ctx context.Context, kind string, m Mail) (id string, err error) {
	sealed, err := s.sealMail(m)
	if err != nil {
		return "", err
	}
	id = newID()
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		return insertKept(ctx, tx, kept{id: id, kind: kind, sealed: sealed, created: s.now()})
	})
	if err != nil {
		return "", err
	}
	s.log.Info().Str("kind", kind).Str("link", s.baseURL+"/api/email/mailbox/"+id).
		Msg("mail kept in the development mailbox; an administrator can read it there")
	return id, nil
}

// MailboxState returns whether the mailbox takes mails.
func (s *Service) MailboxState(ctx context.Context) (state MailboxState, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		found, err := readSettings(ctx, tx)
		state.Enabled = s.mailboxOn(found)
		state.Active = state.Enabled && !found.Enabled
		return err
	})
	return state, err
}

// SwitchMailbox switches the mailbox on or off, overriding the server's
// setting, and is audited. Mails in it stay.
//
// It returns 400 EMAIL_PROVIDER_NOT_CONFIGURED for switching off the only way
// to send mails while users must verify their address.
func (s *Service) SwitchMailbox(ctx context.Context, on bool) (state MailboxState, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		before, err := lockSettings(ctx, tx)
		if err != nil {
			return err
		}
		if !on && !before.Enabled {
			if err := s.mayStopMail(ctx, tx); err != nil {
				return err
			}
		}
		if err := writeMailboxEnabled(ctx, tx, on); err != nil {
			return err
		}
		state = MailboxState{Enabled: on, Active: on && !before.Enabled}
		return s.audit.Record(ctx, tx, audit.Entry{
			Module: audit.Email, Action: "UPDATE_MAILBOX", Details: map[string]bool{"enabled": on},
		})
	})
	return state, err
}

// KeptMails returns the mails in the mailbox, the newest first and without
// their HTML.
func (s *Service) KeptMails(ctx context.Context) ([]KeptMail, error) {
	mails, err := s.readMailbox(ctx, "")
	for i := range mails {
		mails[i].HTML = ""
	}
	return mails, err
}

// KeptMail returns one mail of the mailbox, or 404 NOT_FOUND.
func (s *Service) KeptMail(ctx context.Context, id string) (KeptMail, error) {
	mails, err := s.readMailbox(ctx, id)
	if err != nil {
		return KeptMail{}, err
	}
	if len(mails) == 0 {
		return KeptMail{}, noSuchMail()
	}
	return mails[0], nil
}

func noSuchMail() error {
	return fault.New(http.StatusNotFound, fault.NotFound, "The mailbox has no such mail").
		Next("GET /api/email/mailbox lists its mails; old ones are dropped.")
}

// readMailbox opens one mail, or all when id is empty. Mails that were stored
// with another encryption key are left out.
func (s *Service) readMailbox(ctx context.Context, id string) ([]KeptMail, error) {
	var rows []kept
	err := s.db.AsOwner(ctx, func(tx pg.Tx) (err error) {
		rows, err = readKept(ctx, tx, id, s.now().Add(-keptFor))
		return err
	})
	mails := make([]KeptMail, 0, len(rows))
	for _, row := range rows {
		m, err := s.openMail(row.sealed)
		if err != nil {
			continue
		}
		mails = append(mails, KeptMail{
			ID: row.id, Kind: row.kind, To: m.To, CC: m.CC, BCC: m.BCC, ReplyTo: m.ReplyTo,
			Subject: m.Subject, HTML: m.HTML, CreatedAt: rest.Time(row.created),
		})
	}
	return mails, err
}

// DeleteKeptMail deletes one mail of the mailbox, or returns 404 NOT_FOUND.
func (s *Service) DeleteKeptMail(ctx context.Context, id string) error {
	n, err := s.deleteMails(ctx, id)
	if err == nil && n == 0 {
		return noSuchMail()
	}
	return err
}

// EmptyMailbox deletes all mails of the mailbox and returns how many.
func (s *Service) EmptyMailbox(ctx context.Context) (int64, error) { return s.deleteMails(ctx, "") }

func (s *Service) deleteMails(ctx context.Context, id string) (n int64, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		n, err = deleteKept(ctx, tx, id)
		return err
	})
	return n, err
}
