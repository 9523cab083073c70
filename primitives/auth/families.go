package auth

import (
	"context"
	"crypto/subtle"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const (
	// grace is how long an exchanged refresh token still gets its successor:
	// for tabs that refresh at once, and for answers that were lost. Afterwards
	// it is taken for stolen.
	grace = time.Minute
	// comeback is how long after a start the token before the latest gets its
	// successor, if it was exchanged before the start: the answer may have died
	// with the process.
	comeback = 15 * time.Minute
	// maxExchanges bounds the exchanges of one session within the grace. Beyond
	// it the latest token is handed out as it is.
	maxExchanges = 32
	// maxSessions bounds the sessions of one user, and those of administrators
	// together. A further one ends the one that was not used for longest.
	maxSessions = 100
	// maxAgent bounds what is kept of a User-Agent, in bytes.
	maxAgent = 256
	// maxEnded bounds the memory of ended sessions; there are two generations.
	maxEnded = 8192
)

// client is who asks for a session.
type client struct {
	kind  clientType
	agent string
	addr  netip.Addr
}

func clientOf(c rest.Context) client {
	agent := strings.ToValidUTF8(c.Request().UserAgent(), "")
	if len(agent) > maxAgent {
		agent = strings.ToValidUTF8(agent[:maxAgent], "")
	}
	addr := identity.CallFrom(c.Request().Context()).ClientIP
	return client{kind: clientTypeOf(c), agent: agent, addr: addr.Unmap().WithZone("")}
}

// family is a session as it is stored: the tokens that followed one another.
type family struct {
	// subject is the user's id or the administrator's label.
	subject string
	// credential is a digest of what an administrator signed in with.
	credential []byte
	// generation and digest are those of the latest token.
	generation int64
	digest     []byte
	// exchanged are the times at which the tokens before it were, as far as
	// they are kept.
	exchanged []time.Time
	expires   time.Time
}

// verdict is what becomes of a refresh token that is presented.
type verdict uint8

const (
	// ended: the session is over, or the token is none of its own.
	ended verdict = iota
	// rotate: it is the latest and is exchanged.
	rotate
	// again: its successor is the latest and is handed out once more.
	again
	// reused: it was exchanged too long ago. Somebody has a copy.
	reused
)

// judge decides about a token by its place in the row. started is when this
// process did.
func (f family) judge(t tokens.Session, now, started time.Time) verdict {
	behind := f.generation - t.Generation
	switch {
	case t.Subject != f.subject || !now.Before(f.expires) || behind < 0:
		return ended
	case behind == 0 && len(f.lately(now)) >= maxExchanges:
		return again
	case behind == 0:
		return rotate
	case behind > int64(len(f.exchanged)):
		return reused
	}
	at := f.exchanged[len(f.exchanged)-int(behind)]
	lost := behind == 1 && at.Before(started) && now.Sub(started) <= comeback
	if now.Sub(at) <= grace || lost {
		return again
	}
	return reused
}

// lately returns the times of the exchanges within the grace.
func (f family) lately(now time.Time) []time.Time {
	first := slices.IndexFunc(f.exchanged, func(at time.Time) bool { return now.Sub(at) <= grace })
	if first < 0 {
		return nil
	}
	return f.exchanged[first:]
}

// latest returns the latest token of the family, which follows from t; ok is
// false when it does not, and t is a forgery. t must be one that judge found
// to be among those that are kept.
func (f family) latest(a *tokens.Authority, t tokens.Session) (_ tokens.Session, ok bool) {
	for t.Generation < f.generation {
		t = a.Successor(t)
	}
	return t, subtle.ConstantTimeCompare(t.Digest(), f.digest) == 1
}

// exchange returns the token that a presented one gets: a new one, or the
// latest once more. A token that was exchanged too long ago ends its session.
// At most one exchange of a session goes on at a time.
//
// It returns 401 AUTH_UNAUTHORIZED, committed where that ended the session.
func (s *Service) exchange(ctx context.Context, tx pg.Tx, t tokens.Session, by client) (tokens.Session, error) {
	a, err := s.authority()
	if err != nil {
		return tokens.Session{}, err
	}
	f, err := lockFamily(ctx, tx, t)
	if err != nil {
		return tokens.Session{}, err
	}
	now := s.now()
	decision := f.judge(t, now, s.started)
	if t.Audience == tokens.ForAdmin && subtle.ConstantTimeCompare(f.credential, s.admin.credential) != 1 {
		decision = ended
	}
	switch decision {
	case ended:
		return tokens.Session{}, errSessionEnded()
	case reused:
		return tokens.Session{}, s.endReused(ctx, tx, t)
	}
	latest, ok := f.latest(a, t)
	if !ok {
		return tokens.Session{}, errSessionEnded()
	}
	if decision == again {
		return latest, nil
	}
	next := a.Successor(latest)
	return next, storeExchange(ctx, tx, next, by, append(f.lately(now), now), now)
}

// endReused ends the session of a token that was presented after it had been
// exchanged, and leaves a trace of it.
func (s *Service) endReused(ctx context.Context, tx pg.Tx, t tokens.Session) error {
	if _, err := s.end(ctx, tx, `id = $1`, t.ID); err != nil {
		return err
	}
	err := s.audit.Record(ctx, tx, audit.Entry{
		Module:  audit.Auth,
		Action:  "REVOKE_REUSED_SESSION",
		Details: map[string]any{"sessionId": t.ID, "sub": t.Subject},
	})
	if err != nil {
		return err
	}
	return pg.Persist(errSessionEnded())
}

// revokeAll ends all sessions of a user. In a transaction that changes what
// the user signs in with it comes after the change, so that a sign-in with
// the old password, which waits for that change, finds it made. Codes that
// would open further sessions go too.
func (s *Service) revokeAll(ctx context.Context, tx pg.Tx, userID uuid.UUID) error {
	tx.OnCommit(func() { s.forgetCodes(ctx, userID) })
	_, err := s.end(ctx, tx, `user_id = $1`, userID)
	return err
}

// end ends the sessions that a condition selects, their refresh tokens with
// the transaction and their access tokens after it, and returns how many there
// were.
func (s *Service) end(ctx context.Context, tx pg.Tx, condition string, args ...any) (int, error) {
	return s.endBecause(ctx, tx, guard.Unauthorized("Invalid token"), condition, args...)
}

// endBecause is end with the answer to the access tokens.
func (s *Service) endBecause(ctx context.Context, tx pg.Tx, answer *fault.Error, condition string, args ...any) (int, error) {
	ids, err := deleteFamilies(ctx, tx, condition, args...)
	if err != nil {
		return 0, err
	}
	tx.OnCommit(func() {
		for _, id := range ids {
			s.ended.Put(id, answer)
		}
	})
	return len(ids), nil
}

// Run sends the mails that users asked for, forgets expired sessions and
// secrets, and follows rotations of keys that another process on the same
// database made, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var mail sync.WaitGroup
	defer mail.Wait()
	for range deliverers {
		mail.Go(func() { s.deliver(ctx) })
	}
	follow, sweep := time.NewTicker(followEvery), time.NewTicker(sweepEvery)
	defer follow.Stop()
	defer sweep.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-follow.C:
			err = s.Reload(ctx)
		case <-sweep.C:
			err = s.sweep(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn().Err(err).Msg("auth: background work failed; it is tried again")
		}
	}
}

// sweep forgets what has expired.
func (s *Service) sweep(ctx context.Context) error {
	return s.asProject(ctx, func(tx pg.Tx) error {
		if err := deleteExpired(ctx, tx, s.now()); err != nil {
			return err
		}
		return deleteOldSecrets(ctx, tx, s.now())
	})
}
