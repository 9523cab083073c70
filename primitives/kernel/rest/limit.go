package rest

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

// maxClients bounds a limiter's memory. Beyond it some windows are forgotten,
// which favours availability over strictness.
const maxClients = 100_000

// Limit is how often a client may use a group of routes.
type Limit struct {
	Window time.Duration
	Max    int
	// OnlyFailed counts requests that were answered with 400 or above.
	OnlyFailed bool
	// Message is shown with the 429.
	Message string
	// Now is time.Now outside tests.
	Now func() time.Time
}

// Limiter counts requests of each client address in memory. Routes that share
// a Limiter share the budget.
type Limiter struct {
	Limit
	mu      sync.Mutex
	clients map[netip.Prefix]*window
}

type window struct {
	count int
	ends  time.Time
}

// NewLimiter returns a Limiter for l.
func NewLimiter(l Limit) *Limiter {
	if l.Now == nil {
		l.Now = time.Now
	}
	return &Limiter{Limit: l, clients: map[netip.Prefix]*window{}}
}

// Middleware answers 429 TOO_MANY_REQUESTS to a client over its budget and
// reports the budget in the RateLimit headers.
func (l *Limiter) Middleware(next Handler) Handler {
	return func(c Context) error {
		client := Network(identity.CallFrom(c.Request().Context()).ClientIP)
		count, ends := l.take(client)
		reset := int(math.Ceil(ends.Sub(l.Now()).Seconds()))
		h := c.Response().Header()
		h.Set("RateLimit-Policy", fmt.Sprintf("%d;w=%d", l.Max, int(l.Window.Seconds())))
		h.Set("RateLimit-Limit", strconv.Itoa(l.Max))
		h.Set("RateLimit-Remaining", strconv.Itoa(max(0, l.Max-count)))
		h.Set("RateLimit-Reset", strconv.Itoa(reset))
		if count > l.Max {
			h.Set("Retry-After", strconv.Itoa(reset))
			return fault.New(http.StatusTooManyRequests, fault.TooManyRequests, l.Message).
				Next(fmt.Sprintf("Try again in %d seconds.", reset))
		}
		err := next(c)
		if l.OnlyFailed && statusOf(c, err) < http.StatusBadRequest {
			l.giveBack(client, ends)
		}
		return err
	}
}

// Network is who counts as one client: an IPv4 address, or the /64 of an IPv6
// address, the smallest block that a network hands out; one host owns all
// addresses in it. It is the zero prefix for the zero address.
func Network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.WithZone("").Prefix(bits) // the zero address has the zero prefix
	return p
}

func statusOf(c Context, err error) int {
	if err == nil {
		return c.Response().Status
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Status
	}
	return http.StatusInternalServerError
}

func (l *Limiter) take(client netip.Prefix) (count int, ends time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.Now()
	w := l.clients[client]
	if w == nil || !now.Before(w.ends) {
		l.makeRoom(now)
		w = &window{ends: now.Add(l.Window)}
		l.clients[client] = w
	}
	w.count++
	return w.count, w.ends
}

func (l *Limiter) giveBack(client netip.Prefix, ends time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.clients[client]; w != nil && w.ends.Equal(ends) {
		w.count--
	}
}

// makeRoom drops ended windows when the table is full, and a tenth of the
// others if that is not enough.
func (l *Limiter) makeRoom(now time.Time) {
	if len(l.clients) < maxClients {
		return
	}
	for k, w := range l.clients {
		if !now.Before(w.ends) {
			delete(l.clients, k)
		}
	}
	for k := range l.clients {
		if len(l.clients) < maxClients*9/10 {
			return
		}
		delete(l.clients, k)
	}
}
