package server

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/labstack/echo/v4"
)

const requestIDHeader = "X-Request-Id"

// describeCall gives the request its id and its client address. A caller may
// bring its own id, so that its log and ours can be joined.
func (s *Server) describeCall(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		id := r.Header.Get(requestIDHeader)
		if !usableRequestID(id) {
			id = newRequestID()
		}
		c.Response().Header().Set(requestIDHeader, id)
		call := identity.Call{RequestID: id, ClientIP: s.clientIP(r)}
		c.SetRequest(r.WithContext(identity.WithCall(r.Context(), call)))
		return next(c)
	}
}

func usableRequestID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		b := id[i]
		if (b < '0' || b > '9') && (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && b != '-' && b != '_' {
			return false
		}
	}
	return true
}

func newRequestID() string {
	var raw [12]byte
	rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}

func (s *Server) clientIP(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	var forwarded []string
	for _, line := range r.Header.Values("X-Forwarded-For") {
		forwarded = append(forwarded, strings.Split(line, ",")...)
	}
	return s.deps.TrustProxy.ClientIP(peer.Addr(), forwarded)
}

// accessLog writes one line a request, without the query string, which may
// carry tokens. Reading the log is not logged.
func (s *Server) accessLog(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := s.deps.Now()
		if err := next(c); err != nil {
			c.Error(err)
		}
		r, w := c.Request(), c.Response()
		if strings.Contains(r.URL.Path, "/logs/") {
			return nil
		}
		call := identity.CallFrom(r.Context())
		s.deps.Log.Info().
			Str("request_id", call.RequestID).
			Str("method", r.Method).
			Str("path", r.URL.Path).
			Int("status", w.Status).
			Int64("size", w.Size).
			Str("duration", fmt.Sprintf("%.1fms", float64(s.deps.Now().Sub(start))/float64(time.Millisecond))).
			Stringer("ip", call.ClientIP).
			Str("user_agent", r.UserAgent()).
			Msg("HTTP Request")
		return nil
	}
}

// recoverPanic turns a panic into a 500 and a log line with the stack.
// http.ErrAbortHandler passes: it is how a handler cuts a broken stream.
func (s *Server) recoverPanic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if r == http.ErrAbortHandler { //nolint:errorlint // net/http compares it this way too
				panic(r)
			}
			s.deps.Log.Error().Bytes("stack", debug.Stack()).Msg("panic while serving a request")
			err = fmt.Errorf("panic: %v", r)
		}()
		return next(c)
	}
}
