package email_test

import (
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/email/smtp/smtptest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

func TestTheFiveTemplatesAreSeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	data, _ := w.do("GET", "/api/auth/email-templates", "").OK(200).At("data").([]any)
	var got []string
	for _, element := range data {
		m := element.(map[string]any)
		body := m["bodyHtml"].(string)
		got = append(got, fmt.Sprintf("%s | %s | %t %t", m["templateType"], m["subject"], strings.Contains(body, "{{ token }}"), strings.Contains(body, "{{ link }}")))
		if !strings.HasPrefix(body, "<!doctype html>") || strings.ContainsAny(body, "[]") || m["id"] == "" || m["createdAt"] == "" || len(m) != 6 {
			t.Errorf("got %v, want a whole page with nothing left to fill in", m)
		}
	}
	want := []string{
		"email-verification-code | Verify your email | true false",
		"email-verification-link | Verify your email | false true",
		"request-otp | {{ token }} is your verification code | true false",
		"reset-password-code | Reset your password | true false",
		"reset-password-link | Reset your password | false true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUpdateOfATemplate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	path := "/api/auth/email-templates/request-otp"
	a := w.do("PUT", path, `{"subject":"Code {{token}}","bodyHtml":"<b>{{ token }}</b>","templateType":"other","id":"x"}`).OK(200)
	if a.At("subject") != "Code {{token}}" || a.At("bodyHtml") != "<b>{{ token }}</b>" || a.At("templateType") != "request-otp" {
		t.Errorf("got %s, want the template as it is now", a.Text)
	}
	if diff := cmp.Diff(`(local:admin,UPDATE_EMAIL_TEMPLATE,EMAIL,"{""templateType"": ""request-otp""}")`, w.audits()); diff != "" {
		t.Error(diff)
	}
	for body, message := range map[string]string{
		`{}`:                                   "subject: Required, bodyHtml: Required",
		`{"subject":"","bodyHtml":""}`:         "subject: String must contain at least 1 character(s), bodyHtml: String must contain at least 1 character(s)",
		`{"subject":1,"bodyHtml":null}`:        "subject: Expected string, received number, bodyHtml: Expected string, received null",
		`{"subject":"a\u0000","bodyHtml":"b"}`: "subject: String must not contain NUL",
	} {
		w.do("PUT", path, body).Refused(400, fault.InvalidInput, message)
	}
	for _, unknown := range []string{"other", "Request-OTP", "request-otp'--", "%2e%2e"} {
		w.do("PUT", "/api/auth/email-templates/"+unknown, `{"subject":"a","bodyHtml":"b"}`).Refused(400, fault.InvalidInput, "type: must be one of")
		w.do("POST", "/api/auth/email-templates/"+unknown+"/preview", `{}`).Refused(400, fault.InvalidInput, "type: must be one of")
	}
	w.sql(`DELETE FROM email.templates WHERE template_type = 'request-otp'`)
	w.do("PUT", path, `{"subject":"a","bodyHtml":"b"}`).Refused(404, fault.EmailTemplateNotFound, "request-otp")
	w.do("POST", path+"/preview", `{}`).Refused(404, fault.EmailTemplateNotFound, "request-otp")
	w.enable(nil)
	if err := w.email.SendTemplate(t.Context(), "request-otp", "a@example.com", "", nil, 5*time.Minute); !fault.Is(err, fault.EmailTemplateNotFound) {
		t.Errorf("got %v, want EMAIL_TEMPLATE_NOT_FOUND", err)
	}
}

func TestPreviewShowsSampleValuesAndSavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	a := w.do("POST", "/api/auth/email-templates/request-otp/preview", `{}`).OK(200)
	if a.At("subject") != "123456 is your verification code" || !strings.Contains(fmt.Sprint(a.At("bodyHtml")), "sign in as ada@example.com") {
		t.Errorf("got %s, want the stored template with sample values", a.Text)
	}
	link := baseURL + "/api/auth/email/verify-link?token=" + strings.Repeat("0123456789abcdef", 4)
	a = w.do("POST", "/api/auth/email-templates/email-verification-link/preview",
		`{"subject":"{{name}} {{token}}","bodyHtml":"<a href='{{link}}'>{{ email }}</a>"}`).OK(200)
	want := map[string]any{
		"subject": "Ada Lovelace {{token}}", "bodyHtml": "<a href='" + link + "'>ada@example.com</a>",
		"variables": map[string]any{"name": "Ada Lovelace", "email": "ada@example.com", "link": link},
	}
	if diff := cmp.Diff(want, a.Body); diff != "" {
		t.Error(diff)
	}
	w.do("POST", "/api/auth/email-templates/request-otp/preview", `{"subject":1}`).Refused(400, fault.InvalidInput, "subject: Expected string")
	if got := w.text(`SELECT count(*) FROM email.templates WHERE subject LIKE '%name%'`); got != "(0)" {
		t.Error("the preview was saved")
	}
}

func TestVariablesAreEscapedAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smtptest.Options{})
	w.enable(nil)
	w.do("PUT", "/api/auth/email-templates/email-verification-link",
		`{"subject":"{{ name }}|{{token}}|{{unknown}}","bodyHtml":"<p>{{name}}|{{   email\t}}|{{link}}|{{ token }}|{{missing}}|{{ name</p>"}`).OK(200)
	send := func(name string, variables map[string]string) (subject, body string) {
		t.Helper()
		if err := w.email.SendTemplate(t.Context(), "email-verification-link", "a@example.com", name, variables, 5*time.Minute); err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(strings.NewReader(w.server.Next().Data))
		if err != nil {
			t.Fatal(err)
		}
		if subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		return subject, strings.TrimSpace(string(raw))
	}
	subject, body := send(`<b>"&'`+"\r\nBcc: v@example.org", map[string]string{
		"link": "https://example.com/?a=1&b=%22", "token": "{{email}}", "name": "forged", "email": "forged@example.org",
	})
	if want := `&lt;b&gt;&#34;&amp;&#39; Bcc: v@example.org|{{email}}|{{unknown}}`; strings.ReplaceAll(subject, "  ", " ") != want {
		t.Errorf("got subject %q, want %q", subject, want)
	}
	if want := `<p>&lt;b&gt;&#34;&amp;&#39;  Bcc: v@example.org|a@example.com|https://example.com/?a=1&amp;b=%22|{{email}}|{{missing}}|{{ name</p>`; body != want {
		t.Errorf("got body\n%q, want\n%q", body, want)
	}
	for _, link := range []string{
		"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "ftp://example.com", "//example.com", "/path", "", "https:", "https://",
		" https://example.com", "https://exa\nmple.com", "java\tscript:alert(1)", "http:example.com", "mailto:a@example.com",
	} {
		if _, body := send("", map[string]string{"link": link}); !strings.Contains(body, "|#|") || !strings.Contains(body, "User") {
			t.Errorf("%q: got %q, want # for the link and User for the name", link, body)
		}
	}
	for _, link := range []string{"http://localhost:7130/x?token=1", "HTTPS://EXAMPLE.COM/"} {
		if _, body := send("", map[string]string{"link": link}); !strings.Contains(body, "|"+link+"|") {
			t.Errorf("%q: got %q, want the link", link, body)
		}
	}
}
