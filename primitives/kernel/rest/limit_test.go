package rest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// call runs h for a client and returns the status and the answer's headers.
func call(t testing.TB, h rest.Handler, client string) (int, http.Header) {
	t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	addr, _ := netip.ParseAddr(client)
	r = r.WithContext(identity.WithCall(r.Context(), identity.Call{ClientIP: addr}))
	w := httptest.NewRecorder()
	err := h(echo.New().NewContext(r, w))
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Status, w.Header()
	}
	if err != nil {
		return http.StatusInternalServerError, w.Header()
	}
	return w.Code, w.Header()
}

func ok(c rest.Context) error { return c.NoContent(http.StatusNoContent) }

func TestALimiterRefusesWhatIsOverTheBudgetAndSaysWhenToReturn(t *testing.T) {
	t.Parallel()
	now := resttest.NewClock(time.Unix(0, 0))
	l := rest.NewLimiter(rest.Limit{Window: 15 * time.Minute, Max: 2, Message: "slow down", Now: now.Now})
	h := l.Middleware(ok)
	budget := func(remaining, reset string) http.Header {
		return http.Header{"Ratelimit-Policy": {"2;w=900"}, "Ratelimit-Limit": {"2"}, "Ratelimit-Remaining": {remaining}, "Ratelimit-Reset": {reset}}
	}
	step := func(status int, want http.Header) {
		t.Helper()
		got, headers := call(t, h, "1.1.1.1")
		if got != status {
			t.Errorf("got %d, want %d", got, status)
		}
		if diff := cmp.Diff(want, headers); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	step(204, budget("1", "900"))
	now.Advance(90*time.Second + time.Millisecond)
	step(204, budget("0", "810"))
	refused := budget("0", "810")
	refused.Set("Retry-After", "810")
	step(429, refused)
	now.Advance(15*time.Minute - 90*time.Second)
	step(204, budget("1", "900"))

	if status, _ := call(t, h, "2.2.2.2"); status != 204 {
		t.Errorf("another client: got %d, want 204", status)
	}
}

func TestTheRefusalIsTooManyRequests(t *testing.T) {
	t.Parallel()
	l := rest.NewLimiter(rest.Limit{Window: time.Minute, Max: 0, Message: "slow down"})
	c := echo.New().NewContext(httptest.NewRequest("GET", "/", nil), httptest.NewRecorder())
	err := l.Middleware(ok)(c)
	var f *fault.Error
	if !errors.As(err, &f) || f.Status != 429 || f.Code != fault.TooManyRequests || f.Message != "slow down" || f.NextActions == "" {
		t.Errorf("got %v, want 429 TOO_MANY_REQUESTS with the message and a hint", err)
	}
}

func TestAClientIsAnIPv4AddressOrAnIPv6Network(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, first, second string
		same                bool
	}{
		{"two IPv4 addresses", "1.1.1.1", "1.1.1.2", false},
		{"one IPv4 address in two forms", "1.1.1.1", "::ffff:1.1.1.1", true},
		{"two addresses of one IPv6 network", "2001:db8::1", "2001:db8::ffff:1", true},
		{"two IPv6 networks", "2001:db8::1", "2001:db8:0:1::1", false},
		{"one address in two zones", "fe80::1%a", "fe80::1%b", true},
		{"clients without an address", "", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := rest.NewLimiter(rest.Limit{Window: time.Minute, Max: 1}).Middleware(ok)
			call(t, h, tt.first)
			status, _ := call(t, h, tt.second)
			if same := status == 429; same != tt.same {
				t.Errorf("got the same client: %v, want %v", same, tt.same)
			}
		})
	}
}

func TestALimiterOfFailuresForgetsSuccesses(t *testing.T) {
	t.Parallel()
	var outcome error
	h := rest.NewLimiter(rest.Limit{Window: time.Minute, Max: 2, OnlyFailed: true}).Middleware(func(c rest.Context) error {
		if outcome == nil {
			return ok(c)
		}
		return outcome
	})
	for range 20 {
		if status, _ := call(t, h, "1.1.1.1"); status != 204 {
			t.Fatalf("got %d for a success, want 204", status)
		}
	}
	outcome = fault.New(http.StatusUnauthorized, fault.AuthInvalidCredentials, "no")
	for _, want := range []int{401, 401, 429} {
		if status, _ := call(t, h, "1.1.1.1"); status != want {
			t.Errorf("got %d, want %d", status, want)
		}
	}
	outcome = errors.New("broken")
	if status, _ := call(t, h, "2.2.2.2"); status != 500 {
		t.Errorf("got %d, want 500", status)
	}
}

func TestConcurrentRequestsShareOneBudget(t *testing.T) {
	t.Parallel()
	const most, clients = 50, 200
	first := rest.NewLimiter(rest.Limit{Window: time.Hour, Max: most})
	routes := []rest.Handler{first.Middleware(ok), first.Middleware(ok)} // two routes, one bucket
	var let atomic.Int64
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			if status, _ := call(t, routes[i%2], "1.1.1.1"); status == 204 {
				let.Add(1)
			}
		})
	}
	group.Wait()
	if got := let.Load(); got != most {
		t.Errorf("got %d requests let through, want %d", got, most)
	}
}
