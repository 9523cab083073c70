package auth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

func TestDecoyCostsAsMuchAsARealHash(t *testing.T) {
	t.Parallel()
	cost, err := bcrypt.Cost([]byte(decoy))
	if err != nil || cost != bcryptCost || len(decoy) != 60 {
		t.Errorf("got cost %d, %v, want %d: a decoy that does not parse answers at once", cost, err, bcryptCost)
	}
	// Only a hash that is compared to the end is a mismatch.
	if err := bcrypt.CompareHashAndPassword([]byte(decoy), []byte("x")); !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		t.Errorf("got %v, want a mismatch", err)
	}
}

func TestPasswordsBeyondWhatBcryptReadsAreCutOff(t *testing.T) {
	t.Parallel()
	h := newHasher()
	long := fmt.Sprintf("%0100d", 7)
	hash, err := h.hash(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{long: true, long[:72]: true, long[:72] + "other": true, long[:71]: false, "": false} {
		if got, err := h.matches(t.Context(), hash, password, func() {}); err != nil || got != want {
			t.Errorf("%d bytes: got %t, %v, want %t", len(password), got, err, want)
		}
	}
	if ok, err := h.matches(t.Context(), "", "", func() {}); ok || err != nil {
		t.Errorf("got %t, %v for no hash, want false", ok, err)
	}
}

func TestHasherBoundsTheQueueAndTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hasher{newTurns(1, hashQueue, hashQueueOfOne)}
		release := make(chan struct{})
		go func() { _ = h.do(t.Context(), func() error { <-release; return nil }) }()
		synctest.Wait() // the slot is taken

		var group sync.WaitGroup
		errs := make(chan error, hashQueue)
		for client := range hashQueue / hashQueueOfOne {
			ctx := callFrom(t.Context(), client)
			for range hashQueueOfOne {
				group.Go(func() { errs <- h.do(ctx, func() error { return nil }) })
			}
			synctest.Wait() // the client's line is full
			wantBusy(t, h.do(ctx, func() error { t.Error("ran beyond the line"); return nil }))
		}
		err := h.do(callFrom(t.Context(), 99), func() error { t.Error("ran beyond the queue"); return nil })
		wantBusy(t, err)
		var after retryAfter
		if !errors.As(err, &after) || after.seconds() != 10 {
			t.Errorf("got %v, want one that tells to try again in 10 s", err)
		}

		time.Sleep(hashPatience + time.Second)
		group.Wait()
		for range hashQueue {
			wantBusy(t, <-errs)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := h.do(ctx, func() error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v from a caller who gave up, want its own error", err)
		}
		close(release)
		synctest.Wait()
		if err := h.do(t.Context(), func() error { return nil }); err != nil {
			t.Errorf("got %v after the rush, want none", err)
		}
		if n := h.turns; n.waiting != 0 || n.free != 1 || len(n.lines) != 0 || len(n.order) != 0 {
			t.Errorf("got %+v, want nobody", n)
		}
	})
}

func TestClientsTakeTurnsAtHashes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hasher{newTurns(1, hashQueue, hashQueueOfOne)}
		var mu sync.Mutex
		var served []int
		start := make(chan struct{})
		send := func(client, times int) {
			for range times {
				go func() {
					_ = h.do(callFrom(t.Context(), client), func() error {
						<-start
						mu.Lock()
						defer mu.Unlock()
						served = append(served, client)
						return nil
					})
				}()
				synctest.Wait()
			}
		}
		send(1, 20) // the flood
		send(2, 2)
		send(3, 1)
		close(start)
		synctest.Wait()
		if want := []int{1, 1, 2, 3, 1, 2, 1, 1}; !slices.Equal(served[:8], want) || len(served) != 23 {
			t.Errorf("got %v, want %v and then the rest of the first", served, want)
		}
	})
}

// callFrom is a request of a client with a number.
func callFrom(ctx context.Context, client int) context.Context {
	return identity.WithCall(ctx, identity.Call{ClientIP: netip.AddrFrom4([4]byte{10, 0, 0, byte(client)})})
}

func wantBusy(t *testing.T, err error) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Status != http.StatusServiceUnavailable {
		t.Errorf("got %v, want 503", err)
	}
}

