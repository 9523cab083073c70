package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// backend is a project of which only a conversation is known: every request
// must be the next one of a file, to the letter.
type backend struct {
	mu       sync.Mutex
	expected []exchange
	problem  string // the first
}

type backendKey struct{}

// exchange is a request and its answer. An answer that is a JSON string is sent
// as that text, valid JSON or not.
type exchange struct {
	Ask    string          `json:"ask"` // method and path
	Body   json.RawMessage `json:"body"`
	Status int             `json:"status"`
	Answer json.RawMessage `json:"answer"`
}

// startBackend FILE serves the conversation in a JSON file and sets BACKEND
// to the address. The key is ik_test.
func startBackend(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: backend file")
	}
	b := ts.Value(backendKey{}).(*backend)
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &b.expected))
	server := httptest.NewServer(b)
	ts.Defer(server.Close)
	ts.Setenv("BACKEND", server.URL)
}

// asked requires that the whole conversation has taken place.
func asked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: asked")
	}
	b := ts.Value(backendKey{}).(*backend)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.problem != "" {
		ts.Fatalf("%s", b.problem)
	}
	if len(b.expected) > 0 {
		ts.Fatalf("%d requests did not come; the first is %s", len(b.expected), b.expected[0].Ask)
	}
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, problem := b.next(r)
	if problem != "" {
		if b.problem == "" {
			b.problem = problem
		}
		http.Error(w, problem, http.StatusTeapot)
		return
	}
	text := []byte(e.Answer)
	var raw string
	if json.Unmarshal(e.Answer, &raw) == nil {
		text = []byte(raw)
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	if e.Status == http.StatusFound {
		w.Header().Set("Location", raw)
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write(text) // who asked may be gone
}

// next returns the exchange that the request belongs to, or what is wrong.
func (b *backend) next(r *http.Request) (e exchange, problem string) {
	ask := r.Method + " " + r.URL.RequestURI()
	if len(b.expected) == 0 {
		return e, "unexpected request " + ask
	}
	e, b.expected = b.expected[0], b.expected[1:]
	if ask != e.Ask {
		return e, fmt.Sprintf("got request %s, want %s", ask, e.Ask)
	}
	if key := r.Header.Get("X-API-Key"); key != "ik_test" {
		return e, fmt.Sprintf("%s: got key %q", ask, key)
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return e, err.Error()
	}
	if e.Body == nil {
		if len(text) > 0 {
			return e, fmt.Sprintf("%s: got body %s, want none", ask, text)
		}
		return e, ""
	}
	if kind := r.Header.Get("Content-Type"); kind != "application/json" {
		return e, fmt.Sprintf("%s: got content type %q", ask, kind)
	}
	var got, want any
	if err := json.Unmarshal(text, &got); err != nil {
		return e, fmt.Sprintf("%s: body %q: %v", ask, text, err)
	}
	if err := json.Unmarshal(e.Body, &want); err != nil {
		return e, err.Error()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return e, fmt.Sprintf("%s: unexpected body (-want +got):\n%s", ask, diff)
	}
	return e, ""
}
