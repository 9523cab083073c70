package standalone

import (
	"net/http"
	"time"

	"github.com/rs/zerolog"
)

// enter returns the newest generation, which stays until requests.Done.
func (h *handler) enter() *generation {
	h.mu.RLock()
	defer h.mu.RUnlock()
	h.current.requests.Add(1)
	return h.current
}

// ServeHTTP implements http.Handler. A request is served to its end by the
// settings it began with.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g := h.enter()
	defer g.requests.Done()
	if g.log.GetLevel() > zerolog.ErrorLevel {
		g.ServeHTTP(w, r)
		return
	}
	began := time.Now()
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	g.Server.ServeHTTP(seen, r)
	line := g.log.Info()
	switch {
	case seen.status >= http.StatusInternalServerError:
		line = g.log.Error()
	case seen.status >= http.StatusBadRequest:
		line = g.log.Warn()
	}
	// Not the query: its filters may hold personal data.
	line.Str("method", r.Method).Str("path", r.URL.Path).Int("status", seen.status).Dur("ms", time.Since(began)).Msg("request")
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
