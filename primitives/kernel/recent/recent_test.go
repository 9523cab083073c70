package recent_test

import (
	"sync"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/recent"
)

func TestWhatIsInUseStaysAndTheRestIsForgotten(t *testing.T) {
	t.Parallel()
	m := recent.New[int, string](10)
	m.Put(-1, "used")
	for i := range 1000 {
		m.Put(i, "once")
		if v, ok := m.Get(-1); !ok || v != "used" {
			t.Fatalf("after %d others: got %q, %v, want the entry in use", i, v, ok)
		}
	}
	kept := 0
	for i := range 1000 {
		if _, ok := m.Get(i); ok {
			kept++
		}
	}
	if kept == 0 || kept > 20 {
		t.Errorf("kept %d of the others, want some and at most two generations of 10", kept)
	}
}

func TestDeleteForgetsInBothGenerations(t *testing.T) {
	t.Parallel()
	m := recent.New[string, int](1)
	m.Put("a", 1)
	m.Put("b", 2) // a is of the older generation now
	m.Delete("a")
	m.Delete("b")
	for _, k := range []string{"a", "b"} {
		if v, ok := m.Get(k); ok {
			t.Errorf("%s: got %d, want nothing", k, v)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	m := recent.New[int, int](8)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 2000 {
				m.Put(i%40, i%40)
				if v, ok := m.Get(i % 40); ok && v != i%40 {
					t.Errorf("got %d for %d", v, i%40)
				}
				m.Delete((i + 3) % 40)
			}
		})
	}
	wg.Wait()
}
