package standalone

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/rs/zerolog"
)

// handler serves with the newest configuration.
type handler struct {
	in       Process
	sources  *Sources
	notified chan struct{} // the database asked for a reload of the settings
	retiring sync.WaitGroup

	mu      sync.RWMutex
	current *generation
}

// generation is the server for one reading of the settings.
type generation struct {
	*Server
	log        zerolog.Logger
	incomplete bool // it lacks the settings of the database
	stop       context.CancelFunc
	stopped    chan struct{}
	requests   sync.WaitGroup
}

// start runs a server with a configuration.
func (h *handler) start(c Config) (_ *generation, err error) {
	level := map[string]zerolog.Level{
		"crit": zerolog.FatalLevel, "error": zerolog.ErrorLevel, "warn": zerolog.WarnLevel,
		"info": zerolog.InfoLevel, "debug": zerolog.DebugLevel,
	}[c.LogLevel]
	g := &generation{
		log: zerolog.New(h.in.Log).Level(level).With().Timestamp().Logger(), incomplete: c.Incomplete, stopped: make(chan struct{}),
	}
	for _, name := range c.Unknown {
		g.log.Log().Str("setting", name).Msg("unknown setting; it is ignored")
	}
	if c.PreConfigFailed != nil {
		g.log.Error().Err(c.PreConfigFailed).Msg("the settings of db-pre-config are not in force; with db-pre-config-required the start would be refused")
	}
	deps := Deps{Config: c, Log: g.log, ReloadConfig: func() {
		select {
		case h.notified <- struct{}{}:
		default: // asked already
		}
	}}
	if len(c.JWTSecret) > 0 {
		if deps.Verify, err = h.in.NewVerifier(c); err != nil {
			return nil, fmt.Errorf("PGRST_JWT_SECRET: %w", err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	if g.Server, err = New(ctx, deps); err != nil {
		stop()
		return nil, err
	}
	g.stop = stop
	go func() {
		defer close(g.stopped)
		_ = g.Run(ctx) // it retries until ctx ends
	}()
	return g, nil
}

// awaitDatabase waits a while, and fails only when the login is refused.
func (g *generation) awaitDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := g.Ping(ctx); loginRefused(err) {
		return fmt.Errorf("PGRST_DB_URI: the database refuses the login: %w", err)
	}
	return nil
}

// retire waits for the requests of a generation and ends it.
func (g *generation) retire() {
	g.requests.Wait()
	g.stop()
	<-g.stopped
	g.Close()
}

// reload reads the settings again. If they are wrong, the old ones stay.
func (h *handler) reload(ctx context.Context) {
	old := h.current // only reload changes it, on one goroutine
	config, err := h.sources.ReadAll(ctx)
	if old.incomplete && errors.Is(err, ErrUnreachable) {
		return // still unreachable
	}
	if err == nil && !old.incomplete {
		err = config.PreConfigFailed // the old settings may hold what the function set
	}
	var g *generation
	if err == nil {
		g, err = h.start(config)
	}
	if err != nil {
		old.log.Error().Err(err).Msg("the settings could not be reloaded; the old ones stay")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := g.Refresh(ctx); err != nil {
		old.log.Error().Err(err).Msg("the database did not answer with the new settings; the old ones stay")
		g.retire()
		return
	}
	h.mu.Lock()
	h.current = g
	h.mu.Unlock()
	h.retiring.Go(old.retire)
	g.log.Info().Msg("settings reloaded")
}

// close ends what is still running, after the last request.
func (h *handler) close() {
	h.current.retire()
	h.retiring.Wait()
}
