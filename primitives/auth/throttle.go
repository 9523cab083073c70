package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/recent"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// A rate is how many failures may come at once, and how long it takes until
// one of them is forgotten.
type rate struct {
	burst float64
	every time.Duration
}

// Failed sign-ins with a password are counted by account and client (an
// address, or an IPv6 network) together, so that whoever guesses uses up only
// its own chances. There is no number of failures that locks an account.
//
//   - A stranger, who never signed in to the account from where it is, has 10
//     chances, and one more each 90 s.
//   - An account that many strangers fail at is under attack: each stranger
//     has 3 chances, and one more each 5 min. A network of robots gets that
//     much less; the owner at a new place still has 3.
//   - A client that fails at many accounts has 100 chances at those where it
//     is a stranger, and more for each account that signs in there, as with an
//     app's server that asks for all its users. Accounts are free, so those that
//     were made within a day do not count.
//   - A client that has signed in to the account lately is known: none of the
//     above applies, and another chance is never further away than 10 s, even
//     when an attacker shares the address.
//
// The chance is taken before the password is looked at and given back unless
// it was wrong, so that a thousand guesses at once are a thousand guesses. Who
// finds none left waits for those that are still being looked at: many right
// passwords at once are no guesses.
const (
	attackedFrom  = 50 // failures of strangers at one account
	attackedMost  = 2 * attackedFrom
	attackedEvery = 30 * time.Second

	clientBurst = 100
	clientEvery = 9 * time.Second
	// trustBurst is what each account that signs in adds to its client's.
	trustBurst = 10
	maxTrust   = 10_000
	// trustAfter is how old an account must be to add it.
	trustAfter = 24 * time.Hour

	knownFor = 30 * 24 * time.Hour

	// What is remembered is bounded, in two generations each; whoever floods
	// it pays with a hash for every entry.
	maxPairs    = 20_000
	maxClients  = 10_000
	maxAccounts = 10_000
)

func strangerRate() rate { return rate{10, 90 * time.Second} }
func attackRate() rate   { return rate{3, 5 * time.Minute} }
func knownRate() rate    { return rate{30, 10 * time.Second} }

// bucket is a number of failures that shrinks with time.
type bucket struct {
	level float64
	at    time.Time
	// open is how many of them may turn out to be none.
	open int
}

func (b bucket) leaked(now time.Time, every time.Duration) bucket {
	if passed := now.Sub(b.at); passed > 0 {
		b.level = max(0, b.level-float64(passed)/float64(every))
	}
	b.at = now
	return b
}

// room tells whether b has room for one more, and if not, how long that takes.
func (b bucket) room(r rate) refused {
	over := b.level + 1 - r.burst
	return refused{wait: time.Duration(max(0, math.Ceil(over*float64(r.every)))), open: b.open > 0}
}

func (b bucket) taken() bucket {
	b.level++
	b.open++
	return b
}

// settled is b after one that was taken turned out to be a failure or not.
func (b bucket) settled(failed bool) bucket {
	b.open = max(0, b.open-1)
	if !failed {
		b.level = max(0, b.level-1)
	}
	return b
}

// refused says for how long there is no chance; wait is 0 when there is one.
type refused struct {
	wait time.Duration
	// open tells that there may be one sooner.
	open bool
}

type (
	accountKey [16]byte
	pairKey    struct {
		account accountKey
		client  netip.Prefix
	}
)

// chance is one that was taken: by a stranger or by a known client.
type chance struct {
	pairKey
	known bool
}

// clientState is what one client did: its failures, and how many accounts
// have signed in from it.
type clientState struct {
	bucket
	trust int
}

// acquaintance is a client that an account has signed in from: when it was the
// last time, and whether it counts among what the client is trusted for.
type acquaintance struct {
	at      time.Time
	trusted bool
}

// throttle bounds the guessing of passwords. It is safe for concurrent use.
type throttle struct {
	now      func() time.Time
	mu       sync.Mutex
	pairs    *recent.Map[pairKey, bucket]
	clients  *recent.Map[netip.Prefix, clientState]
	accounts *recent.Map[accountKey, bucket]
	known    *recent.Map[pairKey, acquaintance]
	// changed is closed and replaced when a chance is settled.
	changed chan struct{}
	waiting int
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{
		now:      now,
		pairs:    recent.New[pairKey, bucket](maxPairs),
		clients:  recent.New[netip.Prefix, clientState](maxClients),
		accounts: recent.New[accountKey, bucket](maxAccounts),
		known:    recent.New[pairKey, acquaintance](maxPairs),
		changed:  make(chan struct{}),
	}
}

func pairOf(email string, addr netip.Addr) pairKey {
	digest := sha256.Sum256([]byte(strings.ToLower(email)))
	return pairKey{account: accountKey(digest[:16]), client: rest.Network(addr)}
}

// take uses up a chance of the pair, which must be settled, or says how long
// there is none. It returns the error of ctx, and 503 when it would have to
// wait for too long, or with too many others, for what others will turn out
// to be.
func (t *throttle) take(ctx context.Context, k pairKey) (chance, time.Duration, error) {
	patience := time.NewTimer(hashPatience)
	defer patience.Stop()
	for {
		c, r, changed := t.tryTake(k)
		if r.wait == 0 || !r.open {
			return c, r.wait, nil
		}
		if changed == nil {
			return c, 0, errBusy()
		}
		select {
		case <-changed:
		case <-patience.C:
			t.stopWaiting()
			return c, 0, errBusy()
		case <-ctx.Done():
			t.stopWaiting()
			return c, 0, ctx.Err()
		}
		t.stopWaiting()
	}
}

