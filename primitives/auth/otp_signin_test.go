package auth_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// signInCode requests a code to sign in with.
func (w *world) signInCode(email string) string {
	w.t.Helper()
	w.clock.Advance(time.Minute)
	w.accepted(w.post("send-otp", map[string]any{"email": email}))
	return w.mail.code(w.t, "request-otp", email)
}

// signInByCode presents a code as a fresh client.
func (w *world) signInByCode(email, code string) resttest.Answer {
	w.t.Helper()
	return w.do("POST", "/api/auth/sessions", map[string]any{"method": "otp", "email": email, "otp": code}, w.fresh())
}

func TestACodeSignsUpNewUsers(t *testing.T) {
	t.Parallel()
	w := mailing(t, map[string]any{"requireEmailVerification": true})
	sub := w.bus.Subscribe()
	defer sub.Close()
	w.accepted(w.post("send-otp", map[string]any{"email": "New@B.co"}))
	mail := w.mail.next(t, "request-otp", "new@b.co")
	if mail.name != "User" {
		t.Errorf("got a mail to %q, want User", mail.name)
	}
	a := w.do("POST", "/api/auth/sessions", map[string]any{
		"method": "otp", "email": "new@B.co", "otp": mail.variables["token"], "name": " Ada ",
		"id": "11111111-1111-1111-1111-111111111111", "role": "project_admin", "is_project_admin": true, "metadata": map[string]any{"a": 1}, "password": "sneaky",
	}).OK(200)
	if got, want := a.Names(), "accessToken csrfToken user"; got != want || a.Cookie(userCookie) == nil {
		t.Errorf("got keys %s, want %s and a cookie", got, want)
	}
	user := a.At("user").(map[string]any)
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
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "new@b.co", "password": ""}).Refused(401, fault.AuthUnauthorized, "Invalid credentials")
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "new@b.co", "password": "sneaky"}).Refused(401, fault.AuthUnauthorized, "Invalid credentials")
	w.signInByCode("new@b.co", w.signInCode("new@b.co")).OK(200)
	if n := w.count(`SELECT count(*) FROM auth.user_providers`); n != 1 {
		t.Errorf("got %d providers after the second sign-in, want 1", n)
	}
}

func TestACodeTakesOverAnUnverifiedAccount(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	squatter := w.signUp("victim@b.co")
	code := w.signInCode("victim@b.co")
	a := w.signInByCode("victim@b.co", code).OK(200)
	if a.String("user", "id") != squatter.id || a.At("user", "emailVerified") != true {
		t.Errorf("got %s, want the account, verified", a.Text)
	}
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "victim@b.co", "password": password}).Refused(401, fault.AuthUnauthorized, "")
	w.do("POST", "/api/auth/refresh", nil, squatter.cookie(), squatter.header()).Refused(401, fault.AuthUnauthorized, "")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(squatter.access)).Refused(401, fault.AuthUnauthorized, "")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(a.String("accessToken"))).OK(200)
	w.signInByCode("victim@b.co", code).Refused(400, invalid, "Invalid or expired verification code")
}

func TestACodeLeavesAVerifiedAccountUnchanged(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	s := w.signUp("a@b.co")
	w.sql(`UPDATE auth.users SET email_verified = true`)
	a := w.signInByCode("a@b.co", w.signInCode("a@b.co")).OK(200)
	if a.String("user", "id") != s.id {
		t.Errorf("got %s, want the user that was there", a.Text)
	}
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": password}).OK(200)
	w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).OK(200)
}

func TestACodeWithoutAnAccountWhileSignUpIsOff(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	w.do("PUT", "/api/auth/config", map[string]any{"disableSignup": true}, bearer(apiKey)).OK(200)
	w.signInByCode("a@b.co", w.signInCode("a@b.co")).OK(200)
	code := w.signInCode("new@b.co")
	w.signInByCode("new@b.co", code).Refused(403, fault.AuthSignupDisabled, "")
	w.signInByCode("new@b.co", code).Refused(400, invalid, "Invalid or expired verification code")
	if n := w.count(`SELECT count(*) FROM auth.users`); n != 1 {
		t.Errorf("got %d users, want 1", n)
	}
}

func TestACodeSignsInTheOldestUserWithAnImportedAddress(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.sql(`INSERT INTO auth.users (email, created_at, email_verified) VALUES
	       ('Twin@b.co', now() - interval '2 days', true), ('twin@b.co', now() - interval '1 day', true)`)
	w.sql(`INSERT INTO auth.user_providers (user_id, provider, provider_account_id, provider_data)
	       SELECT id, 'email', 'twin@b.co', '{"whose":"the younger"}' FROM auth.users WHERE email = 'twin@b.co'`)
	a := w.signInByCode("TWIN@b.co", w.signInCode("twin@b.co")).OK(200)
	if got := a.String("user", "email"); got != "Twin@b.co" {
		t.Errorf("got %s, want the oldest", got)
	}
	if n := w.count(`SELECT count(*) FROM auth.user_providers WHERE provider_data = '{"whose":"the younger"}'`); n != 1 {
		t.Error("the provider of another user was changed")
	}
}

func TestCodesToSignInNeedAMailService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.post("send-otp", map[string]any{"email": "a@b.co"}).Refused(503, fault.EmailProviderNotConfigured, "")
	w.mail.set(func(m *mailbox) {
		m.on, m.err = true, fault.New(500, fault.EmailSMTPSendFailed, "The mail could not be sent")
	})
	w.clock.Advance(time.Minute)
	w.post("send-otp", map[string]any{"email": "a@b.co"}).Refused(500, fault.EmailSMTPSendFailed, "could not be sent")
	w.mail.set(func(m *mailbox) { m.err = fault.New(429, fault.RateLimited, "Too many emails to this address") })
	w.clock.Advance(time.Minute)
	w.post("send-otp", map[string]any{"email": "a@b.co"}).Refused(429, fault.RateLimited, "Too many")
}
