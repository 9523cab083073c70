package server

import (
	"mime"
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/labstack/echo/v4"
)

// secureHeaders sets what is right for every answer. Referrer-Policy matters
// only to pages, so rows go without: it would be the ninth field of their
// answers, and the map that net/http makes and copies for each answer grows at
// the ninth.
func secureHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	// All answers share the values, since nothing writes into a header's value.
	nosniff, noReferrer := []string{"nosniff"}, []string{"no-referrer"}
	return func(c echo.Context) error {
		h := c.Response().Header()
		h["X-Content-Type-Options"] = nosniff
		if !strings.HasPrefix(c.Request().URL.Path, "/api/database/records/") {
			h["Referrer-Policy"] = noReferrer
		}
		return next(c)
	}
}

// cors allows any origin, with credentials, as the contract says: access
// depends on tokens, and the two cookies are useless without a CSRF token. It
// answers every OPTIONS request itself.
func cors(next echo.HandlerFunc) echo.HandlerFunc {
	varies := []string{"Origin"} // shared: appending to it copies
	return func(c echo.Context) error {
		r, h := c.Request(), c.Response().Header()
		h["Vary"] = varies
		if origin := r.Header.Get("Origin"); origin != "" {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Access-Control-Expose-Headers", "Content-Range,Preference-Applied")
		}
		if r.Method != http.MethodOptions {
			return next(c)
		}
		h.Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
			h.Add("Vary", "Access-Control-Request-Headers")
			h.Set("Access-Control-Allow-Headers", asked)
		}
		return c.NoContent(http.StatusNoContent)
	}
}

// limitBody bounds what a handler can read, and how long it waits for a client
// that sends nothing. A declared length over the bound is refused before anything
// is read, except on routes for uploads: they refuse with their own message.
func (s *Server) limitBody(c echo.Context) error {
	r := c.Request()
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	limit := s.routes.UploadLimit(c)
	if limit == 0 {
		limit = s.deps.MaxJSONBody
		if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media == "application/x-www-form-urlencoded" {
			limit = s.deps.MaxURLEncodedBody
		}
		if r.ContentLength > limit {
			return rest.TooLarge(&http.MaxBytesError{Limit: limit})
		}
	}
	w := c.Response().Writer
	r.Body = patientBody{
		ReadCloser: http.MaxBytesReader(w, r.Body, limit),
		deadline:   http.NewResponseController(w).SetReadDeadline,
	}
	return nil
}
