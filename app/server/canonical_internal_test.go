package server

import (
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// canonicalRoutes are GET routes of every shape.
var canonicalRoutes = []string{
	"/", "/api/health", "/api/things", "/api/things/:id", "/api/things/:id/parts", "/api/things/Fixed/other",
	"/api/:area/x/:id", "/files/*", "/files/:bucket/objects/*", "/dashboard", "/dashboard/*",
}

// FuzzCanonicalPaths checks that a path is either refused or spelled as a
// route, with the text of its parameters untouched, and that doing it again
// changes nothing.
func FuzzCanonicalPaths(f *testing.F) {
	e := echo.New()
	for _, path := range canonicalRoutes {
		e.GET(path, func(echo.Context) error { return nil })
	}
	paths := newCanonicalPaths(e)
	for _, seed := range []string{"/", "", "//", "/API/Health/", "/api/things/FIXED/parts", "/files//x/", "/..", "/a%2Fb",
		"/api/things/:id", "/files/B/Objects/", "/dashboard/", "/api/x/x/x", "\x00", "no slash", "/İ", "/ſ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got, ok := paths.canonical("GET", path)
		if !ok {
			if got != "" {
				t.Errorf("%q was refused with %q", path, got)
			}
			return
		}
		if again, ok := paths.canonical("GET", got); !ok || again != got {
			t.Errorf("%q became %q, and that %q (%v)", path, got, again, ok)
		}
		if !slices.ContainsFunc(canonicalRoutes, func(route string) bool { return spells(got, path, route) }) {
			t.Errorf("%q became %q, which is no route's spelling of it", path, got)
		}
		if _, ok := paths.canonical("BREW", path); ok {
			t.Errorf("%q matched a method that has no routes", path)
		}
	})
}

// spells reports whether canonical is sent in the spelling of route.
func spells(canonical, sent, route string) bool {
	before, wild := strings.CutSuffix(route, "*")
	parts, gots, sents := strings.Split(before, "/"), strings.Split(canonical, "/"), strings.Split(sent, "/")
	if sent == "" {
		sents = []string{"", ""}
	}
	if wild {
		if len(gots) < len(parts) || !slices.Equal(gots[len(parts)-1:], sents[len(parts)-1:]) {
			return false
		}
		parts = parts[:len(parts)-1]
		gots, sents = gots[:len(parts)], sents[:len(parts)]
	} else if len(sents) == len(gots)+1 && sents[len(sents)-1] == "" {
		sents = sents[:len(sents)-1]
	}
	if len(gots) != len(parts) || len(sents) != len(parts) {
		return false
	}
	for i, part := range parts {
		if strings.HasPrefix(part, ":") {
			if gots[i] == "" || gots[i] != sents[i] {
				return false
			}
		} else if gots[i] != part || !strings.EqualFold(sents[i], part) {
			return false
		}
	}
	return true
}
