package auth_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

const (
	verifyLink = "/api/auth/email/verify-link"
	resetLink  = "/api/auth/email/reset-password-link"
)

// signUpUnverified signs up while addresses must be verified.
func (w *world) signUpUnverified(email, redirect string) {
	w.t.Helper()
	body := map[string]any{"email": email, "password": password, "name": "Ada"}
	if redirect != "" {
		body["redirectTo"] = redirect
	}
	a := w.do("POST", "/api/auth/users", body, bearer(anonKey)).OK(200)
	if diff := cmp.Diff(map[string]any{"accessToken": nil, "requireEmailVerification": true}, a.Body); diff != "" {
		w.t.Errorf("sign-up: -want +got\n%s", diff)
	}
	if a.Cookie(userCookie) != nil {
		w.t.Error("sign-up set a cookie before the address was verified")
	}
}

// open follows a link and returns where it leads.
func (w *world) open(path, token string, headers ...with) resttest.Answer {
	w.t.Helper()
	return w.do("GET", path+"?token="+token, nil, headers...)
}

// leadsTo fails the test unless the answer is a redirect to this address.
func (w *world) leadsTo(a resttest.Answer, want string) {
	w.t.Helper()
	if got := a.Header.Get("Location"); a.Status != http.StatusFound || got != want {
		w.t.Errorf("got %d to %q, want 302 to %q", a.Status, got, want)
	}
	if a.Header.Get("Referrer-Policy") != "no-referrer" || a.Header.Get("Cache-Control") != "no-store" {
		w.t.Errorf("got headers %v, want the link kept from the page and from caches", a.Header)
	}
}

func TestVerificationByCode(t *testing.T) {
	t.Parallel()
	w := mailing(t, map[string]any{"requireEmailVerification": true})
	w.signUpUnverified("Ada@b.co", "")
	mail := w.mail.next(t, "email-verification-code", "ada@b.co")
	code := mail.variables["token"]
	if mail.name != "Ada" {
		t.Errorf("got a mail to %q, want the name of the profile", mail.name)
	}
	signIn := map[string]any{"email": "ada@b.co", "password": password}
	w.do("POST", "/api/auth/sessions", signIn).Refused(403, fault.Forbidden, "Email verification required")
	w.post("verify", map[string]any{"email": "ada@b.co", "otp": otherCode(code)}).Refused(400, invalid, "Invalid or expired verification code")

	a := w.post("verify?client_type=mobile", map[string]any{"email": "ADA@b.co", "otp": code}).OK(200)
	if got, want := a.Names(), "accessToken refreshToken user"; got != want {
		t.Errorf("got keys %s, want %s", got, want)
	}
	if a.At("user", "emailVerified") != true {
		t.Errorf("got %s, want a verified user", a.Text)
	}
	w.do("GET", "/api/auth/sessions/current", nil, bearer(a.String("accessToken"))).OK(200)
	w.do("POST", "/api/auth/refresh?client_type=mobile", map[string]any{"refreshToken": a.String("refreshToken")}).OK(200)
	w.do("POST", "/api/auth/sessions", signIn).OK(200)
	w.post("verify", map[string]any{"email": "ada@b.co", "otp": code}).Refused(400, invalid, "Invalid or expired verification code")
}

func TestACodeIsGoodForItsPurposeOnly(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	w.accepted(w.post("send-verification", map[string]any{"email": "a@b.co"}))
	verify := w.mail.code(t, "email-verification-code", "a@b.co")
	w.clock.Advance(time.Minute)
	w.accepted(w.post("send-reset-password", map[string]any{"email": "a@b.co"}))
	reset := w.mail.code(t, "reset-password-code", "a@b.co")
	w.clock.Advance(time.Minute)
	w.accepted(w.post("send-otp", map[string]any{"email": "a@b.co"}))
	signIn := w.mail.code(t, "request-otp", "a@b.co")
	if verify == reset || reset == signIn || verify == signIn {
		return // three random codes that are not distinct prove nothing
	}
	const message = "Invalid or expired verification code"
	for _, code := range []string{reset, signIn} {
		w.post("verify", map[string]any{"email": "a@b.co", "otp": code}).Refused(400, invalid, message)
	}
	for _, code := range []string{verify, signIn} {
		w.post("exchange-reset-password-token", map[string]any{"email": "a@b.co", "code": code}).Refused(400, invalid, message)
	}
	for _, code := range []string{verify, reset} {
		w.do("POST", "/api/auth/sessions", map[string]any{"method": "otp", "email": "a@b.co", "otp": code}, w.fresh()).Refused(400, invalid, message)
	}
	// Each still works for its own purpose.
	w.post("verify", map[string]any{"email": "a@b.co", "otp": verify}).OK(200)
	w.post("exchange-reset-password-token", map[string]any{"email": "a@b.co", "code": reset}).OK(200)
	w.do("POST", "/api/auth/sessions", map[string]any{"method": "otp", "email": "a@b.co", "otp": signIn}).OK(200)
}

func TestACodeOfAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	w.signUp("victim@b.co")
	for _, email := range []string{"a@b.co", "victim@b.co"} {
		w.accepted(w.post("send-reset-password", map[string]any{"email": email}))
	}
	codes := map[string]string{}
	for range 2 {
		mail := <-w.mail.got
		codes[mail.to] = mail.variables["token"]
	}
	if codes["a@b.co"] == codes["victim@b.co"] {
		return // two equal random codes prove nothing
	}
	w.post("exchange-reset-password-token", map[string]any{"email": "victim@b.co", "code": codes["a@b.co"]}).Refused(400, invalid, "")
}

func TestThreeWrongCodesEndTheRightOne(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	request := func() string {
		t.Helper()
		w.clock.Advance(time.Minute)
		w.accepted(w.post("send-verification", map[string]any{"email": "a@b.co"}))
		return w.mail.code(t, "email-verification-code", "a@b.co")
	}
	verify := func(code string) resttest.Answer {
		t.Helper()
		return w.post("verify", map[string]any{"email": "a@b.co", "otp": code})
	}
	code := request()
	for i := range 2 {
		verify(otherCode(code)).Refused(400, invalid, "")
		if n := w.count(`SELECT attempts_count FROM auth.email_otps WHERE consumed_at IS NULL`); n != i+1 {
			t.Errorf("got %d attempts counted, want %d", n, i+1)
		}
	}
	verify(code).OK(200) // two are forgiven

	code = request()
	for range 3 {
		verify(otherCode(code)).Refused(400, invalid, "")
	}
	verify(code).Refused(400, invalid, "Invalid or expired verification code")

	verify(request()).OK(200) // a new code resets the count
}

func TestWrongCodesAtOnceAreCountedOneByOne(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	w.accepted(w.post("send-verification", map[string]any{"email": "a@b.co"}))
	code := w.mail.code(t, "email-verification-code", "a@b.co")
	var group sync.WaitGroup
	for range 12 {
		group.Go(func() {
			w.post("verify", map[string]any{"email": "a@b.co", "otp": otherCode(code)}).Refused(400, invalid, "")
		})
	}
	group.Wait()
	if n := w.count(`SELECT count(*) FROM auth.email_otps WHERE attempts_count = 3 AND consumed_at IS NOT NULL`); n != 1 {
		t.Error("want exactly three attempts counted, and the code consumed by the third")
	}
	w.post("verify", map[string]any{"email": "a@b.co", "otp": code}).Refused(400, invalid, "")
}

func TestOneCodeIsGoodForOneRequest(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	w.accepted(w.post("send-verification", map[string]any{"email": "a@b.co"}))
	verify := w.mail.code(t, "email-verification-code", "a@b.co")
	w.clock.Advance(time.Minute)
	w.accepted(w.post("send-reset-password", map[string]any{"email": "a@b.co"}))
	reset := w.mail.code(t, "reset-password-code", "a@b.co")
	w.clock.Advance(time.Minute)
	w.accepted(w.post("send-otp", map[string]any{"email": "new@b.co"}))
	signIn := w.mail.code(t, "request-otp", "new@b.co")

	w.winsOnce("verify", func() resttest.Answer {
		return w.post("verify", map[string]any{"email": "a@b.co", "otp": verify})
	})
	var mu sync.Mutex
	token := ""
	w.winsOnce("exchange", func() resttest.Answer {
		a := w.post("exchange-reset-password-token", map[string]any{"email": "a@b.co", "code": reset})
		if a.Status == http.StatusOK {
			mu.Lock()
			defer mu.Unlock()
			token = a.String("token")
		}
		return a
	})
	w.winsOnce("reset", func() resttest.Answer {
		return w.post("reset-password", map[string]any{"newPassword": "another one", "otp": token})
	})
	w.winsOnce("sign-in", func() resttest.Answer {
		return w.do("POST", "/api/auth/sessions", map[string]any{"method": "otp", "email": "new@b.co", "otp": signIn}, w.fresh())
	})
}

