package guard

import (
	"context"
	"crypto/sha256"
	"math"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/recent"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// A rate is how many failures may happen at once, and how long it takes until
// one of them is forgotten.
type rate struct {
	burst float64
	every time.Duration
}

// Failed sign-ins with a password are counted by account and client (an
// address, or an IPv6 network) together, so that a guesser uses up only its own
// chances. No number of failures locks an account.
//
//   - A stranger, a client that has never signed in to the account, has 10
//     chances, and one more every 90 s.
//   - An account that many strangers fail at is under attack: each stranger
//     then has 3 chances, and one more every 5 min. That slows down a botnet,
//     and still leaves 3 chances to the owner in a new place.
//   - A client that fails at many accounts has 100 chances in total at those
//     where it is a stranger. Each account that signs in from there adds to
//     them, as for an app's server that signs in on behalf of all its users.
//     Accounts cost nothing, so those younger than a day do not count.
//   - A client that signed in to the account lately is known: none of the
//     above applies, and the next chance is never more than 10 s away, even
//     when an attacker shares the address.
//
// A chance is taken before the password is checked and given back unless the
// password was wrong, so guessing in parallel gains nothing. A caller who finds
// no chance left waits for the checks in progress, since they may give theirs
// back: many simultaneous sign-ins with the right password all succeed.
const (
	attackedFrom  = 50 // failures of strangers at one account
	attackedMost  = 2 * attackedFrom
	attackedEvery = 30 * time.Second

	clientBurst = 100
	clientEvery = 9 * time.Second
	// trustBurst is what each account that signs in adds to its client's burst.
	trustBurst = 10
	maxTrust   = 10_000
	// trustAfter is how old an account must be to add to it.
	trustAfter = 24 * time.Hour

	knownFor = 30 * 24 * time.Hour

	// The memory is bounded, in two generations each. Flooding it costs a
	// password hash for every entry.
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
	// open counts those that are still being checked and may be given back.
	open int
}

func (b bucket) leaked(now time.Time, every time.Duration) bucket {
	if passed := now.Sub(b.at); passed > 0 {
		b.level = max(0, b.level-float64(passed)/float64(every))
	}
	b.at = now
	return b
}

// room reports whether b has room for one more, or how long until it does.
func (b bucket) room(r rate) refused {
	over := b.level + 1 - r.burst
	return refused{wait: time.Duration(max(0, math.Ceil(over*float64(r.every)))), open: b.open > 0}
}

func (b bucket) taken() bucket {
	b.level++
	b.open++
	return b
}

// settled is b once one that was taken is known to be a failure or not.
func (b bucket) settled(failed bool) bucket {
	b.open = max(0, b.open-1)
	if !failed {
		b.level = max(0, b.level-1)
	}
	return b
}

// refused is how long there is no chance; wait is 0 when there is one.
type refused struct {
	wait time.Duration
	// open means that one may be given back sooner.
	open bool
}

type accountKey [16]byte

// Pair is an account and a client that tries its password.
type Pair struct {
	account accountKey
	// Client is an address or an IPv6 network; see rest.Network.
	Client netip.Prefix
}

// PairOf returns the pair of an account's e-mail address, in any letter case,
// and the address of a client.
func PairOf(email string, addr netip.Addr) Pair {
	digest := sha256.Sum256([]byte(strings.ToLower(email)))
	return Pair{account: accountKey(digest[:16]), Client: rest.Network(addr)}
}

// Chance is the right to try one password. It must be settled.
type Chance struct {
	Pair
	known bool
}

// clientState is the failures of one client and the number of accounts that
// have signed in from it.
type clientState struct {
	bucket
	trust int
}

// acquaintance is a client that an account has signed in from: when it last
// did, and whether that adds to the trust in the client.
type acquaintance struct {
	at      time.Time
	trusted bool
}

// Throttle bounds the guessing of passwords. It is safe for concurrent use.
type Throttle struct {
	now      func() time.Time
	mu       sync.Mutex
	pairs    *recent.Map[Pair, bucket]
	clients  *recent.Map[netip.Prefix, clientState]
	accounts *recent.Map[accountKey, bucket]
	known    *recent.Map[Pair, acquaintance]
	// changed is closed and replaced whenever a chance is settled.
	changed chan struct{}
	waiting int
}

// NewThrottle returns a Throttle that knows no clients yet.
func NewThrottle(now func() time.Time) *Throttle {
	return &Throttle{
		now:      now,
		pairs:    recent.New[Pair, bucket](maxPairs),
		clients:  recent.New[netip.Prefix, clientState](maxClients),
		accounts: recent.New[accountKey, bucket](maxAccounts),
		known:    recent.New[Pair, acquaintance](maxPairs),
		changed:  make(chan struct{}),
	}
}

// Take takes a chance of the pair, which must be settled, or returns how long
// there is none. It waits for checks in progress that may give a chance back.
// It returns the error of ctx, and 503 TOO_MANY_REQUESTS when the wait gets too
// long or too many others are waiting.
func (t *Throttle) Take(ctx context.Context, k Pair) (Chance, time.Duration, error) {
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

// tryTake is Take without the wait. changed is closed when it is worth another
// try; it is nil when too many are waiting already.
func (t *Throttle) tryTake(k Pair) (c Chance, r refused, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	c = Chance{Pair: k, known: t.isKnown(k, now)}
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

func (t *Throttle) stopWaiting() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting--
}

func (t *Throttle) takeAsStranger(k Pair, now time.Time) refused {
	account, _ := t.accounts.Get(k.account)
	account = account.leaked(now, attackedEvery)
	allowed := strangerRate()
	if account.level >= attackedFrom {
		allowed = attackRate()
	}
	client, _ := t.clients.Get(k.Client)
	whole := rate{clientBurst + float64(trustBurst*client.trust), clientEvery / time.Duration(1+client.trust/trustBurst)}
	client.bucket = client.leaked(now, whole.every)
	if r := client.room(whole); r.wait > 0 {
		return r
	}
	if r := t.takePair(k, allowed, now); r.wait > 0 {
		return r
	}
	client.bucket = client.taken()
	t.clients.Put(k.Client, client)
	account = account.taken()
	account.level = min(account.level, attackedMost)
	t.accounts.Put(k.account, account)
	return refused{}
}

func (t *Throttle) takePair(k Pair, allowed rate, now time.Time) refused {
	b, _ := t.pairs.Get(k)
	b = b.leaked(now, allowed.every)
	if r := b.room(allowed); r.wait > 0 {
		return r
	}
	t.pairs.Put(k, b.taken())
	return refused{}
}

// Settle records the outcome of a chance: unless the password was wrong, the
// chance is given back.
func (t *Throttle) Settle(k Chance, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b, ok := t.pairs.Get(k.Pair); ok {
		t.pairs.Put(k.Pair, b.settled(failed))
	}
	if !k.known {
		if c, ok := t.clients.Get(k.Client); ok {
			c.bucket = c.settled(failed)
			t.clients.Put(k.Client, c)
		}
		if b, ok := t.accounts.Get(k.account); ok {
			t.accounts.Put(k.account, b.settled(failed))
		}
	}
	close(t.changed)
	t.changed = make(chan struct{})
}

// Remember makes the client known to the account. made is when the account was
// created; zero when that is not known.
func (t *Throttle) Remember(k Pair, made time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	before, _ := t.known.Get(k)
	trusted := t.isKnown(k, now) && before.trusted
	if !trusted && !made.IsZero() && now.Sub(made) >= trustAfter {
		trusted = true
		c, _ := t.clients.Get(k.Client)
		c.trust = min(c.trust+1, maxTrust)
		t.clients.Put(k.Client, c)
	}
	t.known.Put(k, acquaintance{now, trusted})
}

func (t *Throttle) isKnown(k Pair, now time.Time) bool {
	a, ok := t.known.Get(k)
	return ok && now.Sub(a.at) < knownFor
}
