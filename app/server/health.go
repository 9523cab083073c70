package server

import (
	"context"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// ContractVersion is the InsForge release whose interface this server speaks.
// Clients read it to decide which features they may use.
const ContractVersion = "2.3.1"

const healthTimeout = 2 * time.Second

type health struct {
	Status    string    `json:"status"`
	Version   string    `json:"version"`
	Service   string    `json:"service"`
	Timestamp rest.Time `json:"timestamp"`
	// Build is this executable's own version.
	Build string `json:"build"`
}

// handleHealth serves "GET /api/health". It asks the database, so that "ok"
// means that requests can be served.
func (s *Server) handleHealth(c rest.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), healthTimeout)
	defer cancel()
	answer := health{
		Status:    "ok",
		Version:   ContractVersion,
		Service:   "Insforge OSS Backend",
		Timestamp: rest.Time(s.deps.Now()),
		Build:     s.deps.Version,
	}
	status := http.StatusOK
	if err := s.deps.Healthy(ctx); err != nil {
		s.deps.Log.Warn().Err(err).Msg("health: database does not answer")
		answer.Status, status = "unavailable", http.StatusServiceUnavailable
	}
	return c.JSON(status, answer)
}
