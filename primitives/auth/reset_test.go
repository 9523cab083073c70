package auth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/auth"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

const newPassword = "a better one"

// resetToken requests a code for an address and exchanges it.
func (w *world) resetToken(email string) string {
	w.t.Helper()
	w.clock.Advance(time.Minute)
	w.accepted(w.post("send-reset-password", map[string]any{"email": email}))
	code := w.mail.code(w.t, "reset-password-code", email)
	return w.post("exchange-reset-password-token", map[string]any{"email": email, "code": code}).OK(200).String("token")
}

func TestResetByCodeEndsEverySession(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	s, other := w.signUp("a@b.co"), w.signUp("other@b.co")
	second := w.do("POST", "/api/auth/sessions?client_type=mobile", map[string]any{"email": "a@b.co", "password": password}).OK(200)
	w.accepted(w.post("send-reset-password", map[string]any{"email": "A@b.co"}))
	code := w.mail.code(t, "reset-password-code", "a@b.co")
	w.post("exchange-reset-password-token", map[string]any{"email": "a@b.co", "code": otherCode(code)}).
		Refused(400, invalid, "Invalid or expired verification code")
	a := w.post("exchange-reset-password-token", map[string]any{"email": "A@b.co", "code": code}).OK(200)
	token := a.String("token")
	if got, want := a.Names(), "expiresAt token"; got != want || len(token) != 64 {
		t.Errorf("got %s, want a token of 64 digits and when it expires", a.Text)
	}
	if got, want := a.String("expiresAt"), w.clock.Now().Add(24*time.Hour).UTC().Format("2006-01-02T15:04:05.000Z"); got != want {
		t.Errorf("got expiresAt %s, want %s", got, want)
	}

	a = w.post("reset-password", map[string]any{"newPassword": newPassword, "otp": token, "userId": other.id, "email": "other@b.co"}).OK(200)
	want := map[string]any{"message": "Password reset successfully. Please login with your new password."}
	if diff := cmp.Diff(want, a.Body); diff != "" || a.Cookie(userCookie) != nil {
		t.Errorf("-want +got\n%s", diff)
	}
	w.do("POST", "/api/auth/refresh", nil, s.cookie(), s.header()).Refused(401, fault.AuthUnauthorized, "")
	w.do("POST", "/api/auth/refresh?client_type=mobile", map[string]any{"refreshToken": second.String("refreshToken")}).Refused(401, fault.AuthUnauthorized, "")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).Refused(401, fault.AuthUnauthorized, "")
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": password}).Refused(401, fault.AuthUnauthorized, "Invalid credentials")
	again := w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": newPassword}).OK(200)
	if again.At("user", "emailVerified") != false {
		t.Error("a reset marked the address as verified")
	}
	w.do("GET", "/api/auth/sessions/current", nil, bearer(other.access)).OK(200)
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "other@b.co", "password": password}).OK(200)

	w.post("reset-password", map[string]any{"newPassword": "yet another", "otp": token}).Refused(400, invalid, "Invalid or expired token")
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": newPassword}).OK(200)
}

func TestResetByLink(t *testing.T) {
	t.Parallel()
	w := mailing(t, map[string]any{"resetPasswordMethod": "link", "allowedRedirectUrls": []string{"https://app.example.com/reset"}})
	w.signUp("a@b.co")
	w.post("send-reset-password", map[string]any{"email": "a@b.co"}).Refused(400, invalid, "redirectTo is required")
	w.clock.Advance(time.Minute)
	w.post("send-reset-password", map[string]any{"email": "a@b.co", "redirectTo": "https://evil.example.com"}).Refused(400, invalid, "not an allowed redirect")
	w.clock.Advance(time.Minute)
	w.accepted(w.post("send-reset-password", map[string]any{"email": "a@b.co", "redirectTo": "https://app.example.com/reset"}))
	token := w.mail.link(t, "reset-password-link", "a@b.co", resetLink)
	back := "https://app.example.com/reset?token=" + token + "&insforge_status=ready&insforge_type=reset_password"
	for range 2 { // opening uses nothing up
		w.leadsTo(w.open(resetLink, token), back)
	}
	// A code, right or wrong, does not touch the token.
	for range 4 {
		w.post("exchange-reset-password-token", map[string]any{"email": "a@b.co", "code": "123456"}).Refused(400, invalid, "")
	}
	w.post("reset-password", map[string]any{"newPassword": newPassword, "otp": token}).OK(200)
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": newPassword}).OK(200)
	w.leadsTo(w.open(resetLink, token), back)
	w.post("reset-password", map[string]any{"newPassword": newPassword, "otp": token}).Refused(400, invalid, "Invalid or expired token")
}