// winsOnce fails the test unless exactly one of several requests at once is
// answered with 200, and the others with 400.
func (w *world) winsOnce(what string, request func() resttest.Answer) {
	w.t.Helper()
	const callers = 6
	statuses := make(chan int, callers)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() { statuses <- request().Status })
	}
	group.Wait()
	close(statuses)
	counts := map[int]int{}
	for status := range statuses {
		counts[status]++
	}
	if diff := cmp.Diff(map[int]int{200: 1, 400: callers - 1}, counts); diff != "" {
		w.t.Errorf("%s: -want +got\n%s", what, diff)
	}
}

func TestCodesExpire(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	for _, tc := range []struct {
		send, template string
		life           time.Duration
		redeem         func(code string) resttest.Answer
	}{
		{"send-verification", "email-verification-code", 15 * time.Minute, func(code string) resttest.Answer {
			return w.post("verify", map[string]any{"email": "a@b.co", "otp": code})
		}},
		{"send-reset-password", "reset-password-code", 15 * time.Minute, func(code string) resttest.Answer {
			return w.post("exchange-reset-password-token", map[string]any{"email": "a@b.co", "code": code})
		}},
		{"send-otp", "request-otp", 5 * time.Minute, func(code string) resttest.Answer {
			return w.do("POST", "/api/auth/sessions", map[string]any{"method": "otp", "email": "a@b.co", "otp": code}, w.fresh())
		}},
	} {
		for _, early := range []time.Duration{0, time.Second} {
			w.clock.Advance(time.Minute)
			w.accepted(w.post(tc.send, map[string]any{"email": "a@b.co"}))
			code := w.mail.code(t, tc.template, "a@b.co")
			w.clock.Advance(tc.life - early)
			if a := tc.redeem(code); early > 0 {
				a.OK(200)
			} else {
				a.Refused(400, invalid, "Invalid or expired verification code")
			}
		}
	}
}

func TestANewMailEndsTheOneBefore(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	var codes []string
	for range 2 {
		w.accepted(w.post("send-verification", map[string]any{"email": "a@b.co"}))
		codes = append(codes, w.mail.code(t, "email-verification-code", "a@b.co"))
		w.clock.Advance(time.Minute)
	}
	if codes[0] == codes[1] {
		return // two equal random codes prove nothing
	}
	w.post("verify", map[string]any{"email": "a@b.co", "otp": codes[0]}).Refused(400, invalid, "")
	w.post("verify", map[string]any{"email": "a@b.co", "otp": codes[1]}).OK(200)
	if n := w.count(`SELECT count(*) FROM auth.email_otps`); n != 1 {
		t.Errorf("got %d rows, want one of each address and purpose", n)
	}
}

func TestVerificationOfADeletedUserUsesNothingUp(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	w.accepted(w.post("send-verification", map[string]any{"email": "a@b.co"}))
	code := w.mail.code(t, "email-verification-code", "a@b.co")
	w.sql(`DELETE FROM auth.users`)
	for range 2 {
		w.post("verify", map[string]any{"email": "a@b.co", "otp": code}).Refused(500, fault.InternalError, "Failed to verify code")
	}
	if n := w.count(`SELECT count(*) FROM auth.email_otps WHERE consumed_at IS NULL AND attempts_count = 0`); n != 1 {
		t.Error("the code was used up for nothing")
	}
}

