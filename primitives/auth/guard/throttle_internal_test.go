package guard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// guessing is a throttle with a clock that is moved by hand.
type guessing struct {
	*Throttle
	t  *testing.T
	at time.Time
}

func newGuessing(t *testing.T) *guessing {
	g := &guessing{t: t, at: time.Unix(1_800_000_000, 0)}
	g.Throttle = NewThrottle(func() time.Time { return g.at })
	return g
}

func at(i int) netip.Addr { return netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)}) }

// fails tries a wrong password and reports whether it was compared.
func (g *guessing) fails(email string, from netip.Addr) bool {
	taken, wait, err := g.Take(g.t.Context(), PairOf(email, from))
	if err != nil {
		g.t.Error(err)
	}
	if wait == 0 {
		g.Settle(taken, true)
	}
	return wait == 0
}

// succeeds tries the right one.
func (g *guessing) succeeds(email string, from netip.Addr) bool {
	taken, wait, err := g.Take(g.t.Context(), PairOf(email, from))
	if err != nil {
		g.t.Error(err)
	}
	if wait > 0 {
		return false
	}
	g.Settle(taken, false)
	g.Remember(taken.Pair, g.at.Add(-trustAfter))
	return true
}

// guesses returns how many of so many wrong passwords are compared.
func (g *guessing) guesses(email string, from netip.Addr, tries int) (looked int) {
	for range tries {
		if g.fails(email, from) {
			looked++
		}
	}
	return looked
}

func TestStrangerHasTenChancesAndOneMoreEachNinetySeconds(t *testing.T) {
	t.Parallel()
	g := newGuessing(t)
	if n := g.guesses("a@b.co", at(1), 50); n != 10 {
		t.Errorf("got %d guesses, want 10", n)
	}
	if _, wait, err := g.Take(t.Context(), PairOf("a@b.co", at(1))); wait != 90*time.Second || err != nil {
		t.Errorf("got a wait of %v, %v, want 90 s", wait, err)
	}
	g.at = g.at.Add(90 * time.Second)
	if n := g.guesses("A@B.co", at(1), 50); n != 1 {
		t.Errorf("got %d guesses after 90 s, want 1", n)
	}
	g.at = g.at.Add(15 * time.Minute)
	if n := g.guesses("a@b.co", at(1), 50); n != 10 {
		t.Errorf("got %d guesses after a quarter of an hour, want 10", n)
	}
	if !g.succeeds("a@b.co", at(2)) || !g.succeeds("other@b.co", at(1)) {
		t.Error("another client, or another account, pays for it")
	}
}

func TestRightPasswordsCostNothing(t *testing.T) {
	t.Parallel()
	g := newGuessing(t)
	for i := range 1000 {
		if !g.succeeds("a@b.co", at(1)) {
			t.Fatalf("refused after %d successes", i)
		}
	}
}

func TestGuessesAtOnceAreCountedOneByOne(t *testing.T) {
	t.Parallel()
	g := newGuessing(t)
	var group sync.WaitGroup
	looked := make(chan bool, 500)
	for range cap(looked) {
		group.Go(func() { looked <- g.fails("a@b.co", at(1)) })
	}
	group.Wait()
	close(looked)
	n := 0
	for ok := range looked {
		if ok {
			n++
		}
	}
	if n != 10 {
		t.Errorf("got %d guesses, want 10", n)
	}
}

// A day of guessing at one account from thousands of addresses.
func TestAttackersFromManyAddressesGetLittleAndLockNobodyOut(t *testing.T) {
	t.Parallel()
	g := newGuessing(t)
	const email, robots = "owner@b.co", 2000
	home, cafe := at(1<<20), at(1<<20+1)
	if !g.succeeds(email, home) {
		t.Fatal("the owner cannot sign in")
	}
	looked := 0
	for i := range robots {
		looked += g.guesses(email, at(i), 20)
	}
	// The first ones have ten each, until the account is under attack.
	if looked > attackedFrom+10+3*robots {
		t.Errorf("got %d guesses, want at most three for each robot", looked)
	}
	if n := g.guesses(email, home, 5); n != 5 || !g.succeeds(email, home) {
		t.Errorf("got %d of 5 typing errors of the owner looked at, and then the right password", n)
	}
	if n := g.guesses(email, cafe, 2); n != 2 || !g.succeeds(email, cafe) {
		t.Errorf("got %d of 2 typing errors of the owner at a new place looked at, and then the right password", n)
	}
	g.at = g.at.Add(time.Hour)
	if n := g.guesses(email, at(robots+1), 20); n != 10 {
		t.Errorf("got %d guesses an hour after the attack, want 10 again", n)
	}
}

func TestAKnownClientAtAnAttackersAddressWaitsTenSecondsAtMost(t *testing.T) {
	t.Parallel()
	g := newGuessing(t)
	shared := at(7)
	if !g.succeeds("owner@b.co", shared) {
		t.Fatal("the owner cannot sign in")
	}
	g.guesses("owner@b.co", shared, 1000)
	for i := range 1000 { // and at everyone else
		g.fails(fmt.Sprintf("%d@b.co", i), shared)
	}
	g.at = g.at.Add(10 * time.Second)
	if !g.succeeds("owner@b.co", shared) {
		t.Error("the owner is locked out")
	}
	g.at = g.at.Add(31 * 24 * time.Hour)
	if n := g.guesses("owner@b.co", shared, 50); n != 10 {
		t.Errorf("got %d guesses after a month, want those of a stranger", n)
	}
}

