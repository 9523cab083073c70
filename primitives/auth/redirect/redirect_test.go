package redirect_test

import (
	"testing"

	"github.com/insforge/insforge-go/primitives/auth/redirect"
)

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
		if got := redirect.Allowed([]string{"https://unrelated.example", tc.entry}, tc.target); got != tc.want {
			t.Errorf("entry %q, target %.80q: got %t, want %t", tc.entry, tc.target, got, tc.want)
		}
	}
	if !redirect.Allowed(nil, "anything at all") {
		t.Error("an empty list must allow every redirect")
	}
	for _, target := range []string{"javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "file:///x", "vbscript:x"} {
		if redirect.Allowed(nil, target) {
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
		if got, err := redirect.WithParams(target, "status", "a & b", "token", "t"); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", target, got, err, want)
		}
	}
}
