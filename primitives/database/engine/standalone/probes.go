package standalone

import (
	"context"
	"net"
	"net/http"
	"time"
)

// probeTimeout bounds each question of the administrator's probes.
const probeTimeout = 2 * time.Second

// admin answers as PostgREST's admin server does: /live says whether requests
// are accepted, /ready whether they can be served, and the rest is for people
// and their monitoring.
func (h *handler) admin(main net.Addr) http.Handler {
	mux := http.NewServeMux()
	probe := func(path string, status func(context.Context) int) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
			defer cancel()
			w.WriteHeader(status(ctx))
		})
	}
	live := func(ctx context.Context) int {
		conn, err := (&net.Dialer{}).DialContext(ctx, main.Network(), main.String())
		if err != nil {
			return http.StatusInternalServerError
		}
		_ = conn.Close()
		return http.StatusOK
	}
	probe("/live", live)
	probe("/ready", func(ctx context.Context) int {
		if status := live(ctx); status != http.StatusOK {
			return status
		}
		g := h.enter()
		defer g.requests.Done()
		if g.incomplete || !g.loaded.Load() || g.Ping(ctx) != nil {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		g := h.enter()
		defer g.requests.Done()
		g.ServeAdmin(w, r)
	})
	return mux
}
