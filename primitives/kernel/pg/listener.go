package pg

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/kernel/quote"
)

// Listener holds one LISTEN connection and fans notifications out. A
// subscriber is called on the listener's goroutine and must not block.
type Listener struct {
	dsn string
	log zerolog.Logger

	mu   sync.Mutex
	subs map[string][]func(payload string)
	up   []func()
}

// NewListener returns a Listener for the database of dsn. Nothing happens
// before Run.
func NewListener(dsn string, log zerolog.Logger) *Listener {
	return &Listener{dsn: dsn, log: log, subs: map[string][]func(string){}}
}

// On calls f with the payload of every notification on channel. It must be
// called before Run.
func (l *Listener) On(channel string, f func(payload string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subs[channel] = append(l.subs[channel], f)
}

// OnConnect calls f whenever listening starts again: notifications sent while
// the connection was down are lost, so code that mirrors state reads it
// again. It must be called before Run.
func (l *Listener) OnConnect(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = append(l.up, f)
}

// Run listens until ctx ends, reconnecting with back-off. It returns nil when
// ctx ended.
func (l *Listener) Run(ctx context.Context) error {
	const least, most = 100 * time.Millisecond, 5 * time.Second
	wait := least
	for {
		started := time.Now()
		err := l.listen(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(started) > most {
			wait = least
		}
		l.log.Warn().Err(err).Dur("retry_in", wait).Msg("database notifications interrupted")
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(2*wait, most)
	}
}

func (l *Listener) listen(ctx context.Context) error {
	config, err := pgx.ParseConfig(l.dsn)
	if err != nil {
		return err
	}
	config.ConnectTimeout = connectTimeout
	config.RuntimeParams["application_name"] = "insforge listener"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	for channel := range l.subs {
		if _, err := conn.Exec(ctx, "LISTEN "+quote.Identifier(channel)); err != nil {
			return fmt.Errorf("listen on %s: %w", channel, err)
		}
	}
	for _, f := range l.up {
		f()
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		for _, f := range l.subs[n.Channel] {
			f(n.Payload)
		}
	}
}