func TestCacheIsBoundedAndForgetsExpiredTokens(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	c := newCache()
	key := func(i int) [sha256.Size]byte { return sha256.Sum256(fmt.Append(nil, i)) }
	user := identity.NewUser("u", "", nil)
	c.put(key(0), user, now.Add(time.Minute))
	for i := 1; i <= 5*generationSize; i++ {
		c.put(key(i), user, time.Time{})
		if _, ok := c.get(key(0), now); !ok {
			t.Fatalf("a token in use was forgotten after %d others", i)
		}
	}
	if _, ok := c.get(key(1), now); ok {
		t.Error("a token that nobody used was kept")
	}
	if _, ok := c.get(key(0), now.Add(time.Minute)); ok {
		t.Error("an expired token was found")
	}
	if _, ok := c.get(key(5*generationSize), now.AddDate(1, 0, 0)); !ok {
		t.Error("a token that does not expire was forgotten")
	}
}

func TestRedirectAllowed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		entry, target string
		want          bool
	}{
		{"https://example.com", "https://example.com", true},
		{"https://example.com", "https://EXAMPLE.com/", true},
		{"https://example.com/", "https://example.com:443", true},
		{"http://example.com:80", "http://example.com", true},
		{"https://example.com", "https://example.com/other", false},
		{"https://example.com", "http://example.com", false},
		{"https://example.com", "https://example.com:8443", false},
		{"https://example.com", "https://example.com.evil.com", false},
		{"https://example.com", "https://example.com@evil.com", false},
		{"https://example.com", "https://example.com\\@evil.com", false},
		{"https://example.com", "//example.com", false},
		{"https://example.com", "", false},
		{"https://example.com/a?x=1", "https://example.com/a?x=1", true},
		{"http://localhost:3000/**", "http://localhost:3000", true},
		{"http://localhost:3000/**", "http://localhost:3000/", true},
		{"http://localhost:3000/**", "http://localhost:3000/a/b?c=d#e", true},
		{"http://localhost:3000/**", "http://localhost:30001/a", false},
		{"http://localhost:3000/**", "http://localhost:3000.evil.com/", false},
		{"https://a.co/app/**", "https://a.co/app/../admin", false},
		{"https://a.co/app/**", "https://a.co/app/%2e%2e/admin", false},
		{"https://a.co/app/*", "https://a.co/app/x", true},
		{"https://a.co/app/*", "https://a.co/app/x/y", false},
		{"https://a.co/app/*", "https://a.co/app/.hidden", true},
		{"https://*.example.com", "https://a.b.example.com", true},
		{"https://*.example.com", "https://example.com", false},
		{"https://*.example.com", "https://a.example.com/path", false},
		{"https://*.example.com", "https://evil.com?.example.com", false},
		{"https://*.example.com", "https://evil.com#.example.com", false},
		{"https://*.example.com", "https://evil.com/.example.com", false},
		{"https://*.example.com", "https://evil.com\\.example.com", false},
		{"https://*.example.com", "https://user:pw@a.example.com", false},
		{"https://*.example.com/**", "https://a.example.com@evil.com/x", false},
		{"https://*foo.example.com", "https://barfoo.example.com", true},
		{"http://[::1]:3000", "http://[::1]:3000/", true},
		{"http://[::1]:3000/*", "http://[::1]:3000/a", true},
		{"http://[::1]:3000/*", "http://1:3000/a", false},
		{"https://a.co/cb?session=*", "https://a.co/cb?session=42", true},
		{"https://a.co/v[0-9]", "https://a.co/v1", true},
		{"https://a.co/v[0-9]", "https://a.co/vx", false},
		{"https://a.co/v[!0-9]", "https://a.co/vx", true},
		{"https://a.co/{x,y}/z", "https://a.co/y/z", true},
		{"https://a.co/{x,y}/z", "https://a.co/w/z", false},
		{"https://a.co/{x", "https://a.co/x", false},
		{"https://a.co/[z-a]", "https://a.co/b", false},
		{"https://a.co/v?", "https://a.co/v1", true},
		{"https://**.example.com", "https://evil.com/x.example.com", false},
		{"https://**.example.com", "https://a.example.com", true},
		{"https://*.example.com:443/**", "https://a.example.com/x", true},
		{"https://*.example.com", "https://a.example.com:8443", false},
		{"https://*.example.com:8443", "https://a.example.com:8443", true},
		{"https://app.*", "https://app.co:8443", false},
		{"https://localhost:*", "https://localhost:3000", false},
		{"https://*.example.com", "http://a.example.com", false},
		{"http*://a.co", "https://a.co", false},
		{"https://[a-c]*.example.com", "https://app.example.com", true},
		{"https://[a-c]*.example.com", "https://zap.example.com", false},
		{"https://[!x].example.com", "https://evil.com/.example.com", false},
		{"https://{app,www}.example.com/**", "https://www.example.com/x", true},
		{"https://{app,www}.example.com/**", "https://api.example.com/x", false},
		{"https://a.co?session=*", "https://a.co/?session=1", true},
		{"https://a.co?session=*", "https://a.co?session=1", true},
		{"https://a?.example.com", "https://a1.example.com", true},
		{"https://a?.example.com", "https://a/.example.com", false},
		{"http://[::1]:3000", "http://[::1]:3001", false},
		{"https://a.co/é*", "https://a.co/%C3%A9", false},
		{"https://A.co/**", "https://a.CO/X", true},
		{"https://a.co/x", "https://a.co/X", false},
		{"myapp://", "myapp://", true},
		{"myapp://", "myapp://auth", false},
		{"myapp:///cb", "myapp:///cb", true},
		{"exp://127.0.0.1:19000/--/**", "exp://127.0.0.1:19000/--/cb", true},
		{"javascript://*/**", "javascript://a/%0aalert(1)", false},
		{"https://aXco/*", "https://a.co/x", false},
		{"https://a.co/*", "https://aXco/x", false},
		{"myapp://auth/callback", "myapp://auth/callback", true},
		{"myapp://auth/*", "myapp://auth/callback", true},
		{"https://*", "javascript:alert(1)//x", false},
		{"*", "https://a.co", false},
		{"https://a.co/**", "https://a.co/" + string(make([]byte, 3000)), false},
	} {
		if got := redirectAllowed([]string{"https://unrelated.example", tc.entry}, tc.target); got != tc.want {
			t.Errorf("entry %q, target %.80q: got %t, want %t", tc.entry, tc.target, got, tc.want)
		}
	}
	if !redirectAllowed(nil, "anything at all") {
		t.Error("an empty list must allow every redirect")
	}
	for _, target := range []string{"javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "file:///x", "vbscript:x"} {
		if redirectAllowed(nil, target) {
			t.Errorf("%s was allowed", target)
		}
	}
}

