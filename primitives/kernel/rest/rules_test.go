package rest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

func TestStringRules(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text, want string
		rule             rest.StringRule
	}{
		{"web address", "https://a.b/c?d#e", "", rest.URL},
		{"custom scheme", "myapp://auth/callback", "", rest.URL},
		{"opaque", "mailto:a@b.co", "", rest.URL},
		{"no scheme", "a.b/c", "Invalid url", rest.URL},
		{"scheme only", "https://", "Invalid url", rest.URL},
		{"line break", "https://a.b/\n", "Invalid url", rest.URL},
		{"UUID", "0B9ADA4C-7b7c-4d52-9c1e-3a0a2b1c4d5e", "", rest.UUID},
		{"UUID in braces", "{0b9ada4c-7b7c-4d52-9c1e-3a0a2b1c4d5e}", "Invalid uuid", rest.UUID},
		{"UUID without dashes", "0b9ada4c7b7c4d529c1e3a0a2b1c4d5e", "Invalid uuid", rest.UUID},
		{"no UUID of the right length", strings.Repeat("x", 36), "Invalid uuid", rest.UUID},
		{"NUL", "a\x00b", "String must not contain NUL characters", rest.NoNUL},
		{"spaces only", " \t ", "String must contain at least 1 character(s)", rest.Trimmed(rest.MinLength(1))},
		{"spaces around", "  ab  ", "", rest.Trimmed(rest.MinLength(1), rest.MaxLength(2))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.rule(tc.text); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// read hands the fields of a body to f, behind a limit of 100 bytes, and
// returns the failure.
func read(t *testing.T, body string, f func(*rest.Fields) error) error {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return rest.MaxBody(100)(func(c rest.Context) error {
		fields, err := rest.Body(c)
		if err != nil {
			return err
		}
		return f(fields)
	})(echo.New().NewContext(r, httptest.NewRecorder()))
}

func TestTagNamesTheAllowedOnes(t *testing.T) {
	t.Parallel()
	const complaint = "kind: Invalid discriminator value. Expected 'a' | 'b'"
	for body, want := range map[string]struct{ tag, message string }{
		`{"kind":"a"}`:   {tag: "a"},
		`{"kind":null}`:  {},
		`{}`:             {},
		`{"kind":"c"}`:   {message: complaint},
		`{"kind":["a"]}`: {message: complaint},
	} {
		var tag string
		err := read(t, body, func(f *rest.Fields) error {
			tag = f.Tag("kind", "a", "b")
			return f.Err()
		})
		var message string
		if known := new(fault.Error); errors.As(err, &known) {
			message = known.Message
		}
		if tag != want.tag || message != want.message {
			t.Errorf("%s: got %q, %q, want %q, %q", body, tag, message, want.tag, want.message)
		}
	}
}

func TestBodiesThatAreNotUTF8OrTooLongAreRefused(t *testing.T) {
	t.Parallel()
	for body, status := range map[string]int{
		"{\"a\":\"\xff\"}":                         http.StatusBadRequest,
		"{\"a\":\"\xed\xa0\x80\"}":                 http.StatusBadRequest, // a surrogate in UTF-8
		`{"a":"` + strings.Repeat("x", 200) + `"}`: http.StatusRequestEntityTooLarge,
	} {
		err := read(t, body, func(*rest.Fields) error { return nil })
		var f *fault.Error
		if !errors.As(err, &f) || f.Status != status {
			t.Errorf("%q: got %v, want %d", body, err, status)
		}
	}
	if err := read(t, `{"a":"é🙂"}`, func(f *rest.Fields) error { f.String("a"); return f.Err() }); err != nil {
		t.Errorf("got %v for a good body, want none", err)
	}
}
