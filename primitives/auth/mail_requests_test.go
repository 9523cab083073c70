package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/auth"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

var mailRoutes = []string{"send-otp", "send-verification", "send-reset-password"}

func TestAMailRequestDoesNotRevealWhetherAnAccountExists(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"code", "link"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			w := mailing(t, map[string]any{"verifyEmailMethod": method, "resetPasswordMethod": method})
			w.signUp("known@b.co")
			for _, route := range []string{"send-verification", "send-reset-password"} {
				w.clock.Advance(time.Minute)
				var answers []string
				for _, email := range []string{"unknown@b.co", "known@b.co"} {
					a := w.accepted(w.post(route, map[string]any{"email": email, "redirectTo": "https://app.example.com/x"}))
					a.Header.Del("Date")
					answers = append(answers, a.Text+fmt.Sprint(a.Header))
				}
				if answers[0] != answers[1] {
					t.Errorf("%s: got %s and %s, want them alike", route, answers[0], answers[1])
				}
				if !strings.Contains(answers[0], method) {
					t.Errorf("%s: got %s, want it to name the %s", route, answers[0], method)
				}
				<-w.mail.got
			}
			w.wantMails("email-verification-"+method+" known@b.co", "reset-password-"+method+" known@b.co")
		})
	}
}

// A request for an address without an account leaves the same traces, so that
// later answers do not give it away either.
func TestGuessingACodeDoesNotRevealWhetherAnAccountExists(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("known@b.co")
	traces := map[string][]string{}
	for _, email := range []string{"unknown@b.co", "known@b.co"} {
		w.accepted(w.post("send-reset-password", map[string]any{"email": email}))
		for range 5 {
			a := w.post("exchange-reset-password-token", map[string]any{"email": email, "code": "000000"})
			traces[email] = append(traces[email], fmt.Sprint(a.Status, a.Text,
				w.count(`SELECT attempts_count FROM auth.email_otps WHERE email = $1`, email),
				w.count(`SELECT count(*) FROM auth.email_otps WHERE email = $1 AND consumed_at IS NOT NULL`, email)))
		}
	}
	if strings.HasPrefix(traces["known@b.co"][0], "200") || strings.HasPrefix(traces["unknown@b.co"][0], "200") {
		return // guessed, one time in a million
	}
	if diff := cmp.Diff(traces["known@b.co"], traces["unknown@b.co"]); diff != "" {
		t.Errorf("-known +unknown\n%s", diff)
	}
}

func TestAnAnswerDoesNotWaitForTheMail(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	release := make(chan struct{})
	w.mail.set(func(m *mailbox) { m.hold = release })
	w.accepted(w.post("send-reset-password", map[string]any{"email": "a@b.co"})) // would hang
	w.clock.Advance(time.Minute)
	w.mail.set(func(m *mailbox) { m.err = fault.New(500, fault.EmailSMTPSendFailed, "no") })
	w.accepted(w.post("send-verification", map[string]any{"email": "a@b.co"}))
	close(release)
	w.wantMails("reset-password-code a@b.co")
}

func TestMailsThatWaitAreSentBeforeTheEnd(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	w.stop()
	w.accepted(w.post("send-reset-password", map[string]any{"email": "a@b.co"}))
	inBackground(w.auth.Run)() // begins and ends
	w.wantMails("reset-password-code a@b.co")
}

func TestWithoutAMailServiceEveryRequestIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signUp("known@b.co")
	for _, route := range mailRoutes {
		w.clock.Advance(time.Minute)
		for _, email := range []string{"unknown@b.co", "known@b.co"} {
			w.post(route, map[string]any{"email": email}).Refused(503, fault.EmailProviderNotConfigured, "No e-mail service is set up")
		}
	}
	if n := w.count(`SELECT count(*) FROM auth.email_otps`); n != 0 {
		t.Errorf("got %d secrets made for nothing, want 0", n)
	}
}

