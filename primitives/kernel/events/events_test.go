package events_test

import (
	"sync"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/events"
)

func TestEverySubscriberGetsEveryEventInOrder(t *testing.T) {
	t.Parallel()
	var bus events.Bus
	a, b := bus.Subscribe(), bus.Subscribe()
	defer a.Close()
	defer b.Close()
	for i := range 100 {
		bus.Publish(i)
	}
	for _, s := range []*events.Subscription{a, b} {
		for want := range 100 {
			if got := <-s.C(); got != want {
				t.Fatalf("got event %v, want %d", got, want)
			}
		}
	}
}

func TestASlowSubscriberMissesEventsAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	var bus events.Bus
	slow, quick := bus.Subscribe(), bus.Subscribe()
	defer slow.Close()
	defer quick.Close()
	queue := cap(slow.C())
	for i := range queue + 10 { // blocks forever if Publish can block
		bus.Publish(i)
		if got := <-quick.C(); got != i {
			t.Fatalf("the quick subscriber got %v, want %d", got, i)
		}
	}
	if got := bus.Dropped(); got != 10 {
		t.Errorf("got %d missed events, want 10", got)
	}
	for want := range queue {
		if got := <-slow.C(); got != want {
			t.Fatalf("the slow subscriber got %v, want %d: the oldest stay", got, want)
		}
	}
}

func TestAClosedSubscriptionGetsNothingMore(t *testing.T) {
	t.Parallel()
	var bus events.Bus
	bus.Publish("to nobody")
	s := bus.Subscribe()
	s.Close()
	s.Close() // twice is as good as once
	for range 2 * cap(s.C()) {
		bus.Publish("late")
	}
	if len(s.C()) != 0 || bus.Dropped() != 0 {
		t.Errorf("got %d events and %d missed, want none", len(s.C()), bus.Dropped())
	}
}

func TestTheBusIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	var bus events.Bus
	var publishers, subscribers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		subscribers.Go(func() {
			for {
				s := bus.Subscribe()
				select {
				case <-s.C():
				case <-stop:
					s.Close()
					return
				}
				s.Close()
			}
		})
		publishers.Go(func() {
			for i := range 1000 {
				bus.Publish(i)
			}
		})
	}
	publishers.Wait()
	close(stop)
	subscribers.Wait()
}
