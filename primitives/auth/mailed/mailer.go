package mailed

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// Mailer sends mails that are made from the project's templates.
type Mailer interface {
	// Configured reports whether mails can be sent at all.
	Configured(ctx context.Context) (bool, error)
	// SendTemplate sends a mail to one address, or takes charge of sending it.
	// name is the recipient's; variables fill the template; lifetime is how long
	// the mail is worth sending. It returns 503 EMAIL_PROVIDER_NOT_CONFIGURED,
	// 429 RATE_LIMITED and 500 EMAIL_SMTP_SEND_FAILED, which the caller may see.
	SendTemplate(ctx context.Context, template, to, name string, variables map[string]string, lifetime time.Duration) error
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
	// someone is the name of a recipient who has none.
	someone = "User"
	// maxNameRunes bounds the name in a mail, which users choose themselves.
	maxNameRunes = 100
	// deliverers is how many mails are sent at a time; at most maxWaiting wait.
	deliverers = 4
	maxWaiting = 1024
	// sendPatience bounds one mail, and drainPatience all that are waiting when
	// the process ends.
	sendPatience  = time.Minute
	drainPatience = 5 * time.Second
)

// letter is a mail that is ready to be sent. When to is empty, it has no
// recipient and is dropped.
type letter struct {
	template, to, name string
	variables          map[string]string
	// holds is the secret in it.
	holds issued
}

// send hands a letter to the Mailer and waits for the outcome. When it is not
// sent, the secret in the mail before it stays valid.
func (s *Service) send(ctx context.Context, l letter) error {
	patient, cancel := context.WithTimeout(ctx, sendPatience)
	defer cancel()
	err := s.mail.SendTemplate(patient, l.template, l.to, l.name, l.variables, l.holds.life)
	if err == nil {
		return nil
	}
	// The caller may be gone.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainPatience)
	defer cancel()
	return errors.Join(err, s.takeBack(last, l.holds))
}

// post queues a letter for Run. A caller who must not learn whether there is a
// recipient is answered before the mail is sent, so that neither the answer
// nor its time gives it away. A letter without a recipient takes a place in
// the queue like any other.
//
// It returns 503 TOO_MANY_REQUESTS when too many are waiting.
func (s *Service) post(l letter) error {
	select {
	case s.letters <- l:
		return nil
	default:
		return fault.New(http.StatusServiceUnavailable, fault.TooManyRequests, "Too many e-mails are waiting to be sent").
			Next("Try again in a minute.").Because(guard.RetryAfter(time.Minute))
	}
}

// deliver sends letters until ctx ends, and then those that are waiting, within
// drainPatience. A user who misses a mail can ask for another.
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
		s.log.Warn().Err(err).Str("template", l.template).Msg("auth: a mail could not be sent; its recipient can request another")
	}
}

// salutation returns the name in a user's profile, or else someone.
func salutation(u accounts.User) string {
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
