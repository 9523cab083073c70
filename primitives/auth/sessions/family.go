package sessions

import (
	"context"
	"crypto/subtle"
	"slices"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

const (
	// grace is how long an exchanged refresh token still gets its successor,
	// for tabs that refresh at the same time and for answers that were lost.
	// After that it counts as stolen.
	grace = time.Minute
	// comeback is how long after a start the token before the latest still gets
	// its successor, if it was exchanged before the start: the answer may have
	// been lost with the process.
	comeback = 15 * time.Minute
	// maxExchanges bounds the exchanges of one session within the grace. Beyond
	// it the latest token is handed out again.
	maxExchanges = 32
	// maxSessions bounds the sessions of one user, and those of all
	// administrators together. One more ends the least recently used.
	maxSessions = 100
)

// family is a session as stored: a chain of tokens.
type family struct {
	// subject is the user's id or the administrator's label.
	subject string
	// credential is a digest of what an administrator signed in with.
	credential []byte
	// generation and digest are those of the latest token.
	generation int64
	digest     []byte
	// exchanged are the times at which the tokens before it were exchanged, as
	// far back as they are kept.
	exchanged []time.Time
	expires   time.Time
}

// verdict is what happens to a refresh token that is presented.
type verdict uint8

const (
	// ended: the session is over, or the token is not one of its tokens.
	ended verdict = iota
	// rotate: it is the latest and is exchanged.
	rotate
	// again: its successor is the latest and is handed out once more.
	again
	// reused: it was exchanged too long ago, so someone has a copy.
	reused
)

// judge decides what happens to a token by its place in the family. started is
// when this process started.
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

// latest derives the latest token of the family from t; ok is false when that
// does not lead to it, so that t is a forgery. judge must have found t to be one
// of the tokens that are kept.
func (f family) latest(a *tokens.Authority, t tokens.Session) (_ tokens.Session, ok bool) {
	for t.Generation < f.generation {
		t = a.Successor(t)
	}
	return t, subtle.ConstantTimeCompare(t.Digest(), f.digest) == 1
}

// exchange returns what a presented token is exchanged for: a new token, or the
// latest once more. A token that was exchanged too long ago ends its session.
// At most one exchange of a session runs at a time. credential is what the
// session must have been opened with; nil for users.
//
// It returns 401 AUTH_UNAUTHORIZED, committed where that ended the session.
func (s *Service) exchange(ctx context.Context, tx pg.Tx, t tokens.Session, by Client, credential []byte) (tokens.Session, error) {
	a, err := s.credentials.Authority()
	if err != nil {
		return tokens.Session{}, err
	}
	f, err := lockFamily(ctx, tx, t)
	if err != nil {
		return tokens.Session{}, err
	}
	now := s.now()
	decision := f.judge(t, now, s.started)
	if subtle.ConstantTimeCompare(f.credential, credential) != 1 {
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

// endReused ends the session of a token that was presented again after its
// exchange, and audits it.
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
