package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// Mailer sends mails that are made from the project's templates.
type Mailer interface {
	// Configured reports whether mails can be sent at all.
	Configured(ctx context.Context) (bool, error)
	// SendTemplate sends a mail to one address, or sees to it that it is sent.
	// name is the receiver's; variables fill the template. It returns 503
	// EMAIL_PROVIDER_NOT_CONFIGURED, 429 RATE_LIMITED and 500
	// EMAIL_SMTP_SEND_FAILED, which may be shown to whoever asked.
	SendTemplate(ctx context.Context, template, to, name string, variables map[string]string) error
}

// The templates that this package fills.
const (
	templateSignIn     = "request-otp"
	templateVerifyCode = "email-verification-code"
	templateVerifyLink = "email-verification-link"
	templateResetCode  = "reset-password-code"
	templateResetLink  = "reset-password-link"
)

const (
	// someone is the name of who has none.
	someone = "User"
	// maxNameRunes bounds the name in a mail, which its bearer chose.
	maxNameRunes = 100
	// deliverers send the mails that wait, of which there are maxWaiting at
	// most.
	deliverers = 4
	maxWaiting = 1024
	// sendPatience bounds one mail, and drainPatience all that wait when the
	// process ends.
	sendPatience  = time.Minute
	drainPatience = 5 * time.Second
)

// letter is a mail that is ready to be sent; to nobody, when to is empty.
type letter struct {
	template, to, name string
	variables          map[string]string
	// holds is the secret in it.
	holds issued
}

// mailable returns 503 EMAIL_PROVIDER_NOT_CONFIGURED unless mails can be sent.
func (s *Service) mailable(ctx context.Context) error {
	ok, err := s.mailConfigured(ctx)
	if err != nil || ok {
		return err
	}
	return fault.New(http.StatusServiceUnavailable, fault.EmailProviderNotConfigured, "No e-mail service is set up").
		Next("Have an administrator set up SMTP with PUT /api/auth/smtp-config.")
}

func (s *Service) mailConfigured(ctx context.Context) (bool, error) {
	if s.mail == nil {
		return false, nil
	}
	return s.mail.Configured(ctx)
}

// send hands a letter to the Mailer and waits for what becomes of it. When it
// is not sent, the secret in the mail before it stays good.
func (s *Service) send(ctx context.Context, l letter) error {
	patient, cancel := context.WithTimeout(ctx, sendPatience)
	defer cancel()
	err := s.mail.SendTemplate(patient, l.template, l.to, l.name, l.variables)
	if err == nil {
		return nil
	}
	// Whoever asked may be gone.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainPatience)
	defer cancel()
	return errors.Join(err, s.takeBack(last, l.holds))
}

// post leaves a letter for the deliverers. A caller who may not know whether
// there is a receiver is answered before, and apart from, what becomes of it:
// neither the answer nor its time tells. For that, a letter to nobody waits
// like any other.
//
// It returns 503 TOO_MANY_REQUESTS when too many wait.
func (s *Service) post(l letter) error {
	select {
	case s.letters <- l:
		return nil
	default:
		return fault.New(http.StatusServiceUnavailable, fault.TooManyRequests, "Too many e-mails are waiting to be sent").
			Next("Try again in a minute.").Because(guard.RetryAfter(time.Minute))
	}
}

// deliver sends letters until ctx ends, and then those that wait, if that is
// quickly done. Whoever misses a mail asks for another.
func (s *Service) deliver(ctx context.Context) {
	for {
		select {
		case l := <-s.letters:
			s.deliverOne(ctx, l)
		case <-ctx.Done():
			s.drain(context.WithoutCancel(ctx))
			return
		}
	}
}

func (s *Service) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainPatience)
	defer cancel()
	for ctx.Err() == nil {
		select {
		case l := <-s.letters:
			s.deliverOne(ctx, l)
		default:
			return
		}
	}
}

func (s *Service) deliverOne(ctx context.Context, l letter) {
	if l.to == "" {
		return
	}
	if err := s.send(ctx, l); err != nil {
		s.log.Warn().Err(err).Str("template", l.template).Msg("auth: a mail could not be sent; its receiver may ask for another")
	}
}

// salutation returns the name in a user's profile, or else someone.
func salutation(u User) string {
	var profile struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(u.Profile, &profile) != nil || profile.Name == "" {
		return someone
	}
	if runes := []rune(profile.Name); len(runes) > maxNameRunes {
		return string(runes[:maxNameRunes])
	}
	return profile.Name
}
