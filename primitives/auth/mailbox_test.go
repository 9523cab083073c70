package auth_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

const baseURL = "https://api.example.com"

// worth is how long the secret that a template mails is valid (contract 01
// §6.1).
func worth(template string) time.Duration {
	switch {
	case template == "request-otp":
		return 5 * time.Minute
	case strings.HasSuffix(template, "-code"):
		return 15 * time.Minute
	}
	return 24 * time.Hour
}

// sentMail is a mail as the Mailer got it.
type sentMail struct {
	template, to, name string
	variables          map[string]string
	lifetime           time.Duration
}

// mailbox is a Mailer that keeps the mails. It is not set up until on.
type mailbox struct {
	db   *pg.DB
	mu   sync.Mutex
	on   bool
	err  error
	hold chan struct{} // a mail is sent once it is closed; nil for at once
	all  []sentMail
	got  chan sentMail
}

func newMailbox(db *pg.DB) *mailbox { return &mailbox{db: db, got: make(chan sentMail, 1000)} }

// Configured asks the database, as the real one does.
func (m *mailbox) Configured(ctx context.Context) (bool, error) {
	err := m.db.AsOwner(ctx, func(tx pg.Tx) error {
		_, err := tx.Exec(ctx, `SELECT 1`)
		return err
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on, err
}

func (m *mailbox) SendTemplate(_ context.Context, template, to, name string, variables map[string]string, lifetime time.Duration) error {
	m.mu.Lock()
	hold, err := m.hold, m.err
	m.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if err != nil {
		return err
	}
	mail := sentMail{template, to, name, variables, lifetime}
	m.mu.Lock()
	m.all = append(m.all, mail)
	m.mu.Unlock()
	m.got <- mail
	return nil
}

// set changes the mailbox.
func (m *mailbox) set(change func(*mailbox)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// next waits for a mail, for as long as the test may run. It must be of this
// template and to this address.
func (m *mailbox) next(t testing.TB, template, to string) sentMail {
	t.Helper()
	mail := <-m.got
	if mail.template != template || mail.to != to {
		t.Fatalf("got %s to %s, want %s to %s", mail.template, mail.to, template, to)
	}
	if want := worth(template); mail.lifetime != want {
		t.Errorf("%s: got a mail that is worth sending for %v, want %v, as long as what is in it works", template, mail.lifetime, want)
	}
	return mail
}

// code waits for a mail with a code and returns it.
func (m *mailbox) code(t testing.TB, template, to string) string {
	t.Helper()
	mail := m.next(t, template, to)
	if len(mail.variables) != 1 || len(mail.variables["token"]) != 6 {
		t.Fatalf("got %v, want a code of six digits", mail.variables)
	}
	return mail.variables["token"]
}

// link waits for a mail with a link, which must begin with the address of the
// product and path, and returns its token.
func (m *mailbox) link(t testing.TB, template, to, path string) (token string) {
	t.Helper()
	mail := m.next(t, template, to)
	prefix := baseURL + path + "?token="
	link := mail.variables["link"]
	if len(mail.variables) != 1 || len(link) != len(prefix)+64 || link[:len(prefix)] != prefix {
		t.Fatalf("got %v, want a link to %s", mail.variables, prefix)
	}
	return link[len(prefix):]
}

// mailing returns a world that can send mail, with these settings.
func mailing(t *testing.T, settings map[string]any) *world {
	t.Helper()
	w := newWorld(t)
	w.mail.set(func(m *mailbox) { m.on = true })
	if settings != nil {
		w.do("PUT", "/api/auth/config", settings, bearer(apiKey)).OK(200)
	}
	return w
}

// fresh is a new client, which no limiter knows yet.
func (w *world) fresh() with {
	n := w.clients.Add(1)
	return with{resttest.ClientIPHeader, fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)}
}

// post sends a body to a route of mails as a fresh client.
func (w *world) post(path string, body any) resttest.Answer {
	w.t.Helper()
	return w.do("POST", "/api/auth/email/"+path, body, w.fresh())
}

// accepted stops the test unless the status is 202.
func (w *world) accepted(a resttest.Answer) resttest.Answer {
	w.t.Helper()
	if a.OK(202); a.At("success") != true || a.String("message") == "" {
		w.t.Fatalf("got %s, want that the mail was accepted", a.Text)
	}
	return a
}

// otherCode is a code that is not this one.
func otherCode(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

// wantMails ends the background work and compares all that was sent.
func (w *world) wantMails(want ...string) {
	w.t.Helper()
	w.stop()
	got := []string{}
	for _, mail := range w.mail.all {
		got = append(got, mail.template+" "+mail.to)
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		w.t.Errorf("mails: -want +got\n%s", diff)
	}
}