func TestMailRequestsAreValidated(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	for body, message := range map[string]string{
		`{}`:                                "email: Required",
		``:                                  "email: Required",
		`[]`:                                "Expected object",
		`{"email":`:                         "Invalid JSON body",
		`{"email":["a@b.co"]}`:              "email: Expected string, received array",
		`{"email":"a@b.co, c@d.co"}`:        "email: Invalid email",
		`{"email":"a@b.co\r\nBcc: x@y.zz"}`: "email: Invalid email",
		`{"email":"b@b.co\u0000"}`:          "email: Invalid email",
		"{\"email\":\"a\xff@b.co\"}":        "UTF-8",
		`{"email":"` + strings.Repeat("x", 5000) + `@b.co"}`: "email: Invalid email",
	} {
		for _, route := range mailRoutes {
			w.clock.Advance(time.Minute)
			w.post(route, body).Refused(400, invalid, message)
		}
	}
	for redirect, message := range map[string]string{
		`"here"`: "redirectTo: Invalid url",
		`7`:      "redirectTo: Expected string, received number",
		`"https://a.co/` + strings.Repeat("x", 3000) + `"`: "redirectTo: String must contain at most 2048 character(s)",
	} {
		for _, route := range mailRoutes[1:] {
			w.clock.Advance(time.Minute)
			w.post(route, `{"email":"a@b.co","redirectTo":`+redirect+`}`).Refused(400, invalid, message)
		}
	}
	w.do("PUT", "/api/auth/config", map[string]any{"verifyEmailMethod": "link", "resetPasswordMethod": "link"}, bearer(apiKey)).OK(200)
	for _, redirect := range []string{"javascript:alert(1)", "JavaScript://a.co/%0aalert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x"} {
		for _, route := range mailRoutes[1:] {
			w.clock.Advance(time.Minute)
			w.post(route, map[string]any{"email": "a@b.co", "redirectTo": redirect}).Refused(400, invalid, "not an allowed redirect")
		}
	}
	w.wantMails()
}

func TestAClientMayAskForFiveMails(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	ask := func(i int, ip string) resttest.Answer {
		return w.do("POST", "/api/auth/email/"+mailRoutes[i%3], map[string]any{"email": fmt.Sprintf("u%d@b.co", i)}, with{resttest.ClientIPHeader, ip})
	}
	for i := range 5 {
		a := w.accepted(ask(i, "192.0.2.1"))
		if got, want := a.Header.Get("RateLimit-Policy")+" "+a.Header.Get("RateLimit-Remaining"), fmt.Sprintf("5;w=900 %d", 4-i); got != want {
			t.Errorf("got budget %s, want %s", got, want)
		}
	}
	for i := 5; i < 8; i++ {
		a := ask(i, "192.0.2.1").Refused(429, fault.TooManyRequests, "Too many requests for e-mails")
		if a.Header.Get("Retry-After") != "900" {
			t.Errorf("got Retry-After %q, want 900", a.Header.Get("Retry-After"))
		}
	}
	w.accepted(ask(8, "192.0.2.2"))
	w.clock.Advance(15 * time.Minute)
	w.accepted(ask(9, "192.0.2.1"))
}

func TestAnAddressCoolsDown(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.accepted(w.post("send-otp", map[string]any{"email": "a@b.co"}))
	w.clock.Advance(17 * time.Second)
	for i, email := range []string{"a@b.co", "A@B.CO", "a@b.co"} {
		a := w.post(mailRoutes[i], map[string]any{"email": email}).Refused(429, fault.TooManyRequests, "43 seconds")
		if a.Header.Get("Retry-After") != "43" {
			t.Errorf("got Retry-After %q, want 43", a.Header.Get("Retry-After"))
		}
	}
	w.accepted(w.post("send-otp", map[string]any{"email": "other@b.co"}))
	w.clock.Advance(43 * time.Second)
	w.accepted(w.post("send-otp", map[string]any{"email": "a@b.co"}))

	// It counts before the address is validated.
	w.post("send-otp", map[string]any{"email": "no address"}).Refused(400, invalid, "email: Invalid email")
	w.post("send-otp", map[string]any{"email": "No Address"}).Refused(429, fault.TooManyRequests, "60 seconds")
	for range 2 {
		w.post("send-otp", map[string]any{}).Refused(400, invalid, "email: Required")
	}
}

