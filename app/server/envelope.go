package server

import (
	"context"
	"errors"
	stdlog "log"
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"
)

// envelope is the body of every failure outside the record layer and S3.
type envelope struct {
	Error       fault.Code `json:"error"`
	Message     string     `json:"message"`
	StatusCode  int        `json:"statusCode"`
	NextActions string     `json:"nextActions,omitempty"`
}

// statusClientClosed is what the log shows for a client that went away.
const statusClientClosed = 499

// writeError is the only writer of failures. It logs what the caller is not
// shown.
func (s *Server) writeError(err error, c echo.Context) {
	if clientGone(err, c) {
		c.Response().Status = statusClientClosed
		return // nobody is there to read an answer
	}
	f := s.faultOf(err, c)
	if f.Status >= http.StatusInternalServerError {
		s.deps.Log.Error().Err(err).
			Str("request_id", identity.CallFrom(c.Request().Context()).RequestID).
			Str("method", c.Request().Method).Str("path", c.Request().URL.Path).
			Msg("request failed")
	}
	if c.Response().Committed {
		return
	}
	body := envelope{Error: f.Code, Message: f.Message, StatusCode: f.Status, NextActions: f.NextActions}
	if err := c.JSON(f.Status, body); err != nil {
		s.deps.Log.Debug().Err(err).Msg("answer not delivered")
	}
}

// clientGone reports whether err is the consequence of the client's leaving:
// the work was cancelled, or the rest of the answer could not be delivered.
func clientGone(err error, c echo.Context) bool {
	if c.Request().Context().Err() == nil {
		return false
	}
	return errors.Is(err, context.Canceled) || c.Response().Committed
}

// faultOf decides which failure the caller sees.
func (s *Server) faultOf(err error, c echo.Context) *fault.Error {
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	var framework *echo.HTTPError
	if errors.As(err, &framework) {
		return frameworkFault(framework, c)
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return rest.TooLarge(err)
	}
	if pg.Gone(err) {
		return fault.New(http.StatusServiceUnavailable, fault.UpstreamFailure, "The database is not available").
			Next("Try again in a few seconds; insforge doctor tells why if it lasts.").Because(err)
	}
	if f := pg.Fault(err); f != nil {
		return f
	}
	return fault.Internal(err)
}

func frameworkFault(e *echo.HTTPError, c echo.Context) *fault.Error {
	switch e.Code {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return notFound(c)
	case http.StatusRequestEntityTooLarge:
		return rest.TooLarge(e)
	}
	return fault.Internal(e)
}

func notFound(c echo.Context) *fault.Error {
	return fault.New(http.StatusNotFound, fault.NotFound, "Endpoint "+c.Request().RequestURI+" not found").
		Next("Check the method and the path; every endpoint lives under /api.")
}

// standardLogger carries what net/http complains about into our log.
func standardLogger(log zerolog.Logger) *stdlog.Logger {
	return stdlog.New(warnings{log.With().Str("component", "http").Logger()}, "", 0)
}

type warnings struct{ log zerolog.Logger }

// Write implements io.Writer.
func (w warnings) Write(line []byte) (int, error) {
	w.log.Warn().Msg(strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}
