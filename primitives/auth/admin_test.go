package auth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/auth"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func (w *world) signInAdmin() session {
	w.t.Helper()
	a := w.do("POST", "/api/auth/admin/sessions", map[string]any{"username": adminUsername, "password": adminPassword}).OK(200)
	return session{access: a.String("accessToken"), csrf: a.String("csrfToken"), refresh: a.Cookie(adminCookie).Value}
}

func (s session) adminCookie() with { return with{"Cookie", adminCookie + "=" + s.refresh} }

func TestAdminSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do("POST", "/api/auth/admin/sessions", map[string]any{"username": "  admin ", "password": adminPassword}).OK(200)
	if got, want := a.Names(), "accessToken admin csrfToken"; got != want {
		t.Errorf("got keys %s, want %s", got, want)
	}
	if diff := cmp.Diff(map[string]any{"sub": "local:admin"}, a.At("admin")); diff != "" {
		t.Error(diff)
	}
	wantCookie(t, a.Cookie(adminCookie), "/api/auth/admin")
	if a.Cookie(userCookie) != nil {
		t.Error("the administrator got a user's cookie")
	}
	s := session{access: a.String("accessToken"), csrf: a.String("csrfToken"), refresh: a.Cookie(adminCookie).Value}
	want := map[string]any{"admin": map[string]any{"sub": "local:admin"}}
	if diff := cmp.Diff(want, w.do("GET", "/api/auth/admin/sessions/current", nil, bearer(s.access)).OK(200).Body); diff != "" {
		t.Error(diff)
	}

	w.clock.Advance(16 * time.Minute)
	w.do("GET", "/api/auth/admin/sessions/current", nil, bearer(s.access)).Refused(401, fault.AuthUnauthorized, "Invalid token")
	renewed := w.do("POST", "/api/auth/admin/refresh", nil, s.adminCookie(), s.header()).OK(200)
	if got, want := renewed.Names(), "accessToken admin csrfToken"; got != want || renewed.String("csrfToken") != s.csrf {
		t.Errorf("got keys %s, want %s, and the same CSRF token", got, want)
	}
	wantCookie(t, renewed.Cookie(adminCookie), "/api/auth/admin")
	w.do("GET", "/api/auth/users", nil, bearer(renewed.String("accessToken"))).OK(200)

	out := w.do("POST", "/api/auth/admin/logout", nil, s.adminCookie(), s.header()).OK(200)
	if diff := cmp.Diff(map[string]any{"success": true, "message": "Logged out successfully"}, out.Body); diff != "" {
		t.Error(diff)
	}
	wantCleared(t, out.Cookie(adminCookie), "/api/auth/admin")
}

func TestAdminSignInRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := with{resttest.ClientIPHeader, "192.0.2.7"}
	for _, body := range []map[string]any{
		{"username": "admin", "password": "wrong"},
		{"username": "root", "password": adminPassword},
		{"username": "ADMIN", "password": adminPassword},
		{"username": "admin", "password": ""},
		{"username": "admin", "password": adminPassword + "\x00"},
		{"username": "admin", "password": strings.Repeat("x", 4097)},
	} {
		a := w.do("POST", "/api/auth/admin/sessions", body, client).Refused(401, fault.AuthUnauthorized, "Invalid credentials")
		if a.Cookie(adminCookie) != nil {
			t.Error("a refused sign-in set a cookie")
		}
	}
	client.value = "192.0.2.8"
	for body, message := range map[string]string{
		`{}`:                              "username: Required, password: Required",
		`{"username":" ","password":"x"}`: "username: String must contain at least 1 character(s)",
		`{"username":"` + strings.Repeat("u", 101) + `","password":"x"}`: "username: String must contain at most 100 character(s)",
		`{"username":"a\u0000","password":7}`:                            "password: Expected string, received number",
	} {
		w.do("POST", "/api/auth/admin/sessions", body, client).Refused(400, invalid, message)
	}
	w.do("POST", "/api/auth/admin/sessions/exchange", `{"code":"x"}`).Refused(404, fault.NotFound, "")
}

func TestGuessingTheAdminPasswordIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	attacker, owner := with{resttest.ClientIPHeader, "192.0.2.66"}, with{resttest.ClientIPHeader, "198.51.100.1"}
	good := map[string]any{"username": adminUsername, "password": adminPassword}
	for range 12 { // successes do not count
		w.do("POST", "/api/auth/admin/sessions", good, attacker).OK(200)
	}
	for range 10 {
		w.do("POST", "/api/auth/admin/sessions", map[string]any{"username": "admin", "password": "x"}, attacker).
			Refused(401, fault.AuthUnauthorized, "")
	}
	a := w.do("POST", "/api/auth/admin/sessions", good, attacker).Refused(429, fault.TooManyRequests, "")
	if a.Header.Get("Retry-After") == "" {
		t.Error("got no Retry-After")
	}
	w.do("POST", "/api/auth/admin/sessions", good, owner).OK(200)
	w.clock.Advance(15*time.Minute + time.Second)
	w.do("POST", "/api/auth/admin/sessions", good, attacker).OK(200)
}

func TestAdminRefreshAndLogoutRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, user := w.signInAdmin(), w.signUp("a@b.co")
	for name, headers := range map[string][]with{
		"no CSRF token":    {admin.adminCookie()},
		"wrong CSRF token": {admin.adminCookie(), user.header()},
		"repeated":         {admin.adminCookie(), admin.header(), admin.header()},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/api/auth/admin/refresh", "/api/auth/admin/logout"} {
				a := w.do("POST", path, nil, headers...).Refused(403, fault.Forbidden, "Invalid CSRF token")
				if a.Cookie(adminCookie) != nil {
					t.Errorf("%s touched the cookie of a live session", path)
				}
			}
		})
	}
	for name, headers := range map[string][]with{
		"no cookie":              {admin.header()},
		"user's token":           {{"Cookie", adminCookie + "=" + user.refresh}, user.header()},
		"in the user's cookie":   {{"Cookie", userCookie + "=" + admin.refresh}, admin.header()},
		"administrator's access": {{"Cookie", adminCookie + "=" + admin.access}, admin.header()},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.do("POST", "/api/auth/admin/refresh", nil, headers...).Refused(401, fault.AuthUnauthorized, "")
			wantCleared(t, a.Cookie(adminCookie), "/api/auth/admin")
			wantCleared(t, w.do("POST", "/api/auth/admin/logout", nil, headers...).OK(200).Cookie(adminCookie), "/api/auth/admin")
		})
	}
	w.clock.Advance(7 * 24 * time.Hour)
	w.do("POST", "/api/auth/admin/refresh", nil, admin.adminCookie(), admin.header()).Refused(401, fault.AuthUnauthorized, "")
}

func TestAdminSessionEndsWhenTheNameChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.signInAdmin()
	w.restart(func(d *auth.Deps) { d.AdminUsername = "successor" })
	a := w.do("POST", "/api/auth/admin/refresh", nil, admin.adminCookie(), admin.header()).Refused(401, fault.AuthUnauthorized, "")
	wantCleared(t, a.Cookie(adminCookie), "/api/auth/admin")
}

func TestAdminCurrentIsForAdministrators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path = "/api/auth/admin/sessions/current"
	user := w.signUp("a@b.co")
	w.do("GET", path, nil).Refused(401, fault.AuthInvalidCredentials, "No token provided")
	w.do("GET", path, nil, bearer(user.access)).Refused(403, fault.AuthUnauthorized, "")
	w.do("GET", path, nil, bearer(thirdParty(`{"sub":"x","role":"anon"}`))).Refused(403, fault.AuthUnauthorized, "")
	w.do("GET", path, nil, bearer(w.signInAdmin().refresh)).Refused(401, fault.AuthUnauthorized, "Invalid token")
	w.do("GET", path, nil, bearer(apiKey)).Refused(401, fault.AuthUnauthorized, "Invalid token")
}
