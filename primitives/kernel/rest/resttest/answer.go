package resttest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Answer is a response that was read.
type Answer struct {
	Status int
	Header http.Header
	// Text is the body without the line break at its end.
	Text string
	// Body is the decoded body; nil when it is not JSON.
	Body any

	t       testing.TB
	what    string
	advised bool // see Client
}

// Read reads a response and closes its body. It complains about a body that
// says it is JSON and is not.
func Read(t testing.TB, r *http.Response) Answer {
	t.Helper()
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := Answer{Status: r.StatusCode, Header: r.Header, Text: strings.TrimSuffix(string(text), "\n"), t: t, what: r.Request.Method + " " + r.Request.URL.Path}
	if err := json.Unmarshal(text, &a.Body); err != nil && len(text) > 0 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		t.Errorf("%s: the body %q is not JSON: %v", a.what, text, err)
	}
	return a
}

// OK stops the test unless the answer has the status.
func (a Answer) OK(status int) Answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("%s: got %d %s, want %d", a.what, a.Status, a.Text, status)
	}
	return a
}

// Envelope decodes the body, which must be the error envelope and nothing
// else.
func (a Answer) Envelope() (e rest.Envelope) {
	a.t.Helper()
	d := json.NewDecoder(strings.NewReader(a.Text))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || e.Error == "" || e.Message == "" || e.StatusCode != a.Status {
		a.t.Fatalf("%s: got %d %s, want the error envelope with this status (%v)", a.what, a.Status, a.Text, err)
	}
	return e
}

// Refused complains unless the answer is this error and its message has part.
func (a Answer) Refused(status int, code fault.Code, part string) Answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Errorf("%s: got %d %s, want %d %s with %q", a.what, a.Status, a.Text, status, code, part)
		return a
	}
	e := a.Envelope()
	if e.Error != code || !strings.Contains(e.Message, part) {
		a.t.Errorf("%s: got %d %s, want %d %s with %q", a.what, a.Status, a.Text, status, code, part)
	}
	if a.advised && e.NextActions == "" && status != http.StatusUnauthorized && status != http.StatusForbidden {
		a.t.Errorf("%s: got %d %s, which does not say what to do next", a.what, a.Status, a.Text)
	}
	return a
}

// Equal complains unless the body is this JSON.
func (a Answer) Equal(want string) Answer {
	a.t.Helper()
	equal(a.t, a.Body, want)
	return a
}

// At returns what is at a path of names in the body, nil for nothing.
func (a Answer) At(path ...string) any {
	v := a.Body
	for _, name := range path {
		v = Member(v, name)
	}
	return v
}

// String returns the text at a path of names in the body. It stops the test
// when there is none.
func (a Answer) String(path ...string) string {
	a.t.Helper()
	s, ok := a.At(path...).(string)
	if !ok {
		a.t.Fatalf("%s: no text at %v in %s", a.what, path, a.Text)
	}
	return s
}

// Names returns the names in the body, sorted and separated by spaces.
func (a Answer) Names() string {
	object, _ := a.Body.(map[string]any)
	return strings.Join(slices.Sorted(maps.Keys(object)), " ")
}

// Decode decodes the body into v.
func (a Answer) Decode(v any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.Text), v); err != nil {
		a.t.Fatalf("%s: decode %s: %v", a.what, a.Text, err)
	}
}

// Cookie returns the cookie of a name that the answer sets, or nil.
func (a Answer) Cookie(name string) *http.Cookie {
	for _, line := range a.Header.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil && c.Name == name {
			return c
		}
	}
	return nil
}

// Member returns a member of a decoded JSON object, nil for none.
func Member(v any, name string) any {
	object, _ := v.(map[string]any)
	return object[name]
}

// JSON returns v as JSON text.
func JSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func equal(t testing.TB, got any, want string) {
	t.Helper()
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("bad expectation: %v", err)
	}
	if diff := cmp.Diff(w, got); diff != "" {
		t.Errorf("unexpected answer (-want +got):\n%s", diff)
	}
}
