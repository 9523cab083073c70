package email_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/email/smtp/smtptest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestOnlyAdministratorsMayUseTheRoutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	for _, route := range []string{
		"GET /api/auth/smtp-config", "PUT /api/auth/smtp-config", "POST /api/auth/smtp-config/test",
		"GET /api/auth/email-templates", "PUT /api/auth/email-templates/request-otp", "POST /api/auth/email-templates/request-otp/preview",
		"GET /api/email/mailbox", "PUT /api/email/mailbox", "DELETE /api/email/mailbox",
		"GET /api/email/mailbox/00000000-0000-4000-8000-000000000000", "DELETE /api/email/mailbox/00000000-0000-4000-8000-000000000000",
		"GET /api/email/outbox",
	} {
		method, path, _ := strings.Cut(route, " ")
		w.routes.OnlyAdmins(method, path, "{}")
	}
}

func TestConfigBeforeAndAfterItIsSet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	a := w.do("GET", "/api/auth/smtp-config", "").OK(200)
	id := a.At("id")
	want := map[string]any{
		"id": id, "enabled": false, "host": "", "port": 465.0, "username": "", "hasPassword": false, "senderEmail": "",
		"senderName": "", "minIntervalSeconds": 60.0, "createdAt": a.At("createdAt"), "updatedAt": a.At("updatedAt"),
	}
	if diff := cmp.Diff(want, a.Body); diff != "" {
		t.Error(diff)
	}

	a = w.as(resttest.APIKey, "PUT", "/api/auth/smtp-config", config(map[string]any{"minIntervalSeconds": nil})).OK(200)
	want["enabled"], want["host"], want["port"], want["username"], want["hasPassword"] = true, smtptest.Name, 587.0, smtptest.Username, true
	want["senderEmail"], want["senderName"], want["updatedAt"] = "no-reply@example.com", "Shop", a.At("updatedAt")
	if diff := cmp.Diff(want, a.Body); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, w.do("GET", "/api/auth/smtp-config", "").OK(200).Body); diff != "" {
		t.Error(diff)
	}
	if w.server.Logins() != 1 || len(w.server.Mails()) != 0 {
		t.Errorf("got %d logins and %d mails, want the settings tried with one login", w.server.Logins(), len(w.server.Mails()))
	}
	if got := w.text(`SELECT * FROM email.config`) + w.audits() + w.log.String(); strings.Contains(got, smtptest.Password) {
		t.Errorf("the password is stored or logged in clear: %s", got)
	}
	if diff := cmp.Diff(`(api-key,UPDATE_SMTP_CONFIG,EMAIL,"{""host"": ""smtp.example.com"", ""enabled"": true}")`, w.audits()); diff != "" {
		t.Error(diff)
	}

	// The stored password is used and kept; switching off keeps it as well.
	w.enable(map[string]any{"password": nil, "port": 2525})
	a = w.do("PUT", "/api/auth/smtp-config", `{"enabled":false,"port":465}`).OK(200)
	if a.At("hasPassword") != true || a.At("host") != "" || a.At("enabled") != false {
		t.Errorf("got %s, want it off, empty, with the password", a.Text)
	}
	w.enable(map[string]any{"password": nil})
	if w.server.Logins() != 3 {
		t.Errorf("got %d logins, want one for each time it was enabled", w.server.Logins())
	}

	w.sql(`DELETE FROM email.config`)
	if a = w.do("GET", "/api/auth/smtp-config", "").OK(200); a.At("id") != "00000000-0000-0000-0000-000000000000" || a.At("port") != 465.0 {
		t.Errorf("got %s without a row, want the defaults", a.Text)
	}
	w.enable(nil)
	if got := w.text(`SELECT count(*) FROM email.config`); got != "(1)" {
		t.Errorf("got %s rows, want one", got)
	}
}

func TestConfigRefusesMalformedBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	for body, message := range map[string]string{
		`{}`:                              "enabled: Required, port: Required",
		`{"enabled":"yes","port":"465"}`:  "enabled: Expected boolean, received string, port: Expected number, received string",
		`{"enabled":false,"port":587.5}`:  "port: Expected integer, received float",
		`{"enabled":false,"port":26}`:     "port: Port must be one of: 25, 465, 587, 2525",
		`{"enabled":false,"port":587000}`: "port: Port must be one of: 25, 465, 587, 2525",
		`{"enabled":true,"port":587}`:     "host: Required, username: Required, senderEmail: Required, senderName: Required",
		config(map[string]any{"host": "", "username": "", "senderEmail": "", "senderName": ""}): "host: String must contain at least 1 character(s), " +
			"username: String must contain at least 1 character(s), senderEmail: Invalid email, senderName: String must contain at least 1 character(s)",
		config(map[string]any{"senderEmail": "a@b.co\r\nBcc: v@example.org"}): "senderEmail: Invalid email",
		config(map[string]any{"senderName": "x\r\nBcc: v@example.org"}):       "senderName: String must not contain control characters",
		config(map[string]any{"host": "smtp.example.com\x00"}):                "host: String must not contain control characters",
		config(map[string]any{"password": ""}):                                "password: String must contain at least 1 character(s)",
		config(map[string]any{"minIntervalSeconds": -1}):                      "minIntervalSeconds: Number must be greater than or equal to 0",
		config(map[string]any{"minIntervalSeconds": 1e12}):                    "minIntervalSeconds: Number must be less than or equal to 2147483647",
		config(map[string]any{"username": strings.Repeat("x", 2000)}):         "username: String must contain at most 1024 character(s)",
		`[]`:  "Expected object, received array",
		`{"x`: "Invalid JSON",
	} {
		w.do("PUT", "/api/auth/smtp-config", body).Refused(400, fault.InvalidInput, message)
	}
	w.do("PUT", "/api/auth/smtp-config", config(map[string]any{"password": nil})).Refused(400, fault.InvalidInput, "password: Required")
	if w.audits() != "" || w.server.Logins() != 0 {
		t.Errorf("got audit rows %q and %d logins, want none", w.audits(), w.server.Logins())
	}
}

func TestConfigRefusesHostsThatAreNotPublic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	w.names["localhost"] = []string{"127.0.0.1"}
	w.names["inside.example.com"] = []string{"10.0.0.7"}
	w.names["half.example.com"] = []string{"8.8.8.8", "192.168.1.1"}
	w.names["half6.example.com"] = []string{"8.8.8.8", "fd00::1"}
	w.names["mapped.example.com"] = []string{"::ffff:169.254.169.254"}
	for _, host := range []string{
		"127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "::", "fe80::1", "fc00::1", "fec0::1",
		"::ffff:127.0.0.1", "::ffff:a00:1", "64:ff9b::7f00:1", "localhost",
		"inside.example.com", "half.example.com", "half6.example.com", "mapped.example.com",
	} {
		w.do("PUT", "/api/auth/smtp-config", config(map[string]any{"host": host})).Refused(400, fault.InvalidInput, "host: must not be")
	}
	for _, host := range []string{"2130706433", "0177.0.0.1", "0x7f.1", "127.1", "[::1]", "a b", "smtp.example.com:25", "user@host", "http://x.example.com", "fe80::1%1"} {
		w.do("PUT", "/api/auth/smtp-config", config(map[string]any{"host": host})).Refused(400, fault.InvalidInput, "host: must be a host name")
	}
	if w.server.Logins() != 0 {
		t.Errorf("got %d logins, want no connection", w.server.Logins())
	}
	// A name that turns private after it was accepted.
	w.enable(nil)
	w.names[smtptest.Name] = []string{"8.8.8.8", "127.0.0.1"}
	w.as(resttest.UserToken, "POST", "/api/email/send-raw", `{"to":"a@example.com","subject":"s","html":"h"}`).
		Refused(500, fault.EmailSMTPSendFailed, "could not be sent")
	w.do("PUT", "/api/auth/smtp-config", config(nil)).Refused(400, fault.InvalidInput, "host: must not be")
	if w.server.Logins() != 1 {
		t.Errorf("got %d logins, want the one from before", w.server.Logins())
	}
}

