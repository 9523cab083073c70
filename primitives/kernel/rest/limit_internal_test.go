package rest

import (
	"net/netip"
	"testing"
	"time"
)

func TestALimitersMemoryIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	l := NewLimiter(Limit{Window: time.Minute, Max: 1, Now: func() time.Time { return now }})
	client := func(i int) netip.Prefix {
		return Network(netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	for i := range 3 * maxClients {
		l.take(client(i))
		if len(l.clients) > maxClients {
			t.Fatalf("got %d clients after %d requests, want %d at most", len(l.clients), i+1, maxClients)
		}
	}
	// The newest is still counted.
	if count, _ := l.take(client(3*maxClients - 1)); count != 2 {
		t.Errorf("got count %d for the newest client, want 2", count)
	}
	// Ended windows go first.
	for i := range maxClients {
		l.take(client(i))
	}
	now = now.Add(time.Hour)
	for i := range maxClients {
		l.take(client(i + 5*maxClients))
	}
	if count, _ := l.take(client(5 * maxClients)); count != 2 {
		t.Errorf("got count %d, want 2: a live window was dropped before ended ones", count)
	}
}
