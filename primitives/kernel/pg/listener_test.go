package pg_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
)

// receive returns the next value, and fails the test when none comes.
func receive[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(2 * time.Minute):
		t.Fatalf("%s: nothing came", what)
		panic("unreachable")
	}
}

func TestAListenerHearsEveryNotificationInOrder(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	l := pg.NewListener(db.OwnerDSN(), zerolog.Nop())
	heard, connected := make(chan string, 100), make(chan struct{}, 1)
	l.On("plain", func(p string) { heard <- "plain " + p })
	l.On("plain", func(p string) { heard <- "again " + p })
	l.On(`Odd "name"; --`, func(p string) { heard <- "odd " + p })
	l.OnConnect(func() { connected <- struct{}{} })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	receive(t, "the connection", connected)

	owner(t, db, `SELECT pg_notify('plain', '1'), pg_notify('other', 'x'), pg_notify('Odd "name"; --', 'é')`, `SELECT pg_notify('plain', '2')`)
	var got []string
	for range 5 {
		got = append(got, receive(t, "a notification", heard))
	}
	if diff := cmp.Diff([]string{"plain 1", "again 1", "odd é", "plain 2", "again 2"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	cancel()
	if err := receive(t, "the end", done); err != nil {
		t.Errorf("got %v at the end, want nil", err)
	}
}

func TestAListenerReconnectsAndSaysSo(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	l := pg.NewListener(db.OwnerDSN(), zerolog.Nop())
	heard, connected := make(chan string, 10), make(chan struct{}, 10)
	l.On("news", func(p string) { heard <- p })
	l.OnConnect(func() { connected <- struct{}{} })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	for round := range 3 {
		receive(t, "the connection", connected)
		owner(t, db, fmt.Sprintf(`SELECT pg_notify('news', 'round %d')`, round))
		if got, want := receive(t, "the notification", heard), fmt.Sprintf("round %d", round); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		conn, err := pgx.Connect(t.Context(), db.OwnerDSN())
		if err != nil {
			t.Fatal(err)
		}
		var pids []uint32
		rows, err := conn.Query(t.Context(), `SELECT pid::oid FROM pg_stat_activity WHERE application_name = 'insforge listener' AND datname = current_database()`)
		if err == nil {
			pids, err = pgx.CollectRows(rows, pgx.RowTo[uint32])
		}
		if err != nil || len(pids) != 1 {
			t.Fatalf("got listeners %v (%v), want one", pids, err)
		}
		conn.Close(t.Context())
		kill(t, db, pids[0])
	}
	cancel()
	if err := receive(t, "the end", done); err != nil {
		t.Errorf("got %v at the end, want nil", err)
	}
}

func TestAListenerWithoutADatabaseKeepsTryingUntilItsEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	tried := make(chan struct{}, 10)
	log := zerolog.New(writer(func([]byte) { tried <- struct{}{} }))
	l := pg.NewListener("postgres://u@127.0.0.1:1/x?sslmode=disable", log)
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	receive(t, "the first attempt", tried)
	receive(t, "the second attempt", tried)
	cancel()
	if err := receive(t, "the end", done); err != nil {
		t.Errorf("got %v at the end, want nil", err)
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}
