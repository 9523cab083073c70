package server

import (
	"context"
	"errors"
	stdlog "log"
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"
)

// statusClientClosed is what the log shows for a client that went away.
const statusClientClosed = 499

// writeError is the only writer of failures. It logs what the caller is not
// shown.
func (s *Server) writeError(err error, c echo.Context) {
	if clientGone(err, c) {
		c.Response().Status = statusClientClosed
		return // no one is there to read an answer
	}
	f := rest.FaultOf(c, err)
	id := identity.CallFrom(c.Request().Context()).RequestID
	state := pg.State(err)
	switch {
	case f.Status >= http.StatusInternalServerError:
		s.deps.Log.Error().Err(err).Str("request_id", id).
			Str("method", c.Request().Method).Str("path", c.Request().URL.Path).
			Msg("request failed")
	case state != "": // not the message, which may hold values
		s.deps.Log.Info().Str("request_id", id).Int("status", f.Status).Str("sqlstate", state).
			Msg("request refused by Postgres")
	}
	if c.Response().Committed {
		return
	}
	if err := rest.WriteFault(c, f); err != nil {
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

// standardLogger returns a logger of net/http's own complaints that writes to
// log.
func standardLogger(log zerolog.Logger) *stdlog.Logger {
	return stdlog.New(warnings{log.With().Str("component", "http").Logger()}, "", 0)
}

type warnings struct{ log zerolog.Logger }

// Write implements io.Writer.
func (w warnings) Write(line []byte) (int, error) {
	w.log.Warn().Msg(strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}