func TestVerificationByLink(t *testing.T) {
	t.Parallel()
	w := mailing(t, map[string]any{
		"requireEmailVerification": true, "verifyEmailMethod": "link",
		"allowedRedirectUrls": []string{"https://app.example.com/**", "myapp://auth/*"},
	})
	const redirect = "https://app.example.com/welcome?z=1&insforge_status=fake&a=%20b#top"
	const back = "https://app.example.com/welcome?z=1&a=%20b&"
	w.signUpUnverified("a@b.co", redirect)
	token := w.mail.link(t, "email-verification-link", "a@b.co", verifyLink)

	// Checking the link without opening it does not use it up.
	if a := w.do("HEAD", verifyLink+"?token="+token, nil); a.Status != http.StatusOK {
		t.Errorf("HEAD: got %d, want 200", a.Status)
	}
	for _, ahead := range []with{{"Sec-Purpose", "prefetch;prerender"}, {"Purpose", "prefetch"}} {
		if a := w.open(verifyLink, token, ahead); a.Status != http.StatusServiceUnavailable {
			t.Errorf("%v: got %d, want 503", ahead, a.Status)
		}
	}
	if n := w.count(`SELECT count(*) FROM auth.users WHERE email_verified`); n != 0 {
		t.Fatal("looking at the link verified the address")
	}

	a := w.open(verifyLink, token)
	w.leadsTo(a, back+"insforge_status=success&insforge_type=verify_email#top")
	if len(a.Header.Values("Set-Cookie")) != 0 || strings.Contains(a.Header.Get("Location"), token) {
		t.Errorf("got %v, want no session and no token", a.Header)
	}
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": password}).OK(200)
	w.leadsTo(w.open(verifyLink, token), back+"insforge_status=error&insforge_type=verify_email&insforge_error=The+verification+link+was+already+used.#top")

	w.signUpUnverified("c@b.co", "myapp://auth/done")
	token = w.mail.link(t, "email-verification-link", "c@b.co", verifyLink)
	w.clock.Advance(24 * time.Hour)
	w.leadsTo(w.open(verifyLink, token), "myapp://auth/done?insforge_status=error&insforge_type=verify_email&insforge_error=Invalid+or+expired+verification+link.")
	if n := w.count(`SELECT count(*) FROM auth.users WHERE email = 'c@b.co' AND email_verified`); n != 0 {
		t.Error("an expired link verified the address")
	}
}

func TestALinkBeginsWithTheConfiguredAddress(t *testing.T) {
	t.Parallel()
	w := mailing(t, map[string]any{"verifyEmailMethod": "link", "resetPasswordMethod": "link"})
	w.signUp("a@b.co")
	for path, want := range map[string][2]string{
		"send-verification":   {"email-verification-link", verifyLink},
		"send-reset-password": {"reset-password-link", resetLink},
	} {
		w.clock.Advance(time.Minute)
		w.accepted(w.do("POST", "/api/auth/email/"+path, map[string]any{"email": "a@b.co", "redirectTo": "https://app.example.com"}, w.fresh(),
			with{"Host", "evil.example"}, with{"X-Forwarded-Host", "evil.example"}, with{"X-Forwarded-Proto", "http"},
			with{"Forwarded", "host=evil.example"}, with{"Origin", "https://evil.example"}, with{"X-Original-Host", "evil.example"}))
		w.mail.link(t, want[0], "a@b.co", want[1])
	}
}

func TestLinksThatLeadNowhere(t *testing.T) {
	t.Parallel()
	w := mailing(t, map[string]any{"verifyEmailMethod": "link", "resetPasswordMethod": "link"})
	w.signUp("a@b.co")
	request := func(path, template, link string) string {
		t.Helper()
		w.clock.Advance(time.Minute)
		w.accepted(w.post(path, map[string]any{"email": "a@b.co", "redirectTo": "https://app.example.com/x"}))
		return w.mail.link(t, template, "a@b.co", link)
	}
	verify := request("send-verification", "email-verification-link", verifyLink)
	reset := request("send-reset-password", "reset-password-link", resetLink)

	for _, token := range []string{"", "x", strings.Repeat("0", 64), strings.Repeat("z", 64), verify + "0", verify[:63], strings.ToUpper(verify),
		url.QueryEscape("' OR 1=1 --"), "%00", "%ff", strings.Repeat("a", 4000)} {
		w.open(verifyLink, token).Refused(400, invalid, "")
		w.open(resetLink, token).Refused(400, invalid, "")
	}
	// A token for one purpose is refused for the other.
	w.open(verifyLink, reset).Refused(400, invalid, "")
	w.open(resetLink, verify).Refused(400, invalid, "")

	w.do("PUT", "/api/auth/config", map[string]any{"allowedRedirectUrls": []string{"https://other.example.com"}}, bearer(apiKey)).OK(200)
	w.open(verifyLink, verify).Refused(400, invalid, "not an allowed redirect")
	w.open(resetLink, reset).Refused(400, invalid, "not an allowed redirect")
	if n := w.count(`SELECT count(*) FROM auth.users WHERE email_verified`); n != 0 {
		t.Error("a link that leads nowhere verified the address")
	}

	// The token of an exchanged code has no page to lead to.
	w.do("PUT", "/api/auth/config", map[string]any{"allowedRedirectUrls": nil, "resetPasswordMethod": "code"}, bearer(apiKey)).OK(200)
	w.clock.Advance(time.Minute)
	w.accepted(w.post("send-reset-password", map[string]any{"email": "a@b.co"}))
	code := w.mail.code(t, "reset-password-code", "a@b.co")
	exchanged := w.post("exchange-reset-password-token", map[string]any{"email": "a@b.co", "code": code}).OK(200).String("token")
	w.open(resetLink, exchanged).Refused(400, invalid, "")
}

