package email

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/email/smtp"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/egress"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// lookupTimeout bounds the lookup of a host.
const lookupTimeout = 5 * time.Second

// Config is the SMTP configuration as administrators see it.
type Config struct {
	ID                 uuid.UUID `json:"id"`
	Enabled            bool      `json:"enabled"`
	Host               string    `json:"host"`
	Port               int       `json:"port"`
	Username           string    `json:"username"`
	HasPassword        bool      `json:"hasPassword"`
	SenderEmail        string    `json:"senderEmail"`
	SenderName         string    `json:"senderName"`
	MinIntervalSeconds int       `json:"minIntervalSeconds"`
	CreatedAt          rest.Time `json:"createdAt"`
	UpdatedAt          rest.Time `json:"updatedAt"`
}

// settings are the row of email.config.
type settings struct {
	Config
	passwordSealed string
	mailbox        *bool
}

// ConfigUpdate replaces the SMTP configuration. A nil Password keeps the one
// that is stored.
type ConfigUpdate struct {
	Enabled            bool
	Host               string
	Port               int
	Username           string
	Password           *string
	SenderEmail        string
	SenderName         string
	MinIntervalSeconds int
}

// Config returns the SMTP configuration.
func (s *Service) Config(ctx context.Context) (Config, error) {
	var found settings
	err := s.db.AsOwner(ctx, func(tx pg.Tx) (err error) {
		found, err = readSettings(ctx, tx)
		return err
	})
	if found.ID == uuid.Nil { // someone deleted the row
		found.CreatedAt, found.UpdatedAt = rest.Time(s.now()), rest.Time(s.now())
	}
	return found.Config, err
}

// UpdateConfig replaces the SMTP configuration and is audited. One that is
// enabled is tried out first: the host must be public, unless the operator
// allows others, and must accept the account.
//
// It returns 400 INVALID_INPUT for a host that is refused or a password that
// is missing, 400 EMAIL_SMTP_CONNECTION_FAILED when signing in fails, 400
// EMAIL_PROVIDER_NOT_CONFIGURED when mails must stay possible, and 409 when
// the stored password was replaced meanwhile. Nothing is saved then.
func (s *Service) UpdateConfig(ctx context.Context, u ConfigUpdate) (Config, error) {
	var tried string // the stored password that was tried out, sealed
	if u.Enabled {
		var err error
		if tried, err = s.tryOut(ctx, u); err != nil {
			return Config{}, err
		}
	}
	var saved settings
	err := s.db.AsOwner(ctx, func(tx pg.Tx) error {
		before, err := lockSettings(ctx, tx)
		if err != nil {
			return err
		}
		if !u.Enabled && !s.mailboxOn(before) {
			if err := s.mayStopMail(ctx, tx); err != nil {
				return err
			}
		}
		sealed := before.passwordSealed
		switch {
		case u.Password != nil:
			sealed = s.box.Seal(*u.Password)
		case u.Enabled && sealed != tried:
			return fault.New(http.StatusConflict, fault.InvalidInput, "The SMTP settings were changed by someone else").
				Next("Look at the settings and send the request again.")
		}
		if saved, err = writeSettings(ctx, tx, u, sealed); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Entry{
			Module: audit.Email, Action: "UPDATE_SMTP_CONFIG",
			Details: map[string]any{"enabled": u.Enabled, "host": u.Host},
		})
	})
	return saved.Config, err
}

// mayStopMail returns 400 EMAIL_PROVIDER_NOT_CONFIGURED when users must verify
// their addresses.
func (s *Service) mayStopMail(ctx context.Context, tx pg.Tx) error {
	required, err := s.verificationRequired(ctx, tx)
	if err != nil || !required {
		return err
	}
	return fault.New(http.StatusBadRequest, fault.EmailProviderNotConfigured,
		"Users must verify their email address, so mails must stay possible").
		Next("Switch requireEmailVerification off with PUT /api/auth/config first.")
}

// tryOut signs in as u would, with no transaction open, and returns the stored
// password, sealed, when u has none.
func (s *Service) tryOut(ctx context.Context, u ConfigUpdate) (stored string, err error) {
	if err := s.checkHost(ctx, u.Host); err != nil {
		return "", err
	}
	account := smtp.Account{Host: u.Host, Port: u.Port, Username: u.Username}
	if u.Password != nil {
		account.Password = *u.Password
	} else if stored, account.Password, err = s.storedPassword(ctx); err != nil {
		return "", err
	}
	if err := s.smtp.Check(ctx, account); err != nil {
		if refused := hostRefused(err); refused != nil { // the name resolves to something else by now
			return "", refused
		}
		return "", serverSaid(http.StatusBadRequest, fault.EmailSMTPConnectionFailed, "The SMTP connection failed", err)
	}
	return stored, nil
}

// checkHost returns 400 INVALID_INPUT for a host that must not be connected
// to. A name that does not resolve passes: signing in will fail on it.
func (s *Service) checkHost(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	_, err := s.smtp.Guard.Resolve(ctx, host)
	if refused := hostRefused(err); refused != nil {
		return refused
	}
	return nil
}

// hostRefused is the answer to a host that the guard refuses, or nil.
func hostRefused(err error) error {
	switch {
	case errors.Is(err, egress.ErrHost):
		return fault.Invalid("host: must be a host name or an IP address").
			Next("Use the name that your mail provider gives for SMTP, without a port or a scheme.")
	case errors.Is(err, egress.ErrPrivate):
		return fault.Invalid("host: must not be, or resolve to, a private, loopback or link-local address").
			Next("Use a public mail server. The operator of this server can allow private ones with SMTP_ALLOW_PRIVATE_HOSTS=true.")
	}
	return nil
}

// storedPassword returns the stored password, sealed and open, or 400
// INVALID_INPUT when there is none that can be read.
func (s *Service) storedPassword(ctx context.Context) (sealed, password string, err error) {
	var found settings
	if err = s.db.AsOwner(ctx, func(tx pg.Tx) (err error) {
		found, err = readSettings(ctx, tx)
		return err
	}); err != nil {
		return "", "", err
	}
	if !found.HasPassword {
		return "", "", fault.Invalid("password: Required").Next("Send the password of the SMTP account.")
	}
	if password, err = s.box.Open(found.passwordSealed); err != nil {
		return "", "", fault.Invalid("password: the stored one cannot be read").
			Next("It was stored with another ENCRYPTION_KEY; send it again.").Because(err)
	}
	return found.passwordSealed, password, nil
}

// serverSaid is a fault about err, a failed session, with what the server
// said; it is for administrators.
func serverSaid(status int, code fault.Code, what string, err error) error {
	var failed *smtp.Error
	if !errors.As(err, &failed) {
		return err
	}
	text := what + ": " + failed.Reason
	if failed.Reply != "" {
		text += " (" + failed.Reply + ")"
	}
	next := "Check host and port, that this server may connect to it, and that its certificate is for this host and from a known authority."
	if failed.Phase == "sign in" {
		next = "Check username and password; some providers require a password for applications."
	} else if failed.Code >= 500 {
		next = "Check that the account may send as senderEmail, and the recipient's address."
	}
	return fault.New(status, code, text).Next(next).Because(err)
}
