package email_test

import (
	"fmt"
	"net/mail"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/email"
	"github.com/insforge/insforge-go/primitives/email/smtp/smtptest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestSendRaw(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	w.enable(nil)
	body := `{"to":["A@Example.com","b@example.com"],"cc":"c@example.com","bcc":["d@example.com"],"replyTo":"R@example.com",` +
		`"subject":"  Hi\nthere ","html":" <p>x</p> ","from":"Somebody else","extra":1}`
	for _, credential := range []string{resttest.UserToken, resttest.AdminToken, resttest.APIKey} {
		if a := w.as(credential, "POST", "/api/email/send-raw", body).OK(200); a.Text != "{}" {
			t.Errorf("got %q, want {}", a.Text)
		}
		got := w.server.Next()
		if diff := cmp.Diff([]string{"a@example.com", "b@example.com", "c@example.com", "d@example.com"}, got.To); diff != "" {
			t.Error(diff)
		}
		m, err := mail.ReadMessage(strings.NewReader(got.Data))
		if err != nil {
			t.Fatal(err)
		}
		for header, want := range map[string]string{
			"From": `"Shop" <no-reply@example.com>`, "Reply-To": "<r@example.com>", "Subject": "Hi there", "Bcc": "",
		} {
			if got := m.Header.Get(header); got != want {
				t.Errorf("%s: got %q, want %q", header, got, want)
			}
		}
	}
	if w.text(`SELECT * FROM email.outbox`) != "" || strings.Contains(w.audits(), "MAIL ") || strings.Count(w.audits(), "\n") != 0 {
		t.Errorf("got outbox %q and audit rows %q, want neither", w.text(`SELECT * FROM email.outbox`), w.audits())
	}
}

func TestSendRawRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	good := `{"to":"a@example.com","subject":"s","html":"h"}`
	path := "/api/email/send-raw"
	w.as("", "POST", path, good).Refused(401, fault.AuthInvalidCredentials, "No token provided")
	w.as("Bearer x", "POST", path, good).Refused(401, fault.AuthUnauthorized, "Invalid token")
	w.as("Bearer ik_x", "POST", path, good).Refused(401, fault.AuthInvalidAPIKey, "Invalid API key")
	w.as(resttest.AnonKey, "POST", path, good).Refused(401, fault.AuthInvalidCredentials, "Sending emails requires an authenticated user")
	w.as(resttest.UserToken, "POST", path, good).Refused(503, fault.EmailProviderNotConfigured, "No email provider")
	w.do("POST", "/api/auth/smtp-config/test", `{"to":"a@example.com"}`).Refused(503, fault.EmailProviderNotConfigured, "No email provider")
	if err := w.email.SendTemplate(t.Context(), "request-otp", "a@example.com", "", nil, 5*time.Minute); !fault.Is(err, fault.EmailProviderNotConfigured) {
		t.Errorf("got %v, want EMAIL_PROVIDER_NOT_CONFIGURED", err)
	}
	if ok, err := w.email.Configured(t.Context()); ok || err != nil {
		t.Errorf("got %t, %v, want not configured", ok, err)
	}
	w.enable(nil)
	if ok, err := w.email.Configured(t.Context()); !ok || err != nil {
		t.Errorf("got %t, %v, want configured", ok, err)
	}
	many := `["` + strings.Repeat(`a@example.com","`, 50) + `b@example.com"]`
	for body, message := range map[string]string{
		`{}`:                                 "to: Required, subject: Required, html: Required",
		`{"to":[],"subject":"s","html":"h"}`: "to: Array must contain at least 1 element(s)",
		`{"to":` + many + `,"subject":"s","html":"h"}`:                                                            "to: Array must contain at most 50 element(s)",
		`{"to":"a@example.com","cc":` + many + `,"subject":"s","html":"h"}`:                                       "cc: Array must contain at most 50 element(s)",
		`{"to":null,"subject":"s","html":"h"}`:                                                                    "to: Expected string, received null",
		`{"to":{"a":1},"subject":"s","html":"h"}`:                                                                 "to: Expected string, received object",
		`{"to":["a@example.com",7],"subject":"s","html":"h"}`:                                                     "to.1: Expected string, received number",
		`{"to":"a@example.com\r\nBcc: v@example.org","subject":"s","html":"h"}`:                                   "to: Invalid email",
		`{"to":"a@example.com,b@example.com","subject":"s","html":"h"}`:                                           "to: Invalid email",
		`{"to":"A <a@example.com>","subject":"s","html":"h"}`:                                                     "to: Invalid email",
		`{"to":" a@example.com","subject":"s","html":"h"}`:                                                        "to: Invalid email",
		`{"to":"a@example.com","subject":"   ","html":" \n "}`:                                                    "subject: String must contain at least 1 character(s), html: String must contain at least 1 character(s)",
		`{"to":"a@example.com","subject":"` + strings.Repeat("x", 501) + `","html":"h"}`:                          "subject: String must contain at most 500 character(s)",
		`{"to":"a@example.com","subject":"s","html":"h","replyTo":"x","from":"` + strings.Repeat("x", 101) + `"}`: "from: String must contain at most 100 character(s), replyTo: Invalid email",
		`[1]`:   "Expected object, received array",
		`{"to"`: "Invalid JSON",
	} {
		w.as(resttest.UserToken, "POST", path, body).Refused(400, fault.InvalidInput, message)
	}
	huge := `{"to":"a@example.com","subject":"s","html":"` + strings.Repeat("x", 6<<20) + `"}`
	w.as(resttest.UserToken, "POST", path, huge).Refused(413, fault.InvalidInput, "too large")
	if len(w.server.Mails()) != 0 || w.text(`SELECT * FROM email.outbox`) != "" {
		t.Error("a refused mail was sent or stored")
	}
}