func TestAVerificationLinkOpenedTwiceAtOnceVerifiesOnce(t *testing.T) {
	t.Parallel()
	w := mailing(t, map[string]any{"verifyEmailMethod": "link"})
	w.signUp("a@b.co")
	w.accepted(w.post("send-verification", map[string]any{"email": "a@b.co", "redirectTo": "https://app.example.com/x"}))
	token := w.mail.link(t, "email-verification-link", "a@b.co", verifyLink)
	const callers = 6
	won := make(chan bool, callers)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			a := w.do("GET", verifyLink+"?token="+token, nil)
			won <- strings.Contains(a.Header.Get("Location"), "insforge_status=success")
		})
	}
	group.Wait()
	close(won)
	n := 0
	for ok := range won {
		if ok {
			n++
		}
	}
	if n != 1 {
		t.Errorf("got %d successes, want 1", n)
	}
}

func TestSignUpWhenTheMailFails(t *testing.T) {
	t.Parallel()
	w := mailing(t, map[string]any{"requireEmailVerification": true})
	sub := w.bus.Subscribe()
	defer sub.Close()
	for email, tc := range map[string]struct {
		err    error
		status int
	}{
		"smtp@b.co":  {fault.New(500, fault.EmailSMTPSendFailed, "no"), 500},
		"often@b.co": {fault.New(429, fault.RateLimited, "no"), 429},
		"gone@b.co":  {context.DeadlineExceeded, 500},
	} {
		w.mail.set(func(m *mailbox) { m.err = tc.err })
		body := map[string]any{"email": email, "password": password}
		w.do("POST", "/api/auth/users", body, bearer(anonKey)).
			Refused(tc.status, fault.AuthVerificationEmailDeliveryFailed, "The account was created")
		if n := w.count(`SELECT count(*) FROM auth.users WHERE email = $1 AND NOT email_verified`, email); n != 1 {
			t.Errorf("%s: got %d users, want the one who signed up", email, n)
		}
		w.do("POST", "/api/auth/users", body, bearer(anonKey)).Refused(409, fault.AuthEmailExists, "")
	}
	select {
	case e := <-sub.C():
		t.Errorf("a failed sign-up announced %v", e)
	default:
	}
	w.mail.set(func(m *mailbox) { m.err = nil })
	w.accepted(w.post("send-verification", map[string]any{"email": "smtp@b.co"}))
	code := w.mail.code(t, "email-verification-code", "smtp@b.co")
	w.post("verify", map[string]any{"email": "smtp@b.co", "otp": code}).OK(200)
}

// A mail that is not sent must not void the one that was: a user who asks again
// too soon still has the first code.
func TestAMailThatIsNotSentLeavesTheOneBeforeGood(t *testing.T) {
	t.Parallel()
	w := mailing(t, map[string]any{"requireEmailVerification": true})
	w.signUpUnverified("a@b.co", "")
	code := w.mail.code(t, "email-verification-code", "a@b.co")
	w.post("verify", map[string]any{"email": "a@b.co", "otp": otherCode(code)}).Refused(400, invalid, "")
	w.clock.Advance(10 * time.Second)
	w.mail.set(func(m *mailbox) { m.err = fault.New(429, fault.RateLimited, "too soon") })
	w.accepted(w.post("send-verification", map[string]any{"email": "a@b.co"}))
	w.post("send-otp", map[string]any{"email": "new@b.co"}).Refused(429, fault.RateLimited, "too soon")
	w.stop() // the mail was tried
	if n := w.count(`SELECT attempts_count FROM auth.email_otps WHERE email = 'a@b.co' AND expires_at = $1`, w.clock.Now().Add(15*time.Minute-10*time.Second)); n != 1 {
		t.Errorf("got %d attempts, want the row as it was", n)
	}
	w.post("verify", map[string]any{"email": "a@b.co", "otp": code}).OK(200)
}
