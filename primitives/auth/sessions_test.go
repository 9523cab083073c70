package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// thirdParty signs claims as Better Auth, Clerk or Auth0 would with the
// project's secret.
func thirdParty(claims string) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, []byte(jwtSecret))
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func wantCookie(t *testing.T, c *http.Cookie, path string) {
	t.Helper()
	if c == nil {
		t.Fatal("got no cookie")
	}
	if c.Path != path || c.MaxAge != 604800 || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteNoneMode || c.Domain != "" || c.Value == "" {
		t.Errorf("got cookie %s", c.Raw)
	}
	if left := time.Until(c.Expires); left < 6*24*time.Hour || left > 8*24*time.Hour {
		t.Errorf("got cookie that expires in %v, want seven days", left)
	}
}

func wantCleared(t *testing.T, c *http.Cookie, path string) {
	t.Helper()
	if c == nil {
		t.Fatal("the cookie was not cleared")
	}
	if c.Value != "" || c.Path != path || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteNoneMode || !strings.Contains(c.Raw, "Expires=Thu, 01 Jan 1970 00:00:00 GMT") {
		t.Errorf("got cookie %s", c.Raw)
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	for _, method := range []string{"", `"method":null,`, `"method":"password",`} {
		a := w.do("POST", "/api/auth/sessions", `{`+method+`"email":"A@b.co","password":"`+password+`"}`).OK(200)
		if got, want := a.Names(), "accessToken csrfToken user"; got != want {
			t.Errorf("got keys %s, want %s", got, want)
		}
		if a.String("user", "id") != s.id {
			t.Error("got another user")
		}
		wantCookie(t, a.Cookie(userCookie), "/api/auth")
	}
	a := w.do("POST", "/api/auth/sessions?client_type=server", map[string]any{"email": "a@b.co", "password": password}).OK(200)
	if got, want := a.Names(), "accessToken refreshToken user"; got != want || a.Cookie(userCookie) != nil {
		t.Errorf("got keys %s, want %s and no cookie", got, want)
	}
}

func TestSignInSaysTheSameToStrangersAndWrongPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signUp("a@b.co")
	w.sql(`INSERT INTO auth.users (email) VALUES ('oauth@b.co')`)
	var first string
	for _, email := range []string{"a@b.co", "nobody@b.co", "oauth@b.co"} {
		a := w.do("POST", "/api/auth/sessions", map[string]any{"email": email, "password": "wrong password"}).
			Refused(401, fault.AuthUnauthorized, "Invalid credentials")
		if first == "" {
			first = a.Text
		}
		if a.Text != first || a.Cookie(userCookie) != nil {
			t.Errorf("%s: got %s, want %s", email, a.Text, first)
		}
	}
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "oauth@b.co", "password": ""}).
		Refused(401, fault.AuthUnauthorized, "Invalid credentials")
}

func TestSignInValidation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for body, message := range map[string]string{
		`{}`:                                     "email: Required, password: Required",
		`{"method":"magic"}`:                     "method: Invalid discriminator value. Expected 'password' | 'otp'",
		`{"method":7}`:                           "method: Invalid discriminator value. Expected 'password' | 'otp'",
		`{"email":"a@b.co"}`:                     "password: Required",
		`{"email":{"$ne":1}}`:                    "email: Expected string, received object",
		`{"email":"a@b.co","password":["x"]}`:    "password: Expected string, received array",
		`{"email":"a@b.co","password":"\u0000"}`: "password: String must not contain NUL",
		`{"method":"otp"}`:                       "email: Required, otp: Required",
		`{"method":"otp","email":"a@b.co","otp":123456}`:              "otp: Expected string, received number",
		`{"method":"otp","email":"a@b.co","otp":"12345"}`:             "otp: OTP code must be a 6-digit numeric code",
		`{"method":"otp","email":"a@b.co","otp":"١٢٣٤٥٦"}`:            "otp: OTP code must be a 6-digit numeric code",
		`{"method":"otp","email":"a@b.co","otp":"123456\n"}`:          "otp: OTP code must be a 6-digit numeric code",
		`{"method":"otp","email":"a@b.co","otp":"123456","name":" "}`: "name: String must contain at least 1 character(s)",
		`[{"email":"a@b.co"}]`:                                        "Expected object, received array",
		`{{`:                                                          "Invalid JSON body",
	} {
		w.do("POST", "/api/auth/sessions", body).Refused(400, invalid, message)
	}
}

func TestImportedHashesWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signUp("a@b.co")
	// bcryptjs writes $2b$; the rest of the hash is the same.
	w.sql(`UPDATE auth.users SET password = '$2b$' || substr(password, 5), email = 'A@B.co'`)
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": password}).OK(200)
	// From the tests of Openwall's crypt_blowfish.
	for _, known := range []struct{ hash, password string }{
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
		{"$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"},
		{"$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U"},
		{"$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored"},
	} {
		w.sql(`UPDATE auth.users SET password = $1`, known.hash)
		w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": known.password}).OK(200)
		w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": known.password[:2]}).
			Refused(401, fault.AuthUnauthorized, "Invalid credentials")
	}
	w.sql(`UPDATE auth.users SET password = 'not a hash'`)
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": "not a hash"}).
		Refused(401, fault.AuthUnauthorized, "Invalid credentials")
}

func TestRefreshOfABrowserSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	w.clock.Advance(20 * time.Minute)
	w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).Refused(401, fault.AuthUnauthorized, "Invalid token")
	a := w.do("POST", "/api/auth/refresh", nil, s.cookie(), s.header()).OK(200)
	if got, want := a.Names(), "accessToken csrfToken user"; got != want {
		t.Errorf("got keys %s, want %s", got, want)
	}
	if a.String("csrfToken") != s.csrf {
		t.Error("the CSRF token changed with the refresh")
	}
	wantCookie(t, a.Cookie(userCookie), "/api/auth")
	if a.Cookie(userCookie).Value == s.refresh {
		t.Error("the refresh token was not replaced")
	}
	w.do("GET", "/api/auth/sessions/current", nil, bearer(a.String("accessToken"))).OK(200)

	// The old one gets the new one once more for a while (see families_test.go),
	// and none lives longer than it says.
	w.do("POST", "/api/auth/refresh", nil, s.cookie(), s.header()).OK(200)
	w.clock.Advance(7 * 24 * time.Hour)
	gone := w.do("POST", "/api/auth/refresh", nil, s.cookie(), s.header()).Refused(401, fault.AuthUnauthorized, "")
	wantCleared(t, gone.Cookie(userCookie), "/api/auth")
}

func TestRefreshNeedsTheRightCSRFToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, other := w.signUp("a@b.co"), w.signUp("c@b.co")
	for name, headers := range map[string][]with{
		"missing":              {s.cookie()},
		"empty":                {s.cookie(), {"X-CSRF-Token", ""}},
		"of another session":   {s.cookie(), other.header()},
		"repeated":             {s.cookie(), s.header(), s.header()},
		"good after bad":       {s.cookie(), {"X-CSRF-Token", "x"}, s.header()},
		"in a list":            {s.cookie(), {"X-CSRF-Token", s.csrf + ", " + s.csrf}},
		"in upper case":        {s.cookie(), {"X-CSRF-Token", strings.ToUpper(s.csrf)}},
		"in a cookie":          {{"Cookie", userCookie + "=" + s.refresh + "; insforge_csrf_token=" + s.csrf}},
		"the session's cookie": {s.cookie(), {"X-CSRF-Token", s.refresh}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/api/auth/refresh", "/api/auth/logout"} {
				a := w.do("POST", path, nil, headers...).Refused(403, fault.Forbidden, "Invalid CSRF token")
				if a.Cookie(userCookie) != nil {
					t.Errorf("%s touched the cookie of a live session", path)
				}
			}
		})
	}
}

func TestRefreshWithUselessCookiesClearsThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	admin := w.signInAdmin()
	for name, token := range map[string]string{
		"none":                   "",
		"garbage":                "x",
		"access token":           s.access,
		"administrator's":        admin.refresh,
		"third-party token":      thirdParty(`{"sub":"` + s.id + `"}`),
		"cut off":                s.refresh[:len(s.refresh)-2],
		"signed by someone else": s.refresh[:strings.LastIndexByte(s.refresh, '.')] + ".AAAA",
	} {
		t.Run(name, func(t *testing.T) {
			headers := []with{s.header()}
			if token != "" {
				headers = append(headers, with{"Cookie", userCookie + "=" + token})
			}
			a := w.do("POST", "/api/auth/refresh", nil, headers...)
			a.Refused(401, fault.AuthUnauthorized, "")
			wantCleared(t, a.Cookie(userCookie), "/api/auth")
			out := w.do("POST", "/api/auth/logout", nil, headers...).OK(200)
			wantCleared(t, out.Cookie(userCookie), "/api/auth")
		})
	}
}

// A browser that never signed in is told so, and not that its session broke.
func TestRefreshWithoutACookieSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, cookie := range map[string]struct{ name, path string }{
		"/api/auth/refresh":       {userCookie, "/api/auth"},
		"/api/auth/admin/refresh": {adminCookie, "/api/auth/admin"},
	} {
		for _, headers := range [][]with{nil, {{"Cookie", cookie.name + "="}}, {{"Cookie", "another=x"}}} {
			a := w.do("POST", path, nil, headers...).Refused(401, fault.AuthUnauthorized, "No refresh token provided")
			wantCleared(t, a.Cookie(cookie.name), cookie.path)
		}
	}
}

func TestRefreshOfASubjectThatIsNotAUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mac := hmac.New(sha256.New, []byte(jwtSecret))
	mac.Write([]byte("insforge:csrf:v1:user:x:n"))
	a := w.do("POST", "/api/auth/refresh", nil,
		with{"X-CSRF-Token", hex.EncodeToString(mac.Sum(nil))},
		with{"Cookie", userCookie + "=" + thirdParty(`{"sub":"x","type":"refresh","iss":"insforge","csrfNonce":"n","sessionType":"user","exp":9000000000}`)})
	a.Refused(401, fault.AuthUnauthorized, "")
	wantCleared(t, a.Cookie(userCookie), "/api/auth")
}

func TestRefreshOfOtherClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	const path = "/api/auth/refresh?client_type=mobile"
	for _, field := range []string{"refreshToken", "refresh_token"} {
		a := w.do("POST", path, map[string]any{field: s.refresh}).OK(200)
		if got, want := a.Names(), "accessToken refreshToken user"; got != want || a.Cookie(userCookie) != nil {
			t.Errorf("got keys %s, want %s and no cookie", got, want)
		}
		w.do("POST", path, map[string]any{field: a.String("refreshToken")}).OK(200)
	}
	w.do("POST", path, `{}`).Refused(400, invalid, "refreshToken: Required")
	w.do("POST", path, nil, s.cookie(), s.header()).Refused(400, invalid, "refreshToken: Required")
	w.do("POST", path, `{"refreshToken":""}`).Refused(400, invalid, "refreshToken is required")
	w.do("POST", path, `{"refresh_token":7}`).Refused(400, invalid, "refresh_token: Expected string, received number")
	for _, token := range []string{"x", s.access, w.signInAdmin().refresh, "\x00"} {
		a := w.do("POST", path, map[string]any{"refreshToken": token}).Refused(401, fault.AuthUnauthorized, "")
		if a.Cookie(userCookie) != nil {
			t.Error("a client without cookies got one")
		}
	}
}

func TestRefreshEndsWithTheUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	w.do("DELETE", "/api/auth/users", map[string]any{"userIds": []string{s.id}}, bearer(apiKey)).OK(200)
	a := w.do("POST", "/api/auth/refresh", nil, s.cookie(), s.header()).Refused(401, fault.AuthUnauthorized, "")
	wantCleared(t, a.Cookie(userCookie), "/api/auth")
	w.do("POST", "/api/auth/refresh?client_type=server", map[string]any{"refreshToken": s.refresh}).Refused(401, fault.AuthUnauthorized, "")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).Refused(401, fault.AuthInvalidCredentials, "")
}

func TestLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	want := map[string]any{"success": true, "message": "Logged out successfully"}
	a := w.do("POST", "/api/auth/logout", nil, s.cookie(), s.header()).OK(200)
	if diff := cmp.Diff(want, a.Body); diff != "" {
		t.Error(diff)
	}
	wantCleared(t, a.Cookie(userCookie), "/api/auth")
	wantCleared(t, w.do("POST", "/api/auth/logout", nil).OK(200).Cookie(userCookie), "/api/auth")
	mobile := w.do("POST", "/api/auth/logout?client_type=mobile", nil, s.cookie()).OK(200)
	if mobile.Cookie(userCookie) != nil || !cmp.Equal(want, mobile.Body) {
		t.Errorf("got %s and cookies %v for a mobile client", mobile.Text, mobile.Header.Values("Set-Cookie"))
	}
}

func TestCurrentSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	a := w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).OK(200)
	if got := a.String("user", "id"); a.Names() != "user" || got != s.id {
		t.Errorf("got %s, want the user %s", a.Text, s.id)
	}
	const path = "/api/auth/sessions/current"
	w.do("GET", path, nil).Refused(401, fault.AuthInvalidCredentials, "No token provided")
	w.do("GET", path, nil, with{"x-api-key", apiKey}).Refused(401, fault.AuthInvalidCredentials, "No token provided")
	for _, token := range []string{anonKey, apiKey, "x", s.refresh, thirdParty(`{"sub":"x","exp":1}`), s.access + "x"} {
		w.do("GET", path, nil, bearer(token)).Refused(401, fault.AuthUnauthorized, "Invalid token")
	}
	w.do("GET", path, nil, bearer(thirdParty(`{"role":"authenticated"}`))).Refused(401, fault.AuthUnauthorized, "Invalid token subject")
	w.do("GET", path, nil, bearer(thirdParty(`{"sub":"x","role":"postgres"}`))).Refused(403, fault.AuthUnauthorized, "")
	for _, claims := range []string{
		`{"sub":"user_2abc"}`,
		`{"sub":"` + strings.ReplaceAll(s.id, "-", "") + `"}`,
		`{"sub":"00000000-0000-0000-0000-000000000000"}`,
		`{"sub":"` + s.id + `","role":"anon"}`,
		`{"sub":"` + s.id + `","role":"project_admin"}`,
	} {
		w.do("GET", path, nil, bearer(thirdParty(claims))).Refused(401, fault.AuthInvalidCredentials, "")
	}
	w.do("GET", path, nil, bearer(thirdParty(`{"sub":"`+s.id+`"}`))).OK(200)
}