func TestAnAddressGetsOneMailPerInterval(t *testing.T) {
	t.Parallel()
	var refuse atomic.Bool
	w := newWorld(t, smtptest.Options{Reply: func(verb, _ string) string {
		if verb == "RCPT" && refuse.Load() {
			return "550 5.1.1 unknown"
		}
		return ""
	}})
	w.enable(map[string]any{"minIntervalSeconds": 60})
	send := func(to string, more string) resttest.Answer {
		t.Helper()
		return w.as(resttest.UserToken, "POST", "/api/email/send-raw", fmt.Sprintf(`{"to":%s,"subject":"s","html":"h"%s}`, to, more))
	}
	send(`"a@example.com"`, "").OK(200)
	w.clock.Advance(20*time.Second + time.Millisecond)
	send(`"A@example.com"`, "").Refused(429, fault.RateLimited, "Too many emails to this address. Retry after 40s.")
	send(`["b@example.com","a@example.com"]`, "").Refused(429, fault.RateLimited, "Retry after 40s.")
	send(`["b@example.com"]`, `,"cc":"a@example.com","bcc":"a@example.com"`).OK(200) // the refusal took nothing
	w.clock.Advance(40 * time.Second)
	send(`"a@example.com"`, "").OK(200)

	// What was not sent does not count.
	refuse.Store(true)
	send(`"c@example.com"`, "").Refused(500, fault.EmailSMTPSendFailed, "could not be sent")
	refuse.Store(false)
	send(`["c@example.com","c@example.com"]`, "").OK(200)
	send(`"c@example.com"`, "").Refused(429, fault.RateLimited, "Retry after 60s.")

	// A test mail is not held up, and 0 switches the interval off at once.
	w.do("POST", "/api/auth/smtp-config/test", `{"to":"c@example.com"}`).OK(200)
	w.enable(map[string]any{"minIntervalSeconds": 0})
	send(`"c@example.com"`, "").OK(200)
}

func TestConcurrentMailsToOneAddressAreOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	w.enable(map[string]any{"minIntervalSeconds": 60})
	var sent, limited atomic.Int32
	var group sync.WaitGroup
	for range 24 {
		group.Go(func() {
			err := w.email.SendTemplate(t.Context(), "request-otp", "a@example.com", "", map[string]string{"token": "123456"}, 5*time.Minute)
			switch {
			case err == nil:
				sent.Add(1)
			case fault.Is(err, fault.RateLimited):
				limited.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if sent.Load() != 1 || limited.Load() != 23 || len(w.server.Mails()) != 1 {
		t.Errorf("got %d sent, %d limited, %d mails, want 1, 23, 1", sent.Load(), limited.Load(), len(w.server.Mails()))
	}
}

func TestManyMailsAtOnceAreAllDeliveredOnce(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int32
	w := newWorld(t, smtptest.Options{Reply: func(verb, _ string) string {
		switch verb {
		case "MAIL":
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
		case "END":
			now.Add(-1)
		}
		return ""
	}})
	w.enable(nil)
	var group sync.WaitGroup
	for i := range 60 {
		group.Go(func() {
			if err := w.email.SendRaw(t.Context(), email.Mail{To: []string{fmt.Sprintf("u%d@example.com", i)}, Subject: "s", HTML: "h"}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	seen := map[string]int{}
	for _, m := range w.server.Mails() {
		seen[m.To[0]]++
	}
	if len(seen) != 60 || len(w.server.Mails()) != 60 || most.Load() > email.MaxSessions {
		t.Errorf("got %d recipients, %d mails, %d sessions at once", len(seen), len(w.server.Mails()), most.Load())
	}
	if rest := w.text(`SELECT * FROM email.outbox`); rest != "" {
		t.Errorf("got %s left in the outbox", rest)
	}
}

func TestTestMailReportsWhatTheServerSaid(t *testing.T) {
	t.Parallel()
	var refuse atomic.Bool
	w := newWorld(t, smtptest.Options{Reply: func(verb, argument string) string {
		if verb == "RCPT" && refuse.Load() {
			return "550 5.7.1 domain not verified"
		}
		return ""
	}})
	w.enable(nil)
	a := w.do("POST", "/api/auth/smtp-config/test", `{"to":"Me@example.com"}`).OK(200)
	if got := w.server.Next(); a.At("provider") != "smtp" || !strings.Contains(got.Data, fmt.Sprintf("<%s>", a.At("id"))) || got.To[0] != "me@example.com" {
		t.Errorf("got %s for %+v, want the receipt of the mail", a.Text, got)
	}
	refuse.Store(true)
	w.do("POST", "/api/auth/smtp-config/test", `{"to":"me@example.com"}`).Refused(500, fault.EmailSMTPSendFailed, `550 "5.7.1 domain not verified"`)
	w.do("POST", "/api/auth/smtp-config/test", `{"to":"me"}`).Refused(400, fault.InvalidInput, "to: Invalid email")
	if !strings.Contains(w.audits(), `(local:admin,SEND_TEST_EMAIL,EMAIL,"{""to"": ""me@example.com""}")`) {
		t.Errorf("got audit rows %s, want the tests", w.audits())
	}
	if got := w.text(`SELECT * FROM email.outbox`); got != "" {
		t.Errorf("got %s in the outbox", got)
	}
}