func TestTenWrongCodesAreEnoughForAClient(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	w.signUp("a@b.co")
	here := with{resttest.ClientIPHeader, "192.0.2.7"}
	requests := []func() resttest.Answer{
		func() resttest.Answer {
			return w.do("POST", "/api/auth/email/verify", `{"email":"a@b.co","otp":"000000"}`, here)
		},
		func() resttest.Answer {
			return w.do("POST", "/api/auth/sessions", `{"method":"otp","email":"a@b.co","otp":"000000"}`, here)
		},
		func() resttest.Answer {
			return w.do("POST", "/api/auth/email/exchange-reset-password-token", `{"email":"a@b.co","code":"000000"}`, here)
		},
		func() resttest.Answer {
			return w.do("POST", "/api/auth/email/reset-password", `{"newPassword":"hunter22","otp":"`+strings.Repeat("0", 64)+`"}`, here)
		},
		func() resttest.Answer { return w.do("POST", "/api/auth/email/verify", `{}`, here) },
	}
	// Successes do not count.
	for range 3 {
		code := w.signInCode("b@b.co")
		w.do("POST", "/api/auth/sessions", map[string]any{"method": "otp", "email": "b@b.co", "otp": code}, here).OK(200)
	}
	for i := range 10 {
		requests[i%len(requests)]().Refused(400, invalid, "")
	}
	for _, request := range slices.All(requests) {
		request().Refused(429, fault.TooManyRequests, "Too many failed attempts with a code")
	}
	code := w.signInCode("b@b.co")
	w.do("POST", "/api/auth/sessions", map[string]any{"method": "otp", "email": "b@b.co", "otp": code}, here).Refused(429, fault.TooManyRequests, "")
	// The limiter concerns neither passwords nor other clients.
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": password}, here).OK(200)
	w.signInByCode("b@b.co", code).OK(200)
}

func TestMailRoutesNeedNoCredentialAndTakeNone(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	for i, credential := range []with{bearer("garbage"), bearer("ik_wrong"), {"x-api-key", "wrong"}} {
		w.accepted(w.do("POST", "/api/auth/email/send-otp", map[string]any{"email": fmt.Sprintf("u%d@b.co", i)}, w.fresh(), credential))
	}
	for _, route := range append(slices.Clone(mailRoutes), "verify", "exchange-reset-password-token", "reset-password") {
		if a := w.do("GET", "/api/auth/email/"+route, nil); a.Status != http.StatusMethodNotAllowed && a.Status != http.StatusNotFound {
			t.Errorf("GET %s: got %d, want it refused", route, a.Status)
		}
		huge := `{"email":"a@b.co","x":"` + strings.Repeat("x", 2<<20) + `"}`
		w.post(route, huge).Refused(413, invalid, "too large")
	}
}

// While mails stay in the mailbox, a developer on the same machine may request
// as many as there are addresses. Everyone else is limited, and so is the
// developer once mails leave the machine.
func TestADeveloperWithAMailboxIsNotLimited(t *testing.T) {
	t.Parallel()
	w := mailing(t, nil)
	var kept atomic.Bool
	w.restart(func(d *auth.Deps) {
		d.MailboxOn = func(context.Context) (bool, error) { return kept.Load(), nil }
	})
	n := 0
	ask := func(from string) resttest.Answer {
		n++
		return w.do("POST", "/api/auth/email/send-verification", map[string]any{"email": fmt.Sprintf("a%d@b.co", n)}, with{resttest.ClientIPHeader, from})
	}
	kept.Store(true)
	for _, developer := range []string{"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"} {
		for range 7 {
			w.accepted(ask(developer))
		}
	}
	again := map[string]any{"email": fmt.Sprintf("A%d@b.co", n)}
	w.clock.Advance(17 * time.Second)
	w.do("POST", "/api/auth/email/send-otp", again, with{resttest.ClientIPHeader, "::1"}).Refused(429, fault.TooManyRequests, "43 seconds")
	for range 5 {
		w.accepted(ask("192.0.2.1"))
	}
	ask("192.0.2.1").Refused(429, fault.TooManyRequests, "Too many requests for e-mails")
	kept.Store(false)
	for range 5 {
		w.accepted(ask("127.0.0.1"))
	}
	ask("127.0.0.1").Refused(429, fault.TooManyRequests, "Too many requests for e-mails")
}
