package email

import (
	"context"
	"sync"
	"time"

	"github.com/insforge/insforge-go/primitives/email/smtp"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

const (
	// poll is how often the outbox is looked at. Tries are further apart.
	poll = 10 * time.Second
	// batch is how many mails of the outbox are tried at once.
	batch = 4
	// tidyEvery, keptFailed and failedFor bound the failed mails that are kept.
	tidyEvery  = time.Hour
	keptFailed = 1000
	failedFor  = 7 * 24 * time.Hour
)

// Run tries the mails that wait in the outbox until ctx ends. Several
// processes may run it on one database. It returns nil.
func (s *Service) Run(ctx context.Context) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		if err := s.work(ctx); err != nil && ctx.Err() == nil {
			s.log.Error().Err(err).Msg("the outbox could not be processed")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// work tries all mails that are due and, once in a while, deletes old rows.
func (s *Service) work(ctx context.Context) error {
	for {
		tried, err := s.tryDue(ctx)
		if err != nil {
			return err
		}
		if tried == 0 {
			return s.tidy(ctx)
		}
	}
}

// tryDue tries some mails that are due, at once, and returns how many.
func (s *Service) tryDue(ctx context.Context) (int, error) {
	now := s.now()
	var claimed []claim
	err := s.db.AsOwner(ctx, func(tx pg.Tx) (err error) {
		claimed, err = claimEntries(ctx, tx, now, now.Add(lease), batch)
		return err
	})
	if err != nil || len(claimed) == 0 {
		return 0, err
	}
	var group sync.WaitGroup
	for _, c := range claimed {
		group.Go(func() { s.tryClaimed(ctx, c) })
	}
	group.Wait()
	return len(claimed), nil
}

// tryClaimed tries one mail of the outbox with the settings of this moment.
func (s *Service) tryClaimed(ctx context.Context, c claim) {
	e := c.entry
	if !s.now().Before(e.expires) {
		_, _ = s.settle(ctx, e, &smtp.Error{Phase: "outbox", Reason: "what it says has expired"})
		return
	}
	var err error
	if e.mail, err = s.openMail(c.sealed); err != nil {
		_, _ = s.settle(ctx, e, &smtp.Error{Phase: "outbox", Reason: "it was stored with another ENCRYPTION_KEY", Err: err})
		return
	}
	p, err := s.provider(ctx)
	if fault.Is(err, fault.EmailProviderNotConfigured) || p.mailbox {
		err = &smtp.Error{Phase: "outbox", Temporary: true, Reason: "no mail server is configured"}
	} else if err == nil {
		err = s.session(ctx, p, p.message(e.id, e.created, e.mail))
	}
	if err != nil && ctx.Err() != nil {
		s.putBack(ctx, e)
		return
	}
	_, _ = s.settle(ctx, e, err)
}

// putBack makes a mail due at once, for the next process.
func (s *Service) putBack(ctx context.Context, e entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := s.db.AsOwner(ctx, func(tx pg.Tx) error { return releaseEntry(ctx, tx, e, s.now()) })
	if err != nil {
		s.log.Warn().Err(err).Str("mail", e.id).Msg("mail stays claimed for a minute")
	}
}

// tidy deletes what is too old or too much, once per tidyEvery.
func (s *Service) tidy(ctx context.Context) error {
	now := s.now()
	if now.Sub(s.tidied) < tidyEvery {
		return nil
	}
	err := s.db.AsOwner(ctx, func(tx pg.Tx) error {
		if err := deleteKeptBefore(ctx, tx, now.Add(-keptFor)); err != nil {
			return err
		}
		return deleteFailed(ctx, tx, now.Add(-failedFor), keptFailed)
	})
	if err == nil {
		s.tidied = now
	}
	return err
}
