package email

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/email/smtp"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// provider is where mails go at one moment: a mail server or the mailbox.
type provider struct {
	mailbox            bool
	account            smtp.Account
	sender, senderName string
	minInterval        time.Duration
}

// provider returns where mails go, or 503 EMAIL_PROVIDER_NOT_CONFIGURED.
func (s *Service) provider(ctx context.Context) (p provider, err error) {
	var found settings
	if err := s.db.AsOwner(ctx, func(tx pg.Tx) error {
		found, err = readSettings(ctx, tx)
		return err
	}); err != nil {
		return provider{}, err
	}
	return s.choose(found)
}

// choose is provider for settings that were read.
func (s *Service) choose(found settings) (provider, error) {
	if !found.Enabled {
		if s.mailboxOn(found) {
			return provider{mailbox: true}, nil
		}
		return provider{}, notConfigured("Set up a mail server with PUT /api/auth/smtp-config, " +
			"or for development switch the mailbox on with PUT /api/email/mailbox.")
	}
	password, err := s.box.Open(found.passwordSealed)
	if err != nil {
		return provider{}, notConfigured("The SMTP password was stored with another ENCRYPTION_KEY; " +
			"enter it again with PUT /api/auth/smtp-config.").Because(err)
	}
	return provider{
		account:     smtp.Account{Host: found.Host, Port: found.Port, Username: found.Username, Password: password},
		sender:      found.SenderEmail,
		senderName:  found.SenderName,
		minInterval: time.Duration(found.MinIntervalSeconds) * time.Second,
	}, nil
}

// mailboxOn reports whether the mailbox takes mails while SMTP is off.
func (s *Service) mailboxOn(found settings) bool {
	if found.mailbox == nil {
		return s.mailboxDefault
	}
	return *found.mailbox
}

func notConfigured(next string) *fault.Error {
	return fault.New(http.StatusServiceUnavailable, fault.EmailProviderNotConfigured, "No email provider is configured").Next(next)
}

// message gives m the sender and an identity.
func (p provider) message(id string, date time.Time, m Mail) smtp.Message {
	_, domain, _ := strings.Cut(p.sender, "@")
	return smtp.Message{
		ID: id + "@" + domain, Date: date,
		From: p.sender, FromName: p.senderName,
		To: m.To, CC: m.CC, BCC: m.BCC, ReplyTo: m.ReplyTo,
		Subject: m.Subject, HTML: m.HTML,
	}
}

func newID() string { return uuid.NewString() }
