package standalone

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/recent"
)

func TestLongTokensAreTakenAndNotRemembered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ bytes, checks int }{
		"a usual one":                    {800, 1},
		"the longest that is remembered": {maxRememberedBytes, 1},
		"a longer one":                   {maxRememberedBytes + 1, 2},
		"one near the limit of headers":  {1 << 20, 2},
	} {
		checked := 0
		s := Server{
			config:   Config{RoleClaim: []string{"role"}},
			verified: recent.New[tokenDigest, verified](maxVerified),
			verify: func(string) ([]byte, error) {
				checked++
				return []byte(`{"role":"alice"}`), nil
			},
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+strings.Repeat("x", c.bytes))
		for range 2 {
			if caller, failure := s.authenticate(r); failure != nil || caller.Role != "alice" {
				t.Errorf("%s: got %+v, %v", name, caller, failure)
			}
		}
		if checked != c.checks {
			t.Errorf("%s was checked %d times, want %d", name, checked, c.checks)
		}
	}
}
