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
//     app's server that asks for all its users.
//   - A client that has signed in to the account lately is known: none of the
//     above applies, and another chance is never further away than 10 s, even
//     when an attacker shares the address.
//
// The chance is taken before the password is looked at and given back unless
// it was wrong, so that a thousand guesses at once are a thousand guesses.
const (
	attackedFrom  = 50 // failures of strangers at one account
	attackedMost  = 2 * attackedFrom
	attackedEvery = 30 * time.Second

	clientBurst = 100
	clientEvery = 9 * time.Second
	// trustBurst is what each account that signs in adds to its client's.
	trustBurst = 10
	maxTrust   = 10_000

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
}

func (b bucket) leaked(now time.Time, every time.Duration) bucket {
	if passed := now.Sub(b.at); passed > 0 {
		b.level = max(0, b.level-float64(passed)/float64(every))
	}
	b.at = now
	return b
}

// wait is how long it takes until b has room for one more; 0 when it has.
func (b bucket) wait(r rate) time.Duration {
	over := b.level + 1 - r.burst
	return time.Duration(max(0, math.Ceil(over*float64(r.every))))
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

// throttle bounds the guessing of passwords. It is safe for concurrent use.
type throttle struct {
	now      func() time.Time
	mu       sync.Mutex
	pairs    *recent.Map[pairKey, bucket]
	clients  *recent.Map[netip.Prefix, clientState]
	accounts *recent.Map[accountKey, bucket]
	known    *recent.Map[pairKey, time.Time]
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{
		now:      now,
		pairs:    recent.New[pairKey, bucket](maxPairs),
		clients:  recent.New[netip.Prefix, clientState](maxClients),
		accounts: recent.New[accountKey, bucket](maxAccounts),
		known:    recent.New[pairKey, time.Time](maxPairs),
	}
}

func pairOf(email string, addr netip.Addr) pairKey {
	digest := sha256.Sum256([]byte(strings.ToLower(email)))
	return pairKey{account: accountKey(digest[:16]), client: rest.Network(addr)}
}

// take uses up a chance of the pair, or says how long there is none.
func (t *throttle) take(k pairKey) (chance, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if t.isKnown(k, now) {
		return chance{k, true}, t.takePair(k, knownRate(), now)
	}
	return chance{k, false}, t.takeAsStranger(k, now)
}

func (t *throttle) takeAsStranger(k pairKey, now time.Time) (wait time.Duration) {
	account, _ := t.accounts.Get(k.account)
	account = account.leaked(now, attackedEvery)
	allowed := strangerRate()
	if account.level >= attackedFrom {
		allowed = attackRate()
	}
	client, _ := t.clients.Get(k.client)
	whole := rate{clientBurst + float64(trustBurst*client.trust), clientEvery / time.Duration(1+client.trust/trustBurst)}
	client.bucket = client.leaked(now, whole.every)
	if wait = client.wait(whole); wait > 0 {
		return wait
	}
	if wait = t.takePair(k, allowed, now); wait > 0 {
		return wait
	}
	client.level++
	t.clients.Put(k.client, client)
	account.level = min(account.level+1, attackedMost)
	t.accounts.Put(k.account, account)
	return 0
}

func (t *throttle) takePair(k pairKey, r rate, now time.Time) time.Duration {
	b, _ := t.pairs.Get(k)
	b = b.leaked(now, r.every)
	if wait := b.wait(r); wait > 0 {
		return wait
	}
	b.level++
	t.pairs.Put(k, b)
	return 0
}

// giveBack returns a chance that was taken and not used.
func (t *throttle) giveBack(k chance) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b, ok := t.pairs.Get(k.pairKey); ok {
		b.level = max(0, b.level-1)
		t.pairs.Put(k.pairKey, b)
	}
	if k.known {
		return
	}
	if c, ok := t.clients.Get(k.client); ok {
		c.level = max(0, c.level-1)
		t.clients.Put(k.client, c)
	}
	if b, ok := t.accounts.Get(k.account); ok {
		b.level = max(0, b.level-1)
		t.accounts.Put(k.account, b)
	}
}

// remember makes the client known to the account.
func (t *throttle) remember(k pairKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if !t.isKnown(k, now) {
		c, _ := t.clients.Get(k.client)
		c.trust = min(c.trust+1, maxTrust)
		t.clients.Put(k.client, c)
	}
	t.known.Put(k, now)
}

func (t *throttle) isKnown(k pairKey, now time.Time) bool {
	at, ok := t.known.Get(k)
	return ok && now.Sub(at) < knownFor
}

// tryPassword takes a chance to try a password for an account, or returns 429
// TOO_MANY_REQUESTS. id is the user's, zero for none: after a restart, a live
// session tells who is known.
func (s *Service) tryPassword(ctx context.Context, email string, id uuid.UUID) (chance, error) {
	k := pairOf(email, identity.CallFrom(ctx).ClientIP)
	taken, wait := s.throttle.take(k)
	if wait == 0 {
		return taken, nil
	}
	var known bool
	err := s.asProject(ctx, func(tx pg.Tx) (err error) {
		known, err = hasSessionFrom(ctx, tx, id, k.client, s.now())
		return err
	})
	if err != nil {
		return chance{}, err
	}
	if known {
		s.throttle.remember(k)
		taken, wait = s.throttle.take(k)
	}
	if wait == 0 {
		return taken, nil
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
