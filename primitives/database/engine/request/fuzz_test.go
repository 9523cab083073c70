package request_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
)

// FuzzQuery wants an answer, of known errors only, to any query string.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"select=*,a!inner(b->c->>0::int,...d(e.sum()))&order=a(b).desc.nullslast&limit=1", "or=(a.eq.1,not.and(b.in.(1,\"2,)\"),c.is.null))",
		"a=not.like(any).{a,b}&b=fts(x).y&c=isdistinct.z", "select=((((((", "and=" + strings.Repeat("(and", 500), "a=in.(" + strings.Repeat(",", 1000),
		"columns=\"a\\\"b\",c&on_conflict=", "%zz=%&;;=&a+b=c+d", "select=" + strings.Repeat("a(", 200),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, target := range []request.Target{{Name: "t"}, {Kind: request.Function, Name: "f"}} {
			r, err := request.Parse("GET", query, http.Header{}, target, request.Options{Schemas: []string{"public"}})
			if err == nil && r == nil {
				t.Fatal("neither a request nor an error")
			}
			if e, ok := err.(*request.Error); err != nil && (!ok || e.Status < 400 || e.Status > 499 || e.Message == "") {
				t.Fatalf("got %#v", err)
			}
		}
	})
}

// FuzzBody compares the scanner with encoding/json: they agree about what is
// JSON, and stripping leaves JSON.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"a":1}`, `[{"a":"","b":{"c":""}},{"a":"","b":1}]`, `[1,{"a":2}]`, `"x"`, `{"a":1}x`, "[" + strings.Repeat("[", 50), `{"\u0061":""}`, `[-0.1e+5,01]`, "\"\x01\"",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := request.Parse("POST", "", http.Header{}, request.Target{Name: "t"}, request.Options{Schemas: []string{"public"}})
		if err != nil {
			t.Fatal(err)
		}
		valid := json.Valid(body)
		if err := r.SetBody(body); err == nil && !valid {
			t.Fatalf("accepted %q", body)
		}
		if out := request.StripEmptyStrings(body, func(string) bool { return true }); valid && !json.Valid(out) {
			t.Fatalf("stripping %q made %q", body, out)
		}
	})
}

func TestHostileDepthAndWidthAreQuick(t *testing.T) {
	t.Parallel()
	// Quadratic time would take minutes. Other programs may take the processor
	// away, but not each time.
	const limit, tries = 2 * time.Second, 10
	for name, query := range map[string]string{
		"deep select": "select=" + strings.Repeat("a(", 20000), "deep logic": "and=" + strings.Repeat("(and", 20000),
		"wide select": "select=" + strings.Repeat("abc,", 50000) + "x", "wide in": "a=in.(" + strings.Repeat("1,", 50000) + "2)",
		"many dashes": "select=" + strings.Repeat("a-", 50000), "many keys": strings.Repeat("a=eq.1&", 20000),
		"many ranges": strings.Repeat("a.limit=1&", 20000), "many quotes": `a=in.("` + strings.Repeat(`\"`, 50000) + `")`,
		"unbalanced": "or=(" + strings.Repeat("a.eq.(,", 20000), "paths": "a" + strings.Repeat("->b", 20000) + "=eq.1",
	} {
		took := limit + 1
		for n := 0; took > limit && n < tries; n++ {
			start := time.Now()
			_, _ = request.Parse("GET", query, http.Header{}, request.Target{Name: "t"}, request.Options{Schemas: []string{"public"}})
			took = time.Since(start)
		}
		if took > limit {
			t.Errorf("%s: took %v, want at most %v", name, took, limit)
		}
	}
	r, err := request.Parse("POST", "", http.Header{}, request.Target{Name: "t"}, request.Options{Schemas: []string{"public"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetBody([]byte(strings.Repeat("[", 1<<20))); err == nil {
		t.Error("a bottomless body was accepted")
	}
}

// The words of PostgREST, which its clients show.
func TestGrammarErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ query, message, details string }{
		{"or=()", `"failed to parse logic tree (())" (line 1, column 4)`, `unexpected ")" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)`},
		{"columns=", `"failed to parse columns parameter ()" (line 1, column 1)`, `unexpected end of input expecting field name (* or [a..z0..9_$])`},
		{"order=id.asc.nullslasttt", `"failed to parse order (id.asc.nullslasttt)" (line 1, column 17)`, `unexpected 't' expecting "," or end of input`},
		{"order=id.ac", `"failed to parse order (id.ac)" (line 1, column 4)`, `unexpected "c" expecting "asc", "desc", "nullsfirst" or "nullslast"`},
		{"select=data->(x", `"failed to parse select parameter (data->(x)" (line 1, column 7)`, `unexpected "(" expecting "-", digit or any non reserved character different from: .,>()`},
		{"id=noop.1", `"failed to parse filter (noop.1)" (line 1, column 1)`, `unexpected "o" expecting "not" or operator (eq, gt, ...)`},
		{"id=in.1", `"failed to parse filter (in.1)" (line 1, column 4)`, `unexpected "1" expecting "("`},
		{"select=id,a(name[])", `"failed to parse select parameter (id,a(name[]))" (line 1, column 10)`, `unexpected '[' expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input`},
		{"or=(id.eq.1,not.xor(a.eq.1))", `"failed to parse logic tree ((id.eq.1,not.xor(a.eq.1)))" (line 1, column 16)`, `unexpected "x" expecting logic operator (and, or)`},
	} {
		_, err := request.Parse("GET", c.query, http.Header{}, request.Target{Name: "t"}, request.Options{Schemas: []string{"public"}})
		e, ok := err.(*request.Error)
		if !ok || e.Code != "PGRST100" || e.Message != c.message || e.Details != any(c.details) {
			t.Errorf("%s:\n got %v\nwant %s\n     %s", c.query, err, c.message, c.details)
			if ok {
				t.Logf("details %v", e.Details)
			}
		}
	}
}
