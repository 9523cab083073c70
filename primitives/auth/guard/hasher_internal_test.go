package guard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

func TestDecoyCostsAsMuchAsARealHash(t *testing.T) {
	t.Parallel()
	for given, want := range map[int]int{0: 10, bcrypt.MinCost: bcrypt.MinCost} {
		h := NewHasher(given)
		hash, err := h.Hash(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string]string{"a hash": hash, "the decoy": h.decoy} {
			if cost, err := bcrypt.Cost([]byte(text)); err != nil || cost != want || len(text) != 60 {
				t.Errorf("%s: got cost %d, %v, want %d: a decoy that does not parse answers at once", what, cost, err, want)
			}
		}
		// Only a hash that is compared to the end is a mismatch.
		if err := bcrypt.CompareHashAndPassword([]byte(h.decoy), []byte("x")); !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			t.Errorf("got %v, want a mismatch", err)
		}
	}
}

func TestPasswordsBeyondWhatBcryptReadsAreCutOff(t *testing.T) {
	t.Parallel()
	h := NewHasher(bcrypt.MinCost)
	long := fmt.Sprintf("%0100d", 7)
	hash, err := h.Hash(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{long: true, long[:72]: true, long[:72] + "other": true, long[:71]: false, "": false} {
		if got, err := h.Matches(t.Context(), hash, password, nil); err != nil || got != want {
			t.Errorf("%d bytes: got %t, %v, want %t", len(password), got, err, want)
		}
	}
	if ok, err := h.Matches(t.Context(), "", "", nil); ok || err != nil {
		t.Errorf("got %t, %v for no hash, want false", ok, err)
	}
}

func TestHasherBoundsTheQueueAndTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(bcrypt.MinCost, newTurns(1, hashQueue, hashQueueOfOne))
		release := make(chan struct{})
		go func() { _ = h.do(t.Context(), func() error { <-release; return nil }) }()
		synctest.Wait() // the slot is taken

		var group sync.WaitGroup
		errs := make(chan error, hashQueue)
		for client := range hashQueue / hashQueueOfOne {
			ctx := callFrom(t.Context(), client)
			for range hashQueueOfOne {
				group.Go(func() { errs <- h.do(ctx, func() error { return nil }) })
			}
			synctest.Wait() // the client's line is full
			wantBusy(t, h.do(ctx, func() error { t.Error("ran beyond the line"); return nil }))
		}
		err := h.do(callFrom(t.Context(), 99), func() error { t.Error("ran beyond the queue"); return nil })
		wantBusy(t, err)
		var after RetryAfter
		if !errors.As(err, &after) || after.Seconds() != 10 {
			t.Errorf("got %v, want one that tells to try again in 10 s", err)
		}

		time.Sleep(hashPatience + time.Second)
		group.Wait()
		for range hashQueue {
			wantBusy(t, <-errs)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := h.do(ctx, func() error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v from a caller who gave up, want its own error", err)
		}
		close(release)
		synctest.Wait()
		if err := h.do(t.Context(), func() error { return nil }); err != nil {
			t.Errorf("got %v after the rush, want none", err)
		}
		if n := h.turns; n.waiting != 0 || n.free != 1 || len(n.lines) != 0 || len(n.order) != 0 {
			t.Errorf("got %+v, want nobody", n)
		}
	})
}

func TestClientsTakeTurnsAtHashes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(bcrypt.MinCost, newTurns(1, hashQueue, hashQueueOfOne))
		var mu sync.Mutex
		var served []int
		start := make(chan struct{})
		send := func(client, times int) {
			for range times {
				go func() {
					_ = h.do(callFrom(t.Context(), client), func() error {
						<-start
						mu.Lock()
						defer mu.Unlock()
						served = append(served, client)
						return nil
					})
				}()
				synctest.Wait()
			}
		}
		send(1, 20) // the flood
		send(2, 2)
		send(3, 1)
		close(start)
		synctest.Wait()
		if want := []int{1, 1, 2, 3, 1, 2, 1, 1}; !slices.Equal(served[:8], want) || len(served) != 23 {
			t.Errorf("got %v, want %v and then the rest of the first", served, want)
		}
	})
}

// callFrom is a request of a client with a number.
func callFrom(ctx context.Context, client int) context.Context {
	return identity.WithCall(ctx, identity.Call{ClientIP: netip.AddrFrom4([4]byte{10, 0, 0, byte(client)})})
}

func wantBusy(t *testing.T, err error) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Status != http.StatusServiceUnavailable {
		t.Errorf("got %v, want 503", err)
	}
}
