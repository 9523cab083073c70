package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/labstack/echo/v4"
)

// Envelope is the body of every failure outside the record layer and S3.
type Envelope struct {
	Error       fault.Code `json:"error"`
	Message     string     `json:"message"`
	StatusCode  int        `json:"statusCode"`
	NextActions string     `json:"nextActions,omitempty"`
}

// WriteFault answers with the envelope of f.
func WriteFault(c Context, f *fault.Error) error {
	return c.JSON(f.Status, Envelope{Error: f.Code, Message: f.Message, StatusCode: f.Status, NextActions: f.NextActions})
}

// FaultOf returns the failure that the caller sees for an error of a handler or
// of the framework: a fault unchanged, an error of Postgres by the map of the
// contract, a route that does not exist as 404, and anything else as a 500 that
// gives nothing away.
func FaultOf(c Context, err error) *fault.Error {
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	var framework *echo.HTTPError
	if errors.As(err, &framework) {
		return frameworkFault(c, framework)
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return TooLarge(err)
	}
	if pg.Gone(err) {
		return fault.New(http.StatusServiceUnavailable, fault.UpstreamFailure, "The database is not available").
			Next("Try again in a few seconds. If it persists, insforge doctor says why.").Because(err)
	}
	if f := pg.Fault(err); f != nil {
		return f
	}
	return fault.Internal(err)
}

func frameworkFault(c Context, e *echo.HTTPError) *fault.Error {
	switch e.Code {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return NotFound(c)
	case http.StatusRequestEntityTooLarge:
		return TooLarge(e)
	}
	return fault.Internal(e)
}

// NotFound is the answer where there is no route.
func NotFound(c Context) *fault.Error {
	return fault.New(http.StatusNotFound, fault.NotFound, "Endpoint "+c.Request().RequestURI+" not found").
		Next("Check the method and the path; every endpoint lives under /api.")
}

// NewEcho returns the framework as every server of the product uses it: JSON is
// written without escaping <, > and &.
func NewEcho() *echo.Echo {
	e := echo.New()
	e.JSONSerializer = serializer{}
	return e
}

// serializer is the framework's own without escaping for HTML, which no answer
// is part of.
type serializer struct{ echo.DefaultJSONSerializer }

// Serialize implements echo.JSONSerializer.
func (serializer) Serialize(c echo.Context, v any, indent string) error {
	e := json.NewEncoder(c.Response())
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return nil
}
