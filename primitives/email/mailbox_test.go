package email_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/email"
	"github.com/insforge/insforge-go/primitives/email/smtp/smtptest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// mailbox returns the mails of GET /mailbox.
func (w *world) mailboxList() []map[string]any {
	w.t.Helper()
	list, _ := w.do("GET", "/api/email/mailbox", "").OK(200).At("data").([]any)
	out := make([]map[string]any, len(list))
	for i, element := range list {
		out[i] = element.(map[string]any)
	}
	return out
}

func TestTheMailboxTakesMailsWhileNoServerIsSet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	if a := w.do("GET", "/api/email/mailbox", "").OK(200); a.At("enabled") != false || a.At("active") != false || len(w.mailboxList()) != 0 {
		t.Errorf("got %s, want it off and empty", a.Text)
	}
	if a := w.do("PUT", "/api/email/mailbox", `{"enabled":true}`).OK(200); a.At("enabled") != true || a.At("active") != true {
		t.Errorf("got %s, want it on", a.Text)
	}
	if ok, err := w.email.Configured(t.Context()); !ok || err != nil {
		t.Errorf("got %t, %v, want configured", ok, err)
	}
	for range 2 { // there is no interval between mails
		if err := w.sendCode("a@example.com"); err != nil {
			t.Fatal(err)
		}
	}
	w.as(resttest.UserToken, "POST", "/api/email/send-raw", `{"to":["a@example.com"],"bcc":"b@example.com","subject":"s","html":"<script>1</script>"}`).OK(200)
	if a := w.do("POST", "/api/auth/smtp-config/test", `{"to":"a@example.com"}`).OK(200); a.At("provider") != "mailbox" {
		t.Errorf("got %s, want the mailbox", a.Text)
	}
	list := w.mailboxList()
	var kinds []string
	for _, m := range list {
		kinds = append(kinds, fmt.Sprint(m["kind"], " ", m["subject"], " ", m["to"], " ", m["bcc"], " ", m["html"]))
	}
	want := []string{
		"test Test of the mail settings [a@example.com] <nil> <nil>",
		"raw s [a@example.com] [b@example.com] <nil>",
		"email-verification-code Verify your email [a@example.com] <nil> <nil>",
		"email-verification-code Verify your email [a@example.com] <nil> <nil>",
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
	path := fmt.Sprint("/api/email/mailbox/", list[3]["id"])
	if a := w.do("GET", path, "").OK(200); !strings.Contains(fmt.Sprint(a.At("html")), secretCode) {
		t.Errorf("got %s, want the code in it", a.Text)
	}
	if !strings.Contains(w.log.String(), `"link":"`+baseURL+path+`"`) {
		t.Errorf("got log %s, want the link %s", w.log, path)
	}
	w.noTrace()

	w.do("DELETE", path, "").OK(200)
	w.do("DELETE", path, "").Refused(404, fault.NotFound, "no such mail")
	w.do("GET", path, "").Refused(404, fault.NotFound, "no such mail")
	w.do("GET", "/api/email/mailbox/1%20OR%201=1", "").Refused(400, fault.InvalidInput, "id: Invalid uuid")
	w.do("DELETE", "/api/email/mailbox/x", "").Refused(400, fault.InvalidInput, "id: Invalid uuid")
	if a := w.do("DELETE", "/api/email/mailbox", "").OK(200); a.At("deleted") != 3.0 || len(w.mailboxList()) != 0 {
		t.Errorf("got %s, want it empty", a.Text)
	}
	if !strings.Contains(w.audits(), `(local:admin,UPDATE_MAILBOX,EMAIL,"{""enabled"": true}")`) {
		t.Errorf("got audit rows %s, want the switch", w.audits())
	}
	w.do("PUT", "/api/email/mailbox", `{}`).Refused(400, fault.InvalidInput, "enabled: Required")
}

func TestTheServersSettingCountsUntilAnAdministratorDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	w.mailbox = true
	w.restart()
	where := func(want email.Delivery) {
		t.Helper()
		if got, err := w.email.Delivery(t.Context()); got != want || err != nil {
			t.Errorf("mails go to %q, %v, want %q", got, err, want)
		}
	}
	where(email.ToMailbox)
	if err := w.sendCode("a@example.com"); err != nil || len(w.mailboxList()) != 1 {
		t.Errorf("got %v and %d mails, want it kept", err, len(w.mailboxList()))
	}
	w.enable(nil)
	where(email.ToSMTP)
	if a := w.do("GET", "/api/email/mailbox", "").OK(200); a.At("enabled") != true || a.At("active") != false {
		t.Errorf("got %s, want it not in use beside a server", a.Text)
	}
	if err := w.sendCode("a@example.com"); err != nil || len(w.server.Mails()) != 1 || len(w.mailboxList()) != 1 {
		t.Errorf("got %v, want the mail at the server", err)
	}
	w.do("PUT", "/api/auth/smtp-config", `{"enabled":false,"port":465}`).OK(200)
	w.do("PUT", "/api/email/mailbox", `{"enabled":false}`).OK(200)
	w.restart()
	where(email.Nowhere)
	if err := w.sendCode("a@example.com"); !fault.Is(err, fault.EmailProviderNotConfigured) {
		t.Errorf("got %v, want EMAIL_PROVIDER_NOT_CONFIGURED", err)
	}
	if len(w.mailboxList()) != 1 {
		t.Error("switching it off emptied it")
	}
}

func TestTheMailboxIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	w.mailbox = true
	w.restart()
	send := func(subject, html string) {
		t.Helper()
		if err := w.email.SendRaw(t.Context(), email.Mail{To: []string{"a@example.com"}, Subject: subject, HTML: html}); err != nil {
			t.Error(err)
		}
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range email.MaxKept/8 + 5 {
				send(fmt.Sprint(i, " ", j), "h")
			}
		})
	}
	group.Wait()
	if got := len(w.mailboxList()); got != email.MaxKept {
		t.Errorf("got %d mails, want %d", got, email.MaxKept)
	}
	send("the newest", "h")
	if list := w.mailboxList(); len(list) != email.MaxKept || list[0]["subject"] != "the newest" {
		t.Errorf("got %d mails, the first %v, want the newest kept", len(list), list[0]["subject"])
	}

	large := strings.Repeat("x", 5_000_000) // ten million sealed
	for i := range 5 {
		send(fmt.Sprint("large ", i), large)
	}
	var subjects []string
	for _, m := range w.mailboxList() {
		subjects = append(subjects, fmt.Sprint(m["subject"]))
	}
	if diff := cmp.Diff([]string{"large 4", "large 3", "large 2"}, subjects); diff != "" {
		t.Error(diff)
	}
	huge := strings.Repeat("x", email.MaxKeptBytes/2+1)
	send("huge", huge)
	if list := w.mailboxList(); len(list) != 1 || list[0]["subject"] != "huge" {
		t.Errorf("got %d mails, want the newest alone", len(list))
	}

	w.clock.Advance(email.KeptFor + time.Second)
	if list := w.mailboxList(); len(list) != 0 {
		t.Errorf("got %d old mails, want none shown", len(list))
	}
	w.work()
	if got := w.text(`SELECT count(*) FROM email.mailbox`); got != "(0)" {
		t.Errorf("got %s old mails, want them deleted", got)
	}
}