// tryTake is take without the wait: changed is what to wait for, nil when too
// many wait already.
func (t *throttle) tryTake(k pairKey) (c chance, r refused, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	c = chance{pairKey: k, known: t.isKnown(k, now)}
	if c.known {
		r = t.takePair(k, knownRate(), now)
	} else {
		r = t.takeAsStranger(k, now)
	}
	if r.wait > 0 && r.open && t.waiting < hashQueue {
		t.waiting++
		changed = t.changed
	}
	return c, r, changed
}

func (t *throttle) stopWaiting() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting--
}

func (t *throttle) takeAsStranger(k pairKey, now time.Time) refused {
	account, _ := t.accounts.Get(k.account)
	account = account.leaked(now, attackedEvery)
	allowed := strangerRate()
	if account.level >= attackedFrom {
		allowed = attackRate()
	}
	client, _ := t.clients.Get(k.client)
	whole := rate{clientBurst + float64(trustBurst*client.trust), clientEvery / time.Duration(1+client.trust/trustBurst)}
	client.bucket = client.leaked(now, whole.every)
	if r := client.room(whole); r.wait > 0 {
		return r
	}
	if r := t.takePair(k, allowed, now); r.wait > 0 {
		return r
	}
	client.bucket = client.taken()
	t.clients.Put(k.client, client)
	account = account.taken()
	account.level = min(account.level, attackedMost)
	t.accounts.Put(k.account, account)
	return refused{}
}

func (t *throttle) takePair(k pairKey, allowed rate, now time.Time) refused {
	b, _ := t.pairs.Get(k)
	b = b.leaked(now, allowed.every)
	if r := b.room(allowed); r.wait > 0 {
		return r
	}
	t.pairs.Put(k, b.taken())
	return refused{}
}

// settle tells what became of a chance that was taken: unless the password was
// wrong it is given back.
func (t *throttle) settle(k chance, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b, ok := t.pairs.Get(k.pairKey); ok {
		t.pairs.Put(k.pairKey, b.settled(failed))
	}
	if !k.known {
		if c, ok := t.clients.Get(k.client); ok {
			c.bucket = c.settled(failed)
			t.clients.Put(k.client, c)
		}
		if b, ok := t.accounts.Get(k.account); ok {
			t.accounts.Put(k.account, b.settled(failed))
		}
	}
	close(t.changed)
	t.changed = make(chan struct{})
}

// remember makes the client known to the account, which was made at a time that
// is zero when nobody knows.
func (t *throttle) remember(k pairKey, made time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	before, _ := t.known.Get(k)
	trusted := t.isKnown(k, now) && before.trusted
	if !trusted && !made.IsZero() && now.Sub(made) >= trustAfter {
		trusted = true
		c, _ := t.clients.Get(k.client)
		c.trust = min(c.trust+1, maxTrust)
		t.clients.Put(k.client, c)
	}
	t.known.Put(k, acquaintance{now, trusted})
}

func (t *throttle) isKnown(k pairKey, now time.Time) bool {
	a, ok := t.known.Get(k)
	return ok && now.Sub(a.at) < knownFor
}

// tryPassword takes a chance to try a password for an account, which must be
// settled, or returns 429 TOO_MANY_REQUESTS. id is the user's, zero for none: after a restart, a live
// session tells who is known.
func (s *Service) tryPassword(ctx context.Context, email string, id uuid.UUID) (chance, error) {
	k := pairOf(email, identity.CallFrom(ctx).ClientIP)
	taken, wait, err := s.throttle.take(ctx, k)
	if err != nil || wait == 0 {
		return taken, err
	}
	var known bool
	err = s.asProject(ctx, func(tx pg.Tx) (err error) {
		known, err = hasSessionFrom(ctx, tx, id, k.client, s.now())
		return err
	})
	if err != nil {
		return chance{}, err
	}
	if known {
		s.throttle.remember(k, time.Time{})
		if taken, wait, err = s.throttle.take(ctx, k); err != nil || wait == 0 {
			return taken, err
		}
	}
	after := retryAfter(wait)
	return chance{}, fault.New(http.StatusTooManyRequests, fault.TooManyRequests, "Too many failed sign-ins").
		Next(fmt.Sprintf("Try again in %d seconds, or reset the password.", after.seconds())).Because(after)
}

// retryAfter is the cause of a refusal that ends after a time.
type retryAfter time.Duration

func (r retryAfter) seconds() int { return int(math.Ceil(time.Duration(r).Seconds())) }

// Error implements error.
func (r retryAfter) Error() string { return "until " + time.Duration(r).String() + " from now" }

// tellWhenToRetry sets the header Retry-After of refusals that end after a
// time: of too many failures, and of too many sign-ins at once.
func tellWhenToRetry(next rest.Handler) rest.Handler {
	return func(c rest.Context) error {
		err := next(c)
		var after retryAfter
		if errors.As(err, &after) {
			c.Response().Header().Set("Retry-After", strconv.Itoa(after.seconds()))
		}
		return err
	}
}
