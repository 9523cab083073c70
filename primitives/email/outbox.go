package email

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/email/smtp"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// raw is the kind of mails that no template made.
const raw = "raw"

const (
	// maxSessions is how many sessions with the mail server there are at once.
	maxSessions = 16
	// sessionWait is how long a mail waits for its turn.
	sessionWait = 10 * time.Second
	// lease is how long a try belongs to the process that began it. It is
	// longer than the try can take.
	lease = sessionWait + smtp.SendTimeout + 20*time.Second
	// maxAttempts and the mail's lifetime, whichever ends first, bound retries.
	maxAttempts  = 12
	firstBackoff = 30 * time.Second
	lastBackoff  = time.Hour
	// maxWaiting is how many mails may wait for another try. A failure that
	// may pass is final while there are more.
	maxWaiting = 10_000
	// rawLifetime is how long mails of users are tried.
	rawLifetime = 24 * time.Hour
)

// entry is a row of the outbox that this process is trying to send.
type entry struct {
	id       string
	kind     string
	mail     Mail
	attempts int // this one included
	created  time.Time
	expires  time.Time
}

// outcome is the result of a try.
type outcome uint8

const (
	delivered outcome = iota
	waiting           // for another try
	failed            // for good
)

// send hands m to where p leads: see SendTemplate for the errors.
func (s *Service) send(ctx context.Context, p provider, kind string, m Mail, lifetime time.Duration) error {
	if p.mailbox {
		_, err := s.keep(ctx, kind, m)
		return err
	}
	giveBack, err := s.intervals.reserve(m.To, p.minInterval, s.now())
	if err != nil {
		return err
	}
	// A client that goes away must not leave the mail's outcome open.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease)
	defer cancel()
	e, err := s.enqueue(ctx, kind, m, lifetime)
	if err != nil {
		giveBack()
		return err
	}
	result, err := s.try(ctx, e, p)
	if result != failed {
		return nil
	}
	giveBack()
	return fault.New(http.StatusInternalServerError, fault.EmailSMTPSendFailed, "The email could not be sent").
		Next("An administrator can find the reason at GET /api/email/outbox and can test the settings with POST /api/auth/smtp-config/test.").
		Because(err)
}

// enqueue writes m into the outbox, as being tried by this process.
func (s *Service) enqueue(ctx context.Context, kind string, m Mail, lifetime time.Duration) (entry, error) {
	sealed, err := s.sealMail(m)
	if err != nil {
		return entry{}, err
	}
	now := s.now()
	e := entry{id: newID(), kind: kind, mail: m, attempts: 1, created: now, expires: now.Add(lifetime)}
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error { return insertEntry(ctx, tx, e, sealed, now.Add(lease)) })
	return e, err
}

func (s *Service) sealMail(m Mail) (string, error) {
	plain, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("encode mail: %w", err)
	}
	return s.box.Seal(string(plain)), nil
}

// openMail is the reverse of sealMail. Its errors repeat nothing from the mail.
func (s *Service) openMail(sealed string) (m Mail, err error) {
	plain, err := s.box.Open(sealed)
	if err == nil && json.Unmarshal([]byte(plain), &m) != nil {
		err = errors.New("the stored mail is not JSON")
	}
	return m, err
}

// try makes one attempt and notes its outcome. err is why it was not delivered.
func (s *Service) try(ctx context.Context, e entry, p provider) (outcome, error) {
	return s.settle(ctx, e, s.session(ctx, p, p.message(e.id, e.created, e.mail)))
}

// session sends one message when fewer than maxSessions others are being sent.
func (s *Service) session(ctx context.Context, p provider, m smtp.Message) error {
	wait := time.NewTimer(sessionWait)
	defer wait.Stop()
	select {
	case s.sessions <- struct{}{}:
		defer func() { <-s.sessions }()
		return s.smtp.Send(ctx, p.account, m)
	case <-wait.C:
		return &smtp.Error{Phase: "connect", Temporary: true, Reason: "too many mails are being sent at once"}
	case <-ctx.Done():
		return &smtp.Error{Phase: "connect", Temporary: true, Reason: "the server is shutting down"}
	}
}

// settle notes the outcome of a try that ended with err, and logs failures. It
// returns err, for the waiting caller.
func (s *Service) settle(ctx context.Context, e entry, err error) (outcome, error) {
	result := delivered
	reason := ""
	if err != nil {
		result, reason = waiting, "the database did not answer"
		var refused *smtp.Error
		if errors.As(err, &refused) {
			reason = refused.Error()
			if !refused.Temporary {
				result = failed
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	stored := s.db.AsOwner(ctx, func(tx pg.Tx) (err error) {
		result, err = s.record(ctx, tx, e, result, reason)
		return err
	})
	line := s.log.With().Str("mail", e.id).Str("kind", e.kind).Int("attempt", e.attempts).Logger()
	if stored != nil { // the row stays as being tried, and will be tried again
		line.Error().Err(stored).Msg("the outcome of sending a mail could not be stored")
	}
	switch result {
	case waiting:
		line.Warn().Err(err).Msg("mail could not be sent; it waits in the outbox for another try")
	case failed:
		line.Error().Err(err).Msg("mail could not be sent")
	}
	return result, err
}

// record stores the outcome. A mail that may wait no longer has failed.
func (s *Service) record(ctx context.Context, tx pg.Tx, e entry, result outcome, reason string) (outcome, error) {
	now := s.now()
	if result == delivered {
		return result, deleteEntry(ctx, tx, e)
	}
	next := now.Add(backoff(e.attempts))
	if result == waiting && (e.attempts >= maxAttempts || !next.Before(e.expires)) {
		result = failed
	}
	if result == waiting {
		full, err := countWaiting(ctx, tx, maxWaiting+1)
		if err != nil {
			return result, err
		}
		if full > maxWaiting {
			result, reason = failed, reason+"; and too many mails are waiting already"
		}
	}
	if result == failed {
		return result, failEntry(ctx, tx, e, reason, now)
	}
	return result, postponeEntry(ctx, tx, e, reason, next)
}

// backoff is how long to wait after a number of attempts, give or take a tenth.
func backoff(attempts int) time.Duration {
	wait := lastBackoff
	if shift := attempts - 1; shift < 7 {
		wait = min(wait, firstBackoff<<shift)
	}
	return wait - wait/10 + rand.N(wait/5)
}

// OutboxEntry is a mail that waits for another try or has failed. What it says
// and to whom is not shown.
type OutboxEntry struct {
	ID            string     `json:"id"`
	Kind          string     `json:"kind"`
	Status        string     `json:"status"` // "waiting" or "failed"
	Recipients    int        `json:"recipients"`
	Attempts      int        `json:"attempts"`
	LastError     *string    `json:"lastError"`
	NextAttemptAt *rest.Time `json:"nextAttemptAt"` // null once it has failed
	ExpiresAt     rest.Time  `json:"expiresAt"`
	CreatedAt     rest.Time  `json:"createdAt"`
}

// Outbox returns the newest mails that were not delivered, at most 100, and
// how many there are.
func (s *Service) Outbox(ctx context.Context) (newest []OutboxEntry, total int, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		newest, total, err = listEntries(ctx, tx, 100)
		return err
	})
	return newest, total, err
}
