package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// ContractVersion is the InsForge release whose interface this server speaks.
// Clients read it to decide which features they may use.
const ContractVersion = "2.3.1"

const (
	healthTimeout = 2 * time.Second
	// healthWindow is how long one check of the database is valid for every
	// caller: the route is public, and a flood must not use up the connections.
	healthWindow = 250 * time.Millisecond
)

// checkup is the last check of the database. The zero value is ready to use.
type checkup struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

// ask returns the result of look, or a recent one.
func (k *checkup) ask(ctx context.Context, now func() time.Time, look func(context.Context) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.at.IsZero() && now().Sub(k.at) < healthWindow {
		return k.err
	}
	// Not the caller's context: a client that disconnects must not spoil the
	// answer for the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTimeout)
	defer cancel()
	k.err, k.at = look(ctx), now()
	return k.err
}

type health struct {
	Status    string    `json:"status"`
	Version   string    `json:"version"`
	Service   string    `json:"service"`
	Timestamp rest.Time `json:"timestamp"`
	// Build is this executable's own version.
	Build string `json:"build"`
}

// handleHealth serves "GET /api/health". It checks the database, so "ok" means
// that requests can be served.
func (s *Server) handleHealth(c rest.Context) error {
	answer := health{
		Status:    "ok",
		Version:   ContractVersion,
		Service:   "Insforge OSS Backend",
		Timestamp: rest.Time(s.deps.Now()),
		Build:     s.deps.Version,
	}
	status := http.StatusOK
	if err := s.checkup.ask(c.Request().Context(), s.deps.Now, s.deps.Healthy); err != nil {
		s.deps.Log.Warn().Err(err).Msg("health: database does not answer")
		answer.Status, status = "unavailable", http.StatusServiceUnavailable
	}
	return c.JSON(status, answer)
}