func TestResetRefusals(t *testing.T) {
	t.Parallel()
	w := mailing(t, map[string]any{"requireNumber": true})
	w.do("POST", "/api/auth/users", map[string]any{"email": "a@b.co", "password": password}, bearer(anonKey)).OK(200)
	token := w.resetToken("a@b.co")
	for body, message := range map[string]string{
		`{}`:                                   "newPassword: Required, otp: Required",
		`{"newPassword":"hunter 22","otp":""}`: "otp: String must contain at least 1 character(s)",
		`{"newPassword":"hunter 22","otp":["` + token + `"]}`:                 "otp: Expected string, received array",
		`{"newPassword":"hunter 22","otp":"123456"}`:                          "Invalid or expired token",
		`{"newPassword":"hunter 22","otp":"` + strings.Repeat("0", 64) + `"}`: "Invalid or expired token",
		`{"newPassword":"hunter 22","otp":"` + strings.ToUpper(token) + `x"}`: "Invalid or expired token",
		`{"newPassword":"hunter 22","otp":"' OR true --"}`:                    "Invalid or expired token",
		`{"newPassword":"hunter","otp":"` + token + `"}`:                      "Password must contain at least 6 characters long, at least one number",
		`{"newPassword":"1","otp":"` + token + `"}`:                           "Password must contain",
		`{"newPassword":"hunter\u00001","otp":"` + token + `"}`:               "newPassword: String must not contain NUL",
	} {
		w.post("reset-password", body).Refused(400, invalid, message)
	}
	for body, message := range map[string]string{
		`{}`:                                 "email: Required, code: Required",
		`{"email":"a@b.co","otp":"123456"}`:  "code: Required",
		`{"email":"a@b.co","code":"12345x"}`: "code: Reset password code must be a 6-digit numeric code",
		`{"email":"nope","code":"123456"}`:   "email: Invalid email",
	} {
		w.post("exchange-reset-password-token", body).Refused(400, invalid, message)
	}
	// The refusals left the token valid.
	w.post("reset-password", map[string]any{"newPassword": "hunter 22", "otp": token}).OK(200)

	token = w.resetToken("a@b.co")
	w.clock.Advance(24 * time.Hour)
	w.post("reset-password", map[string]any{"newPassword": "hunter 33", "otp": token}).Refused(400, invalid, "Invalid or expired token")
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": "hunter 22"}).OK(200)
}

func TestTokensOfVerificationResetNothing(t *testing.T) {
	t.Parallel()
	w := mailing(t, map[string]any{"verifyEmailMethod": "link"})
	w.signUp("a@b.co")
	w.accepted(w.post("send-verification", map[string]any{"email": "a@b.co", "redirectTo": "https://app.example.com"}))
	token := w.mail.link(t, "email-verification-link", "a@b.co", verifyLink)
	w.post("reset-password", map[string]any{"newPassword": newPassword, "otp": token}).Refused(400, invalid, "Invalid or expired token")
	w.leadsTo(w.open(verifyLink, token), "https://app.example.com?insforge_status=success&insforge_type=verify_email")
}

func TestResetOfADeletedUserUsesNothingUp(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	token := w.resetToken("a@b.co")
	w.sql(`DELETE FROM auth.users`)
	for range 2 {
		w.post("reset-password", map[string]any{"newPassword": newPassword, "otp": token}).Refused(500, fault.InternalError, "User not found")
	}
	if n := w.count(`SELECT count(*) FROM auth.email_otps WHERE consumed_at IS NULL`); n != 1 {
		t.Error("the token was used up for nothing")
	}
}

func TestResetGivesAPasswordToAUserWithoutOne(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.sql(`INSERT INTO auth.users (email, email_verified) VALUES ('Imported@B.co', true)`)
	w.accepted(w.post("send-reset-password", map[string]any{"email": "imported@b.co"}))
	code := w.mail.code(t, "reset-password-code", "Imported@B.co")
	token := w.post("exchange-reset-password-token", map[string]any{"email": "imported@b.co", "code": code}).OK(200).String("token")
	w.post("reset-password", map[string]any{"newPassword": newPassword, "otp": token}).OK(200)
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "imported@b.co", "password": newPassword}).OK(200)
}

func TestSecretsAreStoredAsHashes(t *testing.T) {
	t.Parallel()
	w := mailing(t, map[string]any{"verifyEmailMethod": "link"})
	w.restart(func(d *auth.Deps) { d.PasswordCost = 0 })
	w.signUp("a@b.co")
	w.accepted(w.post("send-verification", map[string]any{"email": "a@b.co", "redirectTo": "https://app.example.com"}))
	token := w.mail.link(t, "email-verification-link", "a@b.co", verifyLink)
	w.clock.Advance(time.Minute)
	w.accepted(w.post("send-otp", map[string]any{"email": "a@b.co"}))
	code := w.mail.code(t, "request-otp", "a@b.co")
	if n := w.count(`SELECT count(*) FROM auth.email_otps WHERE to_jsonb(email_otps)::text LIKE ANY (ARRAY['%'||$1||'%', '%"'||$2||'"%'])`, token, code); n != 0 {
		t.Error("a secret is stored as it was mailed")
	}
	if n := w.count(`SELECT count(*) FROM auth.email_otps
		WHERE (otp_type = 'HASH_TOKEN' AND otp_hash = encode(sha256(convert_to($1, 'UTF8')), 'hex'))
		   OR (otp_type = 'NUMERIC_CODE' AND otp_hash LIKE '$2a$10$%')`, token); n != 2 {
		t.Errorf("got %d rows with the hashes that InsForge reads, want 2", n)
	}
	for _, role := range []string{"anon", "authenticated"} {
		if n := w.count(`SELECT has_table_privilege($1, 'auth.email_otps', 'SELECT, INSERT, UPDATE, DELETE')::int`, role); n != 0 {
			t.Errorf("%s has rights on the secrets", role)
		}
	}
}

func TestOldSecretsAreSwept(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.sql(`INSERT INTO auth.email_otps (email, purpose, otp_hash, expires_at)
	       VALUES ('old@b.co', 'SIGN_IN', 'x', $1), ('late@b.co', 'SIGN_IN', 'x', $2)`,
		w.clock.Now().Add(-8*24*time.Hour), w.clock.Now().Add(-time.Hour))
	if err := w.auth.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.count(`SELECT count(*) FROM auth.email_otps WHERE email = 'late@b.co'`); n != 1 || w.count(`SELECT count(*) FROM auth.email_otps`) != 1 {
		t.Error("want only what expired long ago deleted")
	}
}