func TestConfigIsSavedOnlyWhenTheServerAcceptsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	for name, c := range map[string]struct {
		replace map[string]any
		message string
	}{
		"wrong password": {map[string]any{"password": "wrong"}, "The SMTP connection failed: the server answered 535 (5.7.8 authentication failed)"},
		"wrong user":     {map[string]any{"username": "somebody"}, "the server answered 535"},
		"unknown host":   {map[string]any{"host": "unknown.example.com"}, "the host's name does not exist"},
		"not TLS":        {map[string]any{"port": 465}, "does not speak TLS"},
		"another name":   {map[string]any{"host": "8.8.8.8"}, "certificate"},
	} {
		t.Log(name)
		w.do("PUT", "/api/auth/smtp-config", config(c.replace)).Refused(400, fault.EmailSMTPConnectionFailed, c.message)
	}
	if a := w.do("GET", "/api/auth/smtp-config", "").OK(200); a.At("enabled") != false || a.At("hasPassword") != false || w.audits() != "" {
		t.Errorf("got %s and audit rows %q, want nothing saved", a.Text, w.audits())
	}
}

func TestMailCannotBeSwitchedOffWhileUsersMustVerify(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	w.enable(nil)
	w.sql(`INSERT INTO auth.config (require_email_verification) VALUES (true)`)
	off := `{"enabled":false,"port":465}`
	w.do("PUT", "/api/auth/smtp-config", off).Refused(400, fault.EmailProviderNotConfigured, "must verify")
	if a := w.do("GET", "/api/auth/smtp-config", "").OK(200); a.At("enabled") != true {
		t.Errorf("got %s, want it still on", a.Text)
	}
	// The mailbox is a way to get mails, and then the last one.
	w.do("PUT", "/api/email/mailbox", `{"enabled":true}`).OK(200)
	w.do("PUT", "/api/auth/smtp-config", off).OK(200)
	w.do("PUT", "/api/email/mailbox", `{"enabled":false}`).Refused(400, fault.EmailProviderNotConfigured, "must verify")
	w.enable(map[string]any{"password": nil})
	w.do("PUT", "/api/email/mailbox", `{"enabled":false}`).OK(200)
	w.sql(`UPDATE auth.config SET require_email_verification = false`)
	w.do("PUT", "/api/auth/smtp-config", off).OK(200)
}

func TestChangesOfTheConfigWaitForTheLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	w.enable(nil)
	tx := w.begin()
	if _, err := tx.Exec(t.Context(), `SELECT pg_advisory_xact_lock(1869573991)`); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `INSERT INTO auth.config (require_email_verification) VALUES (true)`); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		w.do("PUT", "/api/auth/smtp-config", `{"enabled":false,"port":465}`).Refused(400, fault.EmailProviderNotConfigured, "must verify")
	})
	w.waitFor(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	group.Wait()
}

func TestConcurrentChangesLeaveOneWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	w.enable(nil)
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			body := config(map[string]any{"senderName": fmt.Sprint("n", i), "minIntervalSeconds": i})
			w.do("PUT", "/api/auth/smtp-config", body).OK(200)
		})
	}
	group.Wait()
	a := w.do("GET", "/api/auth/smtp-config", "").OK(200)
	if a.At("senderName") != fmt.Sprint("n", a.At("minIntervalSeconds")) {
		t.Errorf("got %s, want one of the changes whole", a.Text)
	}
	if got := strings.Count(w.audits(), "UPDATE_SMTP_CONFIG"); got != 7 {
		t.Errorf("got %d audit rows, want 7", got)
	}
}

func TestAPasswordSealedWithAnotherEncryptionKeyIsNotUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	w.mailbox = true
	w.restart()
	w.enable(nil)
	other := w.service("another key")
	if ok, err := other.Configured(t.Context()); ok || err != nil {
		t.Errorf("got %t, %v, want not configured, and the mailbox no stand-in", ok, err)
	}
	err := other.SendTemplate(t.Context(), "request-otp", "a@example.com", "", map[string]string{"token": "123456"}, 5*time.Minute)
	if !fault.Is(err, fault.EmailProviderNotConfigured) || !strings.Contains(err.Error(), "sealed value") {
		t.Errorf("got %v, want EMAIL_PROVIDER_NOT_CONFIGURED", err)
	}
	if _, err := other.UpdateConfig(t.Context(), update(nil)); !fault.Is(err, fault.InvalidInput) {
		t.Errorf("got %v, want the password asked for", err)
	}
	password := smtptest.Password
	if _, err := other.UpdateConfig(t.Context(), update(&password)); err != nil {
		t.Error(err)
	}
}

func TestAServerThatIsGoneIsAClearRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	w.server.Close()
	w.do("PUT", "/api/auth/smtp-config", config(nil)).Refused(400, fault.EmailSMTPConnectionFailed, "the connection failed or broke")
}
