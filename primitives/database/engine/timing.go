package engine

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// timing measures the stages for the Server-Timing header.
type timing struct {
	on                                      bool
	last                                    time.Time
	jwt, parse, plan, transaction, response time.Duration
}

func (t *timing) mark(stage *time.Duration) {
	if !t.on {
		return
	}
	now := time.Now()
	*stage, t.last = now.Sub(t.last), now
}

func (t *timing) write(w http.ResponseWriter) {
	if !t.on {
		return
	}
	var b strings.Builder
	for _, s := range []struct {
		name string
		took time.Duration
	}{{"jwt", t.jwt}, {"parse", t.parse}, {"plan", t.plan}, {"transaction", t.transaction}, {"response", t.response}} {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.name + ";dur=" + strconv.FormatFloat(float64(s.took.Microseconds())/1000, 'f', 1, 64))
	}
	w.Header().Set("Server-Timing", b.String())
}
