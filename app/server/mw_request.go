package server

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/labstack/echo/v4"
)

const requestIDHeader = "X-Request-Id"

// describeCall gives the request its id and its client address. A caller may
// send its own id to correlate its log with ours.
func (s *Server) describeCall(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		id := r.Header.Get(requestIDHeader)
		if !usableRequestID(id) {
			id = newRequestID()
		}
		c.Response().Header().Set(requestIDHeader, id)
		call := identity.Call{RequestID: id}
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			call.ClientIP = s.deps.TrustProxy.ClientIP(peer.Addr(), r.Header["X-Forwarded-For"])
			call.Local = isLocal(peer.Addr(), r.Header)
		}
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

// isLocal reports whether a request comes from this machine. Whether the header
// of a proxy is trusted does not matter: a proxy that names another machine, or
// does not say for whom it asks, may be asking for anyone.
func isLocal(peer netip.Addr, h http.Header) bool {
	if !peer.Unmap().IsLoopback() || h["Forwarded"] != nil || h["X-Real-Ip"] != nil || h["Via"] != nil {
		return false
	}
	for _, line := range h["X-Forwarded-For"] {
		for text := range strings.SplitSeq(line, ",") {
			if client, err := netip.ParseAddr(strings.TrimSpace(text)); err != nil || !client.Unmap().IsLoopback() {
				return false
			}
		}
	}
	return true
}

// accessLog writes one line per request, even if it fails or panics.
func (s *Server) accessLog(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		defer s.logAccess(c, s.deps.Now())
		err := next(c)
		if err == nil {
			return nil
		}
		started := c.Response().Committed
		s.writeError(err, c)
		if started {
			// Part of the answer has been sent. Cutting the connection is the
			// only way left to show the client that the rest is missing.
			panic(http.ErrAbortHandler)
		}
		return nil
	}
}

// These bound what a client can put into one line of the access log.
const (
	maxLoggedPath      = 1024
	maxLoggedUserAgent = 256
)

// logAccess leaves out the query string, which may carry tokens. It does not
// log the reading of logs.
func (s *Server) logAccess(c echo.Context, start time.Time) {
	r, w := c.Request(), c.Response()
	if strings.Contains(r.URL.Path, "/logs/") {
		return
	}
	call := identity.CallFrom(r.Context())
	took := float64(s.deps.Now().Sub(start)) / float64(time.Millisecond)
	s.deps.Log.Info().
		Str("request_id", call.RequestID).
		Str("method", r.Method).
		Str("path", clip(r.URL.Path, maxLoggedPath)).
		Int("status", w.Status).
		Int64("size", w.Size).
		Str("duration", strconv.FormatFloat(took, 'f', 1, 64)+"ms").
		Stringer("ip", call.ClientIP).
		Str("userAgent", clip(r.UserAgent(), maxLoggedUserAgent)).
		Msg("HTTP Request")
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// recoverPanic turns a panic into a 500 and a log line with the stack. It lets
// through http.ErrAbortHandler, with which handlers cut broken streams.
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
			s.deps.Log.Error().
				Str("request_id", identity.CallFrom(c.Request().Context()).RequestID).
				Bytes("stack", debug.Stack()).
				Msg("panic while serving a request")
			err = fmt.Errorf("panic: %v", r)
		}()
		return next(c)
	}
}
