package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// Body reads the request's JSON object. Without a JSON content type it is
// empty, as with the server this one replaces.
//
// It returns 400 INVALID_INPUT for text that is not a JSON object or array or
// has a LoneSurrogate, and 413 for a body over the limit of the server.
func Body(c Context) (*Fields, error) {
	media, _, _ := mime.ParseMediaType(c.Request().Header.Get("Content-Type"))
	if media != "application/json" {
		return newFields(nil), nil
	}
	raw, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return nil, bodyError(err)
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return newFields(nil), nil
	}
	if !utf8.Valid(raw) { // RFC 8259 §8.1; decoding would replace the bytes and change what was sent
		return nil, fault.Invalid("Invalid JSON body: not UTF-8").Next("Encode the body as UTF-8.")
	}
	if !json.Valid(raw) || (raw[0] != '{' && raw[0] != '[') {
		return nil, NotJSON(raw).Next("Send a JSON object in the body.")
	}
	f := newFields(nil)
	if raw[0] == '[' {
		f.complain("", "Expected object, received array")
		return nil, f.Err() // no member is there to complain about
	}
	if err := json.Unmarshal(raw, &f.object); err != nil {
		return nil, fault.Invalid(err.Error())
	}
	if LoneSurrogate(raw) != "" {
		return nil, f.surrogates(raw)
	}
	return f, nil
}

// surrogates returns an error that names the members with a lone surrogate in
// them; raw is the whole object, whose names may have one.
func (f *Fields) surrogates(raw []byte) error {
	const half = "Invalid JSON: %s is half of a character"
	for _, name := range slices.Sorted(maps.Keys(f.object)) {
		if escape := LoneSurrogate(f.object[name]); escape != "" {
			f.complain(name, fmt.Sprintf(half, escape))
		}
	}
	if len(*f.issues) == 0 {
		f.complain("", fmt.Sprintf(half, LoneSurrogate(raw)))
	}
	return f.Err()
}

// MaxBody answers 413 to bodies over n bytes on a route: for routes that anyone
// may call, where the server's own limit is too generous.
func MaxBody(n int64) Middleware {
	return func(next Handler) Handler {
		return func(c Context) error {
			r := c.Request()
			r.Body = http.MaxBytesReader(c.Response().Writer, r.Body, n)
			return next(c)
		}
	}
}

// NotJSON is 400 INVALID_INPUT for a body that is neither a JSON object nor an
// array. The message is the parser's.
func NotJSON(raw []byte) *fault.Error {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return fault.Invalid("Invalid JSON body: " + err.Error())
	}
	switch v.(type) {
	case map[string]any, []any: // only the depth is left to refuse
		return fault.Invalid("Invalid JSON body: nested too deeply")
	}
	return fault.Invalid("Invalid JSON body: expected an object or an array")
}

func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return TooLarge(err)
	}
	return fault.Invalid("The request body could not be read.").Because(err)
}

// TooLarge is the answer to a body over its limit.
func TooLarge(cause error) *fault.Error {
	return fault.New(http.StatusRequestEntityTooLarge, fault.InvalidInput, "request entity too large").
		Next("Send a smaller body, or raise the limit with MAX_JSON_BODY_SIZE.").Because(cause)
}
