package server

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestHealthIsAskedOnceInAWindow(t *testing.T) {
	t.Parallel()
	var k checkup
	looks, down := 0, errors.New("down")
	look := func(ctx context.Context) error {
		looks++
		return errors.Join(ctx.Err(), down)
	}
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }

	gone, leave := context.WithCancel(t.Context())
	leave()
	for range 100 {
		if err := k.ask(gone, clock, look); !errors.Is(err, down) || errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want the database's own answer for every caller", err)
		}
	}
	if looks != 1 {
		t.Errorf("got %d looks within a window, want 1", looks)
	}
	now, down = now.Add(healthWindow), nil
	if err := k.ask(t.Context(), clock, look); err != nil || looks != 2 {
		t.Errorf("after the window: got %v after %d looks, want a fresh answer", err, looks)
	}
}