func TestSprayingOneClientOverManyAccounts(t *testing.T) {
	t.Parallel()
	g := newGuessing(t)
	looked := 0
	for i := range 1000 {
		if g.fails(fmt.Sprintf("%d@b.co", i), at(9)) {
			looked++
		}
	}
	if looked != clientBurst {
		t.Errorf("got %d accounts tried, want %d", looked, clientBurst)
	}
	// The server of an app signs in on behalf of all its users.
	for i := range 100 {
		if !g.succeeds(fmt.Sprintf("user%d@b.co", i), at(10)) {
			t.Fatalf("user %d was refused", i)
		}
	}
	looked = 0
	for i := range 5000 {
		if g.fails(fmt.Sprintf("%d@b.co", i), at(10)) {
			looked++
		}
	}
	if want := clientBurst + 100*trustBurst; looked != want {
		t.Errorf("got %d failures of a trusted server, want %d", looked, want)
	}
	if !g.succeeds("user7@b.co", at(10)) {
		t.Error("a user of the app is locked out by it")
	}
}

func TestNeighboursInAnIPv6NetworkAreOneClient(t *testing.T) {
	t.Parallel()
	g := newGuessing(t)
	looked := 0
	for i := range 100 {
		if g.fails("a@b.co", netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))) {
			looked++
		}
	}
	if looked != 10 {
		t.Errorf("got %d guesses, want 10", looked)
	}
}

func TestChancesThatWereNotUsedComeBack(t *testing.T) {
	t.Parallel()
	g := newGuessing(t)
	for i := range 200 { // the server was busy
		taken, wait, err := g.Take(t.Context(), PairOf("a@b.co", at(1)))
		if wait > 0 || err != nil {
			t.Fatalf("got a wait of %v, %v at %d", wait, err, i)
		}
		g.Settle(taken, false)
	}
	if n := g.guesses("a@b.co", at(1), 50); n != 10 {
		t.Errorf("got %d guesses, want 10", n)
	}
}

func TestManyRightPasswordsAtOnceWaitForOneAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuessing(t)
		looking := make(chan Chance, 100)
		var group sync.WaitGroup
		for range cap(looking) {
			group.Go(func() {
				taken, wait, err := g.Take(t.Context(), PairOf("a@b.co", at(1)))
				if wait > 0 || err != nil {
					t.Errorf("got a wait of %v, %v", wait, err)
				}
				looking <- taken
			})
		}
		for range cap(looking) {
			synctest.Wait()
			if n := len(looking); n > 10 {
				t.Fatalf("got %d passwords looked at, want 10 at once", n)
			}
			g.Settle(<-looking, false)
		}
		group.Wait()
		// Those who wait for the outcome of guesses are refused when these are wrong.
		for range 10 {
			taken, _, _ := g.Take(t.Context(), PairOf("a@b.co", at(1)))
			looking <- taken
		}
		var refusals atomic.Int64
		for range 20 {
			group.Go(func() {
				if _, wait, err := g.Take(t.Context(), PairOf("a@b.co", at(1))); wait > 0 && err == nil {
					refusals.Add(1)
				}
			})
		}
		synctest.Wait()
		for range 10 {
			g.Settle(<-looking, true)
		}
		group.Wait()
		if n := refusals.Load(); n != 20 {
			t.Errorf("got %d refused, want 20", n)
		}
		if g.waiting != 0 {
			t.Errorf("got %d waiting, want 0", g.waiting)
		}
	})
}

func TestWaitingForOthersIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuessing(t)
		k := PairOf("a@b.co", at(1))
		for range 10 {
			if _, wait, err := g.Take(t.Context(), k); wait > 0 || err != nil {
				t.Fatal(wait, err)
			}
		}
		var group sync.WaitGroup
		for range hashQueue {
			group.Go(func() {
				_, _, err := g.Take(t.Context(), k)
				wantBusy(t, err) // after a while
			})
		}
		synctest.Wait()
		_, _, err := g.Take(t.Context(), k)
		wantBusy(t, err) // at once
		group.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := g.Take(ctx, k); !errors.Is(err, context.Canceled) || g.waiting != 0 {
			t.Errorf("got %v and %d waiting, want the error of who gave up", err, g.waiting)
		}
	})
}

// Signing up a thousand accounts does not earn more guesses at others.
func TestNewAccountsBuyNoTrust(t *testing.T) {
	t.Parallel()
	g := newGuessing(t)
	robot, server := at(1), at(2)
	email := func(i int) string { return fmt.Sprintf("%d@robots.co", i) }
	for i := range 50 {
		g.Remember(PairOf(email(i), robot), g.at)
		g.Remember(PairOf(email(i), robot), g.at.Add(time.Second-trustAfter))
		g.Remember(PairOf(email(i), robot), time.Time{})
		for range 3 { // once is counted
			g.Remember(PairOf(email(i), server), g.at.Add(-trustAfter))
		}
	}
	sprayed := func(from netip.Addr) (looked int) {
		for i := range clientBurst + 50*trustBurst + 100 {
			if g.fails(fmt.Sprintf("%d@b.co", i), from) {
				looked++
			}
		}
		return looked
	}
	if n := sprayed(robot); n != clientBurst {
		t.Errorf("got %d guesses beside new accounts, want %d", n, clientBurst)
	}
	if n, want := sprayed(server), clientBurst+50*trustBurst; n != want {
		t.Errorf("got %d guesses beside old accounts, want %d", n, want)
	}
	// They are known all the same.
	if n := g.guesses(email(0), robot, 50); n != 30 {
		t.Errorf("got %d guesses at an account of its own, want 30", n)
	}
}
