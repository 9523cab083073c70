package auth_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// signInCode requests a code to sign in with.
func (w *world) signInCode(email string) string {
	w.t.Helper()
	w.clock.advance(time.Minute)
	w.post("send-otp", map[string]any{"email": email}).accepted()
	return w.mail.code(w.t, "request-otp", email)
}

// signInByCode presents a code as a fresh client.
func (w *world) signInByCode(email, code string) answer {
	w.t.Helper()
	return w.do("POST", "/api/auth/sessions", map[string]any{"method": "otp", "email": email, "otp": code}, w.fresh())
}

func TestACodeSignsUpWhoIsNew(t *testing.T) {
	t.Parallel()
	w := mailing(t, map[string]any{"requireEmailVerification": true})
	sub := w.bus.Subscribe()
	defer sub.Close()
	w.post("send-otp", map[string]any{"email": "New@B.co"}).accepted()
	mail := w.mail.next(t, "request-otp", "new@b.co")
	if mail.name != "User" {
		t.Errorf("got a mail to %q, want User", mail.name)
	}
	a := w.do("POST", "/api/auth/sessions", map[string]any{
		"method": "otp", "email": "new@B.co", "otp": mail.variables["token"], "name": " Ada ",
		"id": "11111111-1111-1111-1111-111111111111", "role": "project_admin", "is_project_admin": true, "metadata": map[string]any{"a": 1}, "password": "sneaky",
	}).ok()
	if got, want := a.keys(), "accessToken csrfToken user"; got != want || a.cookie(userCookie) == nil {
		t.Errorf("got keys %s, want %s and a cookie", got, want)
	}
	user := a.body["user"].(map[string]any)
	if user["id"] == "11111111-1111-1111-1111-111111111111" {
		t.Error("the caller chose the user's id")
	}
	for _, name := range []string{"id", "createdAt", "updatedAt"} {
		delete(user, name)
	}
	want := map[string]any{
		"email": "new@b.co", "emailVerified": true, "providers": []any{"email"},
		"profile": map[string]any{"name": "Ada"}, "metadata": map[string]any{},
	}
	if diff := cmp.Diff(want, user); diff != "" {
		t.Error(diff)
	}
	if got := <-sub.C(); !cmp.Equal(got, events.DataUpdate{Resource: events.Users}) {
		t.Errorf("got event %v, want an update of users", got)
	}
	if n := w.count(`SELECT count(*) FROM auth.users WHERE password IS NULL AND NOT is_project_admin`); n != 1 {
		t.Error("want a user without password and without rights")
	}
	if n := w.count(`SELECT count(*) FROM auth.user_providers WHERE provider = 'email' AND provider_account_id = 'new@b.co' AND provider_data = '{"method":"otp"}'`); n != 1 {
		t.Error("want the provider noted")
	}
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "new@b.co", "password": ""}).refused(401, fault.AuthUnauthorized, "Invalid credentials")
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "new@b.co", "password": "sneaky"}).refused(401, fault.AuthUnauthorized, "Invalid credentials")
	w.signInByCode("new@b.co", w.signInCode("new@b.co")).ok()
	if n := w.count(`SELECT count(*) FROM auth.user_providers`); n != 1 {
		t.Errorf("got %d providers after the second sign-in, want 1", n)
	}
}

func TestACodeHandsOverWhatNobodyVerified(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	squatter := w.signUp("victim@b.co")
	code := w.signInCode("victim@b.co")
	a := w.signInByCode("victim@b.co", code).ok()
	if a.text("user", "id") != squatter.id || a.body["user"].(map[string]any)["emailVerified"] != true {
		t.Errorf("got %s, want the account, verified", a.raw)
	}
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "victim@b.co", "password": password}).refused(401, fault.AuthUnauthorized, "")
	w.do("POST", "/api/auth/refresh", nil, squatter.cookie(), squatter.header()).refused(401, fault.AuthUnauthorized, "")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(squatter.access)).refused(401, fault.AuthUnauthorized, "")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(a.text("accessToken"))).ok()
	w.signInByCode("victim@b.co", code).refused(400, invalid, "Invalid or expired verification code")
}

func TestACodeLeavesAVerifiedAccountAsItIs(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	s := w.signUp("a@b.co")
	w.sql(`UPDATE auth.users SET email_verified = true`)
	a := w.signInByCode("a@b.co", w.signInCode("a@b.co")).ok()
	if a.text("user", "id") != s.id {
		t.Errorf("got %s, want the user that was there", a.raw)
	}
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": password}).ok()
	w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).ok()
}

func TestACodeWithoutAnAccountWhileSignUpIsOff(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	w.do("PUT", "/api/auth/config", map[string]any{"disableSignup": true}, bearer(apiKey)).ok()
	w.signInByCode("a@b.co", w.signInCode("a@b.co")).ok()
	code := w.signInCode("new@b.co")
	w.signInByCode("new@b.co", code).refused(403, fault.AuthSignupDisabled, "")
	w.signInByCode("new@b.co", code).refused(400, invalid, "Invalid or expired verification code")
	if n := w.count(`SELECT count(*) FROM auth.users`); n != 1 {
		t.Errorf("got %d users, want 1", n)
	}
}

func TestACodeMeansTheOldestOfImportedAddresses(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.sql(`INSERT INTO auth.users (email, created_at, email_verified) VALUES
	       ('Twin@b.co', now() - interval '2 days', true), ('twin@b.co', now() - interval '1 day', true)`)
	w.sql(`INSERT INTO auth.user_providers (user_id, provider, provider_account_id, provider_data)
	       SELECT id, 'email', 'twin@b.co', '{"whose":"the younger"}' FROM auth.users WHERE email = 'twin@b.co'`)
	a := w.signInByCode("TWIN@b.co", w.signInCode("twin@b.co")).ok()
	if got := a.text("user", "email"); got != "Twin@b.co" {
		t.Errorf("got %s, want the oldest", got)
	}
	if n := w.count(`SELECT count(*) FROM auth.user_providers WHERE provider_data = '{"whose":"the younger"}'`); n != 1 {
		t.Error("the provider of another user was changed")
	}
}

func TestCodesToSignInNeedAMailService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.post("send-otp", map[string]any{"email": "a@b.co"}).refused(503, fault.EmailProviderNotConfigured, "")
	w.mail.set(func(m *mailbox) {
		m.on, m.err = true, fault.New(500, fault.EmailSMTPSendFailed, "The mail could not be sent")
	})
	w.clock.advance(time.Minute)
	w.post("send-otp", map[string]any{"email": "a@b.co"}).refused(500, fault.EmailSMTPSendFailed, "could not be sent")
	w.mail.set(func(m *mailbox) { m.err = fault.New(429, fault.RateLimited, "Too many emails to this address") })
	w.clock.advance(time.Minute)
	w.post("send-otp", map[string]any{"email": "a@b.co"}).refused(429, fault.RateLimited, "Too many")
}
