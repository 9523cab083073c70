package app

import (
	"context"
	"time"

	"github.com/insforge/insforge-go/primitives/email"
	"github.com/insforge/insforge-go/primitives/email/smtp"
	"github.com/insforge/insforge-go/primitives/kernel/egress"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// wireEmail returns the service of mails.
func wireEmail(b base, verificationRequired func(context.Context, pg.Tx) (bool, error)) (*email.Service, error) {
	return email.New(email.Deps{
		DB: b.db.DB, Box: b.box, Audit: b.audit, Log: b.logOf("email"), Now: time.Now,
		SMTP:                 smtp.Client{Guard: egress.Guard{AllowPrivate: b.config.Mail.AllowPrivateHosts}},
		VerificationRequired: verificationRequired,
		Mailbox:              b.config.Mail.Mailbox, BaseURL: b.config.Server.BaseURL,
	})
}
