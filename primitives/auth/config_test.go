package auth_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

const configPath = "/api/auth/config"

func TestConfigIsTheDefaultsUntilItIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := map[string]any{
		"id":                       "00000000-0000-0000-0000-000000000000",
		"requireEmailVerification": false, "passwordMinLength": 6.0, "requireNumber": false, "requireLowercase": false,
		"requireUppercase": false, "requireSpecialChar": false, "verifyEmailMethod": "code", "resetPasswordMethod": "code",
		"allowedRedirectUrls": []any{}, "disableSignup": false,
	}
	undated := func(a resttest.Answer) map[string]any {
		t.Helper()
		for _, name := range []string{"createdAt", "updatedAt"} {
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", a.String(name)); err != nil {
				t.Error(err)
			}
			delete(a.Body.(map[string]any), name)
		}
		return a.Body.(map[string]any)
	}
	for _, a := range []resttest.Answer{
		w.do("GET", configPath, nil, bearer(apiKey)).OK(200),
		w.do("PUT", configPath, nil, bearer(apiKey)).OK(200),
		w.do("PUT", configPath, `{"unknown":1,"id":"11111111-1111-1111-1111-111111111111","smtpConfig":{}}`, bearer(apiKey)).OK(200),
	} {
		if diff := cmp.Diff(want, undated(a)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	if n := w.count(`SELECT count(*) FROM auth.config`) + w.count(`SELECT count(*) FROM system.audit_logs`); n != 0 {
		t.Error("a change of nothing was stored")
	}

	a := w.do("PUT", configPath, map[string]any{"requireNumber": true, "allowedRedirectUrls": []string{"https://a.co"}}, bearer(apiKey)).OK(200)
	id := a.String("id")
	want["id"], want["requireNumber"], want["allowedRedirectUrls"] = id, true, []any{"https://a.co"}
	if diff := cmp.Diff(want, undated(a)); diff != "" || id == "00000000-0000-0000-0000-000000000000" {
		t.Errorf("-want +got\n%s", diff)
	}
	all := map[string]any{
		"requireEmailVerification": false, "passwordMinLength": 128, "requireNumber": false, "requireLowercase": true,
		"requireUppercase": true, "requireSpecialChar": true, "verifyEmailMethod": "link", "resetPasswordMethod": "link",
		"allowedRedirectUrls": nil, "disableSignup": true,
	}
	a = w.do("PUT", configPath, all, bearer(w.signInAdmin().access), with{resttest.ClientIPHeader, "192.0.2.9"}).OK(200)
	all["id"], all["allowedRedirectUrls"], all["passwordMinLength"] = id, []any{}, 128.0
	if diff := cmp.Diff(all, undated(a)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff(all, undated(w.do("GET", configPath, nil, bearer(apiKey)).OK(200))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	n := w.count(`SELECT count(*) FROM system.audit_logs WHERE action = 'UPDATE_AUTH_CONFIG' AND module = 'AUTH' AND (
		(actor = 'api-key' AND details = '{"updatedFields":["requireNumber","allowedRedirectUrls"]}')
		OR (actor = 'local:admin' AND ip_address = '192.0.2.9' AND jsonb_array_length(details -> 'updatedFields') = 10))`)
	if n != 2 {
		t.Errorf("got %d matching audit rows, want 2", n)
	}
}

func TestConfigValidation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := `"https://a.co/` + strings.Repeat("x", 3000) + `"`
	for body, message := range map[string]string{
		`{"requireNumber":"yes"}`:                     "requireNumber: Expected boolean, received string",
		`{"disableSignup":null}`:                      "disableSignup: Expected boolean, received null",
		`{"passwordMinLength":3}`:                     "passwordMinLength: Number must be greater than or equal to 4",
		`{"passwordMinLength":129}`:                   "passwordMinLength: Number must be less than or equal to 128",
		`{"passwordMinLength":6.5}`:                   "passwordMinLength: Expected integer, received float",
		`{"passwordMinLength":"6"}`:                   "passwordMinLength: Expected number, received string",
		`{"verifyEmailMethod":"x"}`:                   "verifyEmailMethod: Invalid enum value. Expected 'code' | 'link', received 'x'",
		`{"resetPasswordMethod":null}`:                "resetPasswordMethod: Expected 'code' | 'link', received null",
		`{"allowedRedirectUrls":"https://a.co"}`:      "allowedRedirectUrls: Expected array, received string",
		`{"allowedRedirectUrls":[1]}`:                 "allowedRedirectUrls.0: Expected string, received number",
		`{"allowedRedirectUrls":["https://a.co",""]}`: "allowedRedirectUrls.1: Invalid URL or wildcard URL",
		`{"allowedRedirectUrls":[` + long + `]}`:      "allowedRedirectUrls.0: Invalid URL or wildcard URL",
		`{"allowedRedirectUrls":[` + strings.Repeat(`"https://a.co",`, 256) + `"https://a.co"]}`: "allowedRedirectUrls: Array must contain at most 256 element(s)",
		`[]`: "Expected object, received array",
	} {
		w.do("PUT", configPath, body, bearer(apiKey)).Refused(400, invalid, message)
	}
	if n := w.count(`SELECT count(*) FROM auth.config`); n != 0 {
		t.Error("a refused change was stored")
	}
}

func TestConfigIsForAdministrators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	for _, method := range []string{"GET", "PUT"} {
		body := map[string]any{"disableSignup": true}
		w.do(method, configPath, body).Refused(401, fault.AuthInvalidCredentials, "No admin token provided")
		w.do(method, configPath, body, bearer(s.access)).Refused(403, fault.AuthUnauthorized, "Admin access required")
		w.do(method, configPath, body, bearer(anonKey)).Refused(401, fault.AuthUnauthorized, "Invalid token")
		w.do(method, configPath, body, with{"x-api-key", "wrong"}).Refused(401, fault.AuthInvalidAPIKey, "")
		w.do(method, configPath, body, bearer(thirdParty(`{"sub":"x","role":"project_admin","exp":1}`))).Refused(401, fault.AuthUnauthorized, "")
	}
	if n := w.count(`SELECT count(*) FROM auth.config`); n != 0 {
		t.Error("a refused caller changed the settings")
	}
}

func TestVerificationNeedsAMailService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	on := map[string]any{"requireEmailVerification": true, "passwordMinLength": 9}
	w.do("PUT", configPath, on, bearer(apiKey)).Refused(400, fault.EmailProviderNotConfigured, "E-mail verification needs")
	if n := w.count(`SELECT count(*) FROM auth.config`); n != 0 {
		t.Error("a refused change was stored in part")
	}
	required := func() (required bool) {
		t.Helper()
		err := w.db.AsOwner(t.Context(), func(tx pg.Tx) (err error) {
			required, err = w.auth.VerificationRequired(t.Context(), tx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return required
	}
	if required() {
		t.Error("verification is required by default")
	}
	w.mail.set(func(m *mailbox) { m.on = true })
	w.do("PUT", configPath, on, bearer(apiKey)).OK(200)
	if !required() {
		t.Error("verification is not required though it was switched on")
	}
	// Off, and other settings, need no mail service.
	w.mail.set(func(m *mailbox) { m.on = false })
	w.do("PUT", configPath, map[string]any{"passwordMinLength": 10}, bearer(apiKey)).OK(200)
	w.do("PUT", configPath, map[string]any{"requireEmailVerification": false}, bearer(apiKey)).OK(200)
}

func TestConcurrentConfigChangesAllCount(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	changes := []string{
		`{"requireNumber":true}`, `{"requireLowercase":true}`, `{"requireUppercase":true}`, `{"requireSpecialChar":true}`,
		`{"passwordMinLength":11}`, `{"verifyEmailMethod":"link"}`, `{"resetPasswordMethod":"link"}`, `{"disableSignup":true}`,
		`{"requireEmailVerification":true}`, `{"allowedRedirectUrls":["https://a.co"]}`,
	}
	// More than the owner has connections: those who wait must not starve the one
	// who holds the lock.
	var group sync.WaitGroup
	for range 3 {
		for _, change := range changes {
			group.Go(func() { w.do("PUT", configPath, change, bearer(apiKey)).OK(200) })
		}
	}
	group.Wait()
	got := w.do("GET", configPath, nil, bearer(apiKey)).OK(200).Body.(map[string]any)
	for _, name := range []string{"id", "createdAt", "updatedAt"} {
		delete(got, name)
	}
	want := map[string]any{
		"requireEmailVerification": true, "passwordMinLength": 11.0, "requireNumber": true, "requireLowercase": true,
		"requireUppercase": true, "requireSpecialChar": true, "verifyEmailMethod": "link", "resetPasswordMethod": "link",
		"allowedRedirectUrls": []any{"https://a.co"}, "disableSignup": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if n := w.count(`SELECT count(*) FROM auth.config`); n != 1 {
		t.Errorf("got %d rows, want 1", n)
	}
}

func TestRedirectEntries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	put := func(entry string) resttest.Answer {
		return w.do("PUT", configPath, map[string]any{"allowedRedirectUrls": []string{entry}}, bearer(apiKey))
	}
	for _, entry := range []string{
		"https://example.com", "https://example.com:8443", "https://example.com/a/b", "http://localhost:3000/**", "https://*.example.com",
		"https://*foo.example.com", "https://example.com/*", "https://example.com/**", "http://[::1]:3000", "https://example.com/cb?session=*",
		"https://example.com?session=*", "https://[a-z]*.example.com", "https://example.com/[a-z]*", "https://{app,www}.example.com/*",
		"myapp://auth/callback", "myapp://", "com.example.app://oauth", "exp://127.0.0.1:19000/--/**", "HTTPS://Example.COM",
	} {
		if got := put(entry).OK(200).At("allowedRedirectUrls"); fmt.Sprint(got) != "["+entry+"]" {
			t.Errorf("got %v, want %s as it was sent", got, entry)
		}
	}
	for _, entry := range []string{
		"*.example.com", "example.com", "/callback", "//example.com", "https://", "https:///path", "https://:8080", "https://*", "https://**",
		"https://*.", "https://*.*", "https://*.:8080", "https://.", "https://*/path", "https://?", "https://*:443",
		"javascript:alert(1)", "javascript://example.com/%0aalert(1)", "JavaScript://x", "data:text/html,x", "data://x", "file:///etc/passwd", "vbscript://x",
		"https://user:pw@example.com", "https://good.example.com@evil.com", "https://example.com\\.evil.com", "https://exa mple.com", "https://example.com\n",
		"https://example.com:*", "https://example.com:port", "https://example.com/[z-a]", "https://example.com/{a", "://example.com", "1x://example.com", "",
	} {
		put(entry).Refused(400, invalid, "allowedRedirectUrls.0: Invalid URL or wildcard URL")
	}
}
