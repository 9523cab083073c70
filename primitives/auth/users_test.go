package auth_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestProfileIsPublic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	a := w.do("GET", "/api/auth/profiles/"+strings.ToUpper(s.id), nil, bearer("garbage")).OK(200)
	if diff := cmp.Diff(map[string]any{"id": s.id, "profile": map[string]any{}}, a.Body); diff != "" {
		t.Error(diff)
	}
	w.do("GET", "/api/auth/profiles/00000000-0000-0000-0000-000000000000", nil).Refused(404, fault.AuthUserNotFound, "")
	for _, id := range []string{"current", "x", "%00", "%ff", strings.Repeat("0", 5000), "{" + s.id[:34] + "}", strings.ReplaceAll(s.id, "-", ""), "%27%3B--"} {
		w.do("GET", "/api/auth/profiles/"+id, nil).Refused(400, invalid, "userId: Invalid uuid")
	}
}

func TestProfileUpdateMergesShallowly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, other := w.signUp("a@b.co"), w.signUp("c@b.co")
	const path = "/api/auth/profiles/current"
	w.do("PATCH", path, `{"profile":{"name":"A","deep":{"x":1},"n":12345678901234567890.5}}`, bearer(s.access)).OK(200)
	a := w.do("PATCH", path, `{"profile":{"name":null,"deep":{"y":2}},"id":"`+other.id+`","email":"x@y.zz"}`, bearer(s.access)).OK(200)
	want := map[string]any{"id": s.id, "profile": map[string]any{"name": nil, "deep": map[string]any{"y": 2.0}, "n": 12345678901234567890.5}}
	if diff := cmp.Diff(want, a.Body); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(a.Text, "12345678901234567890.5") {
		t.Errorf("got %s, want the number with all its digits", a.Text)
	}
	if diff := cmp.Diff(map[string]any{}, w.do("GET", "/api/auth/profiles/"+other.id, nil).OK(200).At("profile")); diff != "" {
		t.Errorf("another user's profile changed: %s", diff)
	}
	if n := w.count(`SELECT count(*) FROM auth.users WHERE email = 'a@b.co' AND updated_at > created_at`); n != 1 {
		t.Error("updated_at was not set")
	}
}

func TestProfileUpdateRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	const path = "/api/auth/profiles/current"
	good := `{"profile":{"a":1}}`
	w.do("PATCH", path, good).Refused(401, fault.AuthInvalidCredentials, "No token provided")
	w.do("PATCH", path, good, bearer(anonKey)).Refused(401, fault.AuthUnauthorized, "Invalid token")
	w.do("PATCH", path, good, bearer(s.refresh)).Refused(401, fault.AuthUnauthorized, "Invalid token")
	for _, token := range []string{
		w.signInAdmin().access,
		thirdParty(`{"sub":"user_2abc"}`),
		thirdParty(`{"sub":"` + s.id + `","role":"anon"}`),
		thirdParty(`{"sub":"00000000-0000-0000-0000-000000000000"}`),
	} {
		w.do("PATCH", path, good, bearer(token)).Refused(404, fault.AuthUserNotFound, "")
	}
	for body, message := range map[string]string{
		`{}`:                             "profile: Required",
		`{"profile":null}`:               "profile: Expected object, received null",
		`{"profile":[1]}`:                "profile: Expected object, received array",
		`{"profile":"x"}`:                "profile: Expected object, received string",
		`{"profile":{"a":"\u0000"}}`:     "profile: Invalid JSON",
		`{"profile":{"\u0000":1}}`:       "profile: Invalid JSON",
		`{"profile":{"a":"\ud800"}}`:     "profile: Invalid JSON",
		`{"profile":{"a":1e999999}}`:     "profile: Invalid JSON",
		"{\"profile\":{\"a\":\"\xff\"}}": "UTF-8",
	} {
		w.do("PATCH", path, body, bearer(s.access)).Refused(400, invalid, message)
	}
	for i := range 3 {
		body := fmt.Sprintf(`{"profile":{"k%d":"%s"}}`, i, strings.Repeat("x", 100<<10))
		a := w.do("PATCH", path, body, bearer(s.access))
		if i < 2 {
			a.OK(200)
			continue
		}
		a.Refused(400, invalid, "profile: must not be larger than 256 KiB")
	}
	if n := w.count(`SELECT count(*) FROM auth.users WHERE profile ? 'k2'`); n != 0 {
		t.Error("a refused change was stored")
	}
}

func TestListOfUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sql(`INSERT INTO auth.users (email, profile, created_at)
	       SELECT 'u' || i || '@b.co', jsonb_build_object('name', 'Name ' || i), now() + i * interval '1 second'
	         FROM generate_series(1, 12) i`)
	w.sql(`INSERT INTO auth.users (email, is_anonymous, is_project_admin) VALUES ('anon@b.co', true, false), ('boss@b.co', false, true)`)
	w.sql(`INSERT INTO auth.user_providers (user_id, provider, provider_account_id)
	       SELECT id, p, 'x' FROM auth.users, unnest('{google,email}'::text[]) p WHERE email = 'u12@b.co'`)
	w.sql(`UPDATE auth.users SET password = 'set' WHERE email = 'u12@b.co'`)
	list := func(query string) (emails []string, page map[string]any) {
		t.Helper()
		a := w.do("GET", "/api/auth/users"+query, nil, bearer(apiKey)).OK(200)
		for _, u := range a.At("data").([]any) {
			emails = append(emails, u.(map[string]any)["email"].(string))
		}
		return emails, a.At("pagination").(map[string]any)
	}
	for _, tc := range []struct {
		query                string
		first                string
		n                    int
		offset, limit, total float64
	}{
		{"", "u12@b.co", 10, 0, 10, 12},
		{"?limit=2&offset=1", "u11@b.co", 2, 1, 2, 12},
		{"?limit=abc&offset=-4", "u12@b.co", 10, 0, 10, 12},
		{"?limit=0", "u12@b.co", 1, 0, 1, 12},
		{"?limit=1000000000", "u12@b.co", 12, 0, 1e9, 12},
		{"?limit=99999999999999999999&offset=99999999999999999999", "u12@b.co", 10, 0, 10, 12},
		{"?search=u1@", "u1@b.co", 1, 0, 10, 1},
		{"?search=Name%203", "u3@b.co", 1, 0, 10, 1},
		{"?search=name%203", "", 0, 0, 10, 0},
		{"?search=anon", "", 0, 0, 10, 0},
		{"?search=" + url.QueryEscape(`%' OR 1=1 --`), "", 0, 0, 10, 0},
		{"?search=" + url.QueryEscape(`\`), "", 0, 0, 10, 0},
		{"?offset=50", "", 0, 50, 10, 12},
	} {
		emails, page := list(tc.query)
		if len(emails) != tc.n || (tc.n > 0 && emails[0] != tc.first) {
			t.Errorf("%s: got %v, want %d from %s", tc.query, emails, tc.n, tc.first)
		}
		if diff := cmp.Diff(map[string]any{"offset": tc.offset, "limit": tc.limit, "total": tc.total}, page); diff != "" {
			t.Errorf("%s: %s", tc.query, diff)
		}
	}
	a := w.do("GET", "/api/auth/users?limit=1", nil, bearer(apiKey)).OK(200)
	if got, _ := json.Marshal(a.At("data").([]any)[0].(map[string]any)["providers"]); string(got) != `["google","email"]` {
		t.Errorf("got providers %s, want google and email once each", got)
	}
	if empty := w.do("GET", "/api/auth/users?search=nobody", nil, bearer(apiKey)).OK(200); !strings.Contains(empty.Text, `"data":[]`) {
		t.Errorf("got %s, want an empty list", empty.Text)
	}
	w.do("GET", "/api/auth/users?search=%00", nil, bearer(apiKey)).Refused(400, invalid, "search:")
	w.do("GET", "/api/auth/users?search=%ff", nil, bearer(apiKey)).Refused(400, invalid, "search:")
}

func TestUserByID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	a := w.do("GET", "/api/auth/users/"+s.id, nil, bearer(apiKey)).OK(200)
	if got, want := a.Names(), "createdAt email emailVerified id metadata profile providers updatedAt"; got != want {
		t.Errorf("got keys %s, want %s", got, want)
	}
	w.do("GET", "/api/auth/users/x", nil, bearer(apiKey)).Refused(400, invalid, "userId: Invalid uuid")
	w.do("GET", "/api/auth/users/00000000-0000-0000-0000-000000000000", nil, bearer(apiKey)).Refused(404, fault.AuthUserNotFound, "")
}

func TestDeletingUsersIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, kept := w.signUp("a@b.co"), w.signUp("c@b.co")
	const absent = "00000000-0000-0000-0000-000000000000"
	a := w.do("DELETE", "/api/auth/users", map[string]any{"userIds": []string{s.id, absent, s.id}},
		bearer(w.signInAdmin().access), with{resttest.ClientIPHeader, "192.0.2.9"}).OK(200)
	if diff := cmp.Diff(map[string]any{"message": "Users deleted successfully", "deletedCount": 1.0}, a.Body); diff != "" {
		t.Error(diff)
	}
	if n := w.count(`SELECT count(*) FROM auth.users WHERE id = $1`, kept.id); n != 1 {
		t.Error("another user was deleted")
	}
	n := w.count(`SELECT count(*) FROM system.audit_logs
		WHERE actor = 'local:admin' AND action = 'DELETE_USERS' AND module = 'AUTH' AND ip_address = '192.0.2.9'
		  AND details = jsonb_build_object('userIds', jsonb_build_array($1::text, $2::text, $1::text), 'deletedCount', 1)`, s.id, absent)
	if n != 1 {
		t.Errorf("got %d matching audit rows, want 1", n)
	}
	for body, message := range map[string]string{
		`{}`:                 "userIds: Required",
		`{"userIds":[]}`:     "userIds: Array must contain at least 1 element(s)",
		`{"userIds":"x"}`:    "userIds: Expected array, received string",
		`{"userIds":["x"]}`:  "userIds.0: Invalid uuid",
		`{"userIds":[null]}`: "userIds.0: Expected string, received null",
	} {
		w.do("DELETE", "/api/auth/users", body, bearer(apiKey)).Refused(400, invalid, message)
	}
}

func TestAdministrationIsForAdministrators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	refresh := w.signInAdmin().refresh
	for _, route := range []struct{ method, path string }{
		{"GET", "/api/auth/users"},
		{"GET", "/api/auth/users/" + s.id},
		{"DELETE", "/api/auth/users"},
		{"POST", "/api/auth/tokens/anon"},
	} {
		body := map[string]any{"userIds": []string{s.id}}
		w.do(route.method, route.path, body).Refused(401, fault.AuthInvalidCredentials, "No admin token provided")
		w.do(route.method, route.path, body, bearer(s.access)).Refused(403, fault.AuthUnauthorized, "Admin access required")
		w.do(route.method, route.path, body, bearer(anonKey)).Refused(401, fault.AuthUnauthorized, "Invalid token")
		w.do(route.method, route.path, body, with{"x-api-key", anonKey}).Refused(401, fault.AuthInvalidAPIKey, "Invalid API key")
		w.do(route.method, route.path, body, bearer(refresh)).Refused(401, fault.AuthUnauthorized, "Invalid token")
		w.do(route.method, route.path, body, bearer(thirdParty(`{"sub":"x","role":"project_admin","exp":1}`))).Refused(401, fault.AuthUnauthorized, "Invalid token")
	}
	if n := w.count(`SELECT count(*) FROM auth.users`); n != 1 {
		t.Error("a refused caller deleted users")
	}
	w.do("GET", "/api/auth/users", nil, bearer(thirdParty(`{"sub":"x","role":"project_admin"}`))).OK(200)
}

func TestPublicConfig(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := map[string]any{
		"oAuthProviders": []any{}, "customOAuthProviders": []any{}, "requireEmailVerification": false, "passwordMinLength": 6.0,
		"requireNumber": false, "requireLowercase": false, "requireUppercase": false, "requireSpecialChar": false,
		"verifyEmailMethod": "code", "resetPasswordMethod": "code", "disableSignup": false,
	}
	if diff := cmp.Diff(want, w.do("GET", "/api/auth/public-config", nil, bearer("garbage")).OK(200).Body); diff != "" {
		t.Error(diff)
	}
	w.sql(`INSERT INTO auth.config (require_number, verify_email_method, password_min_length, allowed_redirect_urls) VALUES (true, 'link', 9, NULL)`)
	w.sql(`INSERT INTO auth.oauth_configs (provider) VALUES ('google'), ('apple')`)
	w.sql(`WITH s AS (INSERT INTO system.secrets (key, value_ciphertext) VALUES ('K', 'x') RETURNING id)
	       INSERT INTO auth.custom_oauth_configs (key, name, discovery_endpoint, client_id, secret_id) SELECT 'my-idp', 'n', 'https://x', 'c', id FROM s`)
	want["requireNumber"], want["verifyEmailMethod"], want["passwordMinLength"] = true, "link", 9.0
	want["oAuthProviders"], want["customOAuthProviders"] = []any{"apple", "google"}, []any{"my-idp"}
	if diff := cmp.Diff(want, w.do("GET", "/api/auth/public-config", nil).OK(200).Body); diff != "" {
		t.Error(diff)
	}
}

func TestAnonTokenIsTheStoredAnonKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do("POST", "/api/auth/tokens/anon", nil, bearer(apiKey)).OK(200)
	if got := a.String("accessToken"); got != anonKey || a.String("message") == "" {
		t.Errorf("got %s, want the anon key and a message", a.Text)
	}
	delete(w.vault.values, "ANON_KEY")
	w.do("POST", "/api/auth/tokens/anon", nil, bearer(apiKey)).Refused(404, fault.SecretNotFound, "")
}

func TestJWKSIsPublicAtBothPlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pair, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/.well-known/jwks.json", "/api/.well-known/jwks.json"} {
		a := w.do("GET", path, nil).OK(200)
		keys := a.At("keys").([]any)
		if len(keys) != 1 || keys[0].(map[string]any)["kid"] != pair.ID || strings.Contains(a.Text, `"d"`) {
			t.Errorf("%s: got %s, want the public key %s", path, a.Text, pair.ID)
		}
	}
}
