package standalone

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// ServeAdmin answers what an administrator may ask at any time: /config is the
// settings in force, without secrets, /schema_cache the schema as requests see
// it, and /metrics figures in the text format of Prometheus.
func (s *Server) ServeAdmin(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/config":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		for _, setting := range s.config.Effective {
			fmt.Fprintf(w, "%s = %s\n", setting.Name, strconv.Quote(setting.Value))
		}
	case "/schema_cache":
		snapshot := s.engine.Snapshot()
		if snapshot == nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		_ = e.Encode(snapshot.Describe()) // the client went away
	case "/metrics":
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		s.writeMetrics(w)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *Server) writeMetrics(w io.Writer) {
	loads, pool := s.engine.Loads(), s.pool.Stat()
	metric := func(name, kind, help string) {
		fmt.Fprintf(w, "# HELP pgrst_%[1]s %[2]s\n# TYPE pgrst_%[1]s %[3]s\n", name, help, kind)
	}
	metric("schema_cache_loads_total", "counter", "The number of times the schema was read.")
	fmt.Fprintf(w, "pgrst_schema_cache_loads_total{status=\"SUCCESS\"} %d\n", loads.Succeeded)
	fmt.Fprintf(w, "pgrst_schema_cache_loads_total{status=\"FAIL\"} %d\n", loads.Failed)
	for _, m := range []struct {
		name, kind, help string
		value            float64
	}{
		{"schema_cache_query_time_seconds", "gauge", "How long the last read of the schema took.", loads.Took.Seconds()},
		{"db_pool_max", "gauge", "The maximum number of connections.", float64(pool.MaxConns())},
		{"db_pool_available", "gauge", "The number of idle connections.", float64(pool.IdleConns())},
		{"db_pool_waiting", "gauge", "The number of requests waiting for a connection.", float64(s.waiting.Load())},
		{"db_pool_timeouts_total", "counter", "The number of requests that timed out waiting for a connection.", float64(s.timeouts.Load())},
	} {
		metric(m.name, m.kind, m.help)
		fmt.Fprintf(w, "pgrst_%s %s\n", m.name, strconv.FormatFloat(m.value, 'g', -1, 64))
	}
}