func TestParametersReplaceThoseOfTheSameName(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"https://a.co":                              "https://a.co?status=a+%26+b&token=t",
		"https://a.co/x?b=2&a=1":                    "https://a.co/x?b=2&a=1&status=a+%26+b&token=t",
		"https://a.co/?status=x&b=%20&st%61tus=y":   "https://a.co/?b=%20&status=a+%26+b&token=t",
		"https://a.co/?statusx=1&&x#/route?token=1": "https://a.co/?statusx=1&x&status=a+%26+b&token=t#/route?token=1",
		"myapp://auth/cb":                           "myapp://auth/cb?status=a+%26+b&token=t",
		"myapp:cb":                                  "myapp:cb?status=a+%26+b&token=t",
	} {
		if got, err := withParams(target, "status", "a & b", "token", "t"); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", target, got, err, want)
		}
	}
}

func TestMailsThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	s := &Service{letters: make(chan letter, 2)}
	for range 2 {
		if err := s.post(letter{}); err != nil { // a letter to nobody takes a place as well
			t.Fatal(err)
		}
	}
	wantBusy(t, s.post(letter{to: "a@b.co"}))
}

func TestTheNameInAMailIsBounded(t *testing.T) {
	t.Parallel()
	for profile, want := range map[string]string{
		`{"name":"Ada"}`: "Ada", `{}`: "User", `null`: "User", ``: "User", `{"name":""}`: "User", `{"name":{"a":1}}`: "User",
		`{"name":"` + strings.Repeat("é", 300) + `"}`: strings.Repeat("é", 100),
	} {
		if got := salutation(User{Profile: json.RawMessage(profile)}); got != want {
			t.Errorf("%s: got %q, want %q", profile, got, want)
		}
	}
}
