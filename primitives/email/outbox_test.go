package email_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/email"
	"github.com/insforge/insforge-go/primitives/email/smtp"
	"github.com/insforge/insforge-go/primitives/email/smtp/smtptest"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/egress"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/seal"
)

// moody is a mail server's answer that a test changes.
type moody struct{ reply atomic.Value }

// set makes the server answer verb with reply; "" is friendly again.
func (m *moody) set(verb, reply string) { m.reply.Store([2]string{verb, reply}) }

func (m *moody) answer(verb, _ string) string {
	if set, ok := m.reply.Load().([2]string); ok && set[0] == verb {
		return set[1]
	}
	return ""
}

const secretCode = "907341"

// sendCode sends a mail with a code, and returns what the caller would learn.
func (w *world) sendCode(to string) error {
	return w.email.SendTemplate(context.Background(), "email-verification-code", to, "", map[string]string{"token": secretCode}, 15*time.Minute)
}

// outbox returns GET /outbox as id, status, attempts and last error.
func (w *world) outbox() (entries []email.OutboxEntry) {
	w.t.Helper()
	a := w.do("GET", "/api/email/outbox", "").OK(200)
	var list struct {
		Data []struct {
			ID, Kind, Status string
			Recipients       int
			Attempts         int
			LastError        string
		}
		Total int
	}
	if err := json.Unmarshal([]byte(a.Text), &list); err != nil {
		w.t.Fatal(err)
	}
	for _, d := range list.Data {
		entries = append(entries, email.OutboxEntry{ID: d.ID, Kind: d.Kind, Status: d.Status, Recipients: d.Recipients, Attempts: d.Attempts, LastError: &d.LastError})
	}
	if len(entries) != min(list.Total, 100) {
		w.t.Errorf("got %d entries, total %d", len(entries), list.Total)
	}
	return entries
}

// work does what the worker does in one round.
func (w *world) work() {
	w.t.Helper()
	if err := w.email.Work(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// noTrace fails the test when the code is somewhere it must not be.
func (w *world) noTrace() {
	w.t.Helper()
	for name, text := range map[string]string{
		"the log": w.log.String(), "the audit log": w.audits(), "the outbox": w.text(`SELECT * FROM email.outbox`),
		"the mailbox": w.text(`SELECT * FROM email.mailbox`),
	} {
		if strings.Contains(text, secretCode) {
			w.t.Errorf("%s holds the code: %s", name, text)
		}
	}
}

func TestAMailThatIsDeferredSurvivesARestart(t *testing.T) {
	t.Parallel()
	server := &moody{}
	server.set("RCPT", "451 4.7.1 greylisted, your code "+secretCode)
	w := newWorld(t, smtptest.Options{Reply: server.answer})
	w.enable(nil)
	if err := w.sendCode("a@example.com"); err != nil {
		t.Fatalf("got %v for a mail that will be tried again, want success", err)
	}
	entries := w.outbox()
	if len(entries) != 1 || entries[0].Status != "waiting" || entries[0].Attempts != 1 || *entries[0].LastError != "mail server, send: the server answered 451" {
		t.Fatalf("got %+v, want the mail waiting", entries)
	}
	w.noTrace()
	w.work()
	if got := w.outbox(); got[0].Attempts != 1 {
		t.Errorf("got %+v, want no try before its time", got)
	}

	w.restart()
	server.set("", "")
	w.clock.Advance(time.Minute)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.email.Run(ctx) }()
	got := w.server.Next()
	w.waitFor(`SELECT WHERE NOT EXISTS (SELECT FROM email.outbox)`)
	stop()
	if err := <-done; err != nil {
		t.Errorf("got %v from Run, want nil", err)
	}
	if !strings.Contains(got.Data, secretCode) || !strings.Contains(got.Data, "<"+entries[0].ID+"@example.com>") {
		t.Errorf("got %s, want the mail with the identity of the first try", got.Data)
	}
	if rest := w.outbox(); rest != nil {
		t.Errorf("got %+v left", rest)
	}
	w.noTrace()
}

func TestARefusedMailLeavesOnlyTheFactThatItFailed(t *testing.T) {
	t.Parallel()
	server := &moody{}
	server.set("END", "550 5.7.1 spam, code "+secretCode)
	w := newWorld(t, smtptest.Options{Reply: server.answer})
	w.enable(nil)
	err := w.sendCode("a@example.com")
	if !fault.Is(err, fault.EmailSMTPSendFailed) || strings.Contains(err.Error(), secretCode) {
		t.Errorf("got %v, want EMAIL_SMTP_SEND_FAILED without the code", err)
	}
	got := w.outbox()
	if len(got) != 1 || got[0].Status != "failed" || got[0].Kind != "email-verification-code" || got[0].Recipients != 1 {
		t.Errorf("got %+v, want a failure to look at", got)
	}
	if sealed := w.text(`SELECT sealed IS NULL FROM email.outbox`); sealed != "(t)" {
		t.Error("the failed mail's body is kept")
	}
	server.set("", "")
	w.clock.Advance(time.Hour)
	w.work()
	if len(w.server.Mails()) != 0 {
		t.Error("a mail that was refused for good was tried again")
	}
	w.noTrace()
}

func TestRetriesEndWhenTheCodeHasExpired(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct {
		lifetime time.Duration
		attempts int
		poll     time.Duration // such that the waits, a tenth more or less, make no difference
	}{
		"request-otp":             {5 * time.Minute, 4, 20 * time.Second},
		"email-verification-code": {15 * time.Minute, 5, time.Minute},
		"reset-password-link":     {24 * time.Hour, email.MaxAttempts, time.Minute},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			server := &moody{}
			server.set("MAIL", "421 4.3.2 going down")
			w := newWorld(t, smtptest.Options{Reply: server.answer})
			w.enable(nil)
			if err := w.email.SendTemplate(t.Context(), kind, "a@example.com", "", nil, c.lifetime); err != nil {
				t.Fatal(err)
			}
			began := w.clock.Now()
			for w.outbox()[0].Status == "waiting" && w.clock.Now().Sub(began) < 48*time.Hour {
				w.clock.Advance(c.poll)
				w.work()
			}
			took := w.clock.Now().Sub(began)
			if got := w.outbox()[0]; got.Status != "failed" || got.Attempts != c.attempts || took > c.lifetime {
				t.Errorf("got %+v after %v, want it failed after %d attempts within %v", got, took, c.attempts, c.lifetime)
			}
			if sealed := w.text(`SELECT sealed IS NULL FROM email.outbox`); sealed != "(t)" {
				t.Error("the failed mail's body is kept")
			}
		})
	}
}

func TestAMailThatExpiredMeanwhileIsNotSent(t *testing.T) {
	t.Parallel()
	server := &moody{}
	server.set("RCPT", "450 4.2.0 later")
	w := newWorld(t, smtptest.Options{Reply: server.answer})
	w.enable(nil)
	if err := w.sendCode("a@example.com"); err != nil {
		t.Fatal(err)
	}
	server.set("", "")
	w.clock.Advance(16 * time.Minute) // the product was not running
	w.work()
	if got := w.outbox()[0]; got.Status != "failed" || !strings.Contains(*got.LastError, "expired") || len(w.server.Mails()) != 0 {
		t.Errorf("got %+v and %d mails, want it given up", got, len(w.server.Mails()))
	}
	w.noTrace()
}

func TestMailsWaitWhileTheServerIsSwitchedOff(t *testing.T) {
	t.Parallel()
	server := &moody{}
	server.set("RCPT", "450 4.2.0 later")
	w := newWorld(t, smtptest.Options{Reply: server.answer})
	w.enable(nil)
	if err := w.sendCode("a@example.com"); err != nil {
		t.Fatal(err)
	}
	server.set("", "")
	w.do("PUT", "/api/auth/smtp-config", `{"enabled":false,"port":465}`).OK(200)
	w.clock.Advance(time.Minute)
	w.work()
	if got := w.outbox()[0]; got.Status != "waiting" || got.Attempts != 2 || !strings.Contains(*got.LastError, "no mail server") {
		t.Errorf("got %+v, want it to wait", got)
	}
	w.enable(map[string]any{"password": nil})
	w.clock.Advance(2 * time.Minute)
	w.work()
	if got := w.server.Next(); got.To[0] != "a@example.com" {
		t.Errorf("got %+v", got)
	}
}

func TestAMailOfAnotherEncryptionKeyFails(t *testing.T) {
	t.Parallel()
	server := &moody{}
	server.set("RCPT", "450 4.2.0 later")
	w := newWorld(t, smtptest.Options{Reply: server.answer})
	w.enable(nil)
	if err := w.sendCode("a@example.com"); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Minute)
	if err := w.service("another key").Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.outbox()[0]; got.Status != "failed" || !strings.Contains(*got.LastError, "ENCRYPTION_KEY") {
		t.Errorf("got %+v, want a clear failure", got)
	}
}

func TestTheOutboxIsBounded(t *testing.T) {
	t.Parallel()
	server := &moody{}
	server.set("RCPT", "450 4.2.0 later")
	w := newWorld(t, smtptest.Options{Reply: server.answer})
	w.enable(nil)
	later := w.clock.Now().Add(time.Hour)
	w.sql(`INSERT INTO email.outbox (kind, recipients, sealed, next_attempt_at, expires_at, created_at)
	       SELECT 'raw', 1, 'x', $1, $1, $1 FROM generate_series(1, $2)`, later, email.MaxWaiting)
	if err := w.sendCode("a@example.com"); !fault.Is(err, fault.EmailSMTPSendFailed) {
		t.Errorf("got %v with a full outbox, want EMAIL_SMTP_SEND_FAILED", err)
	}
	server.set("", "")
	if err := w.sendCode("a@example.com"); err != nil {
		t.Errorf("got %v with a full outbox and a server that works, want success", err)
	}

	// Failures are kept for a while, and no more than some.
	w.sql(`UPDATE email.outbox SET sealed = NULL, failed_at = $1 WHERE failed_at IS NULL`, w.clock.Now())
	w.work()
	if got := w.text(`SELECT count(*) FROM email.outbox`); got != fmt.Sprintf("(%d)", email.KeptFailed) {
		t.Errorf("got %s failures, want %d", got, email.KeptFailed)
	}
	w.clock.Advance(email.FailedFor + time.Minute)
	w.work()
	if got := w.text(`SELECT count(*) FROM email.outbox`); got != "(0)" {
		t.Errorf("got %s old failures, want none", got)
	}
}

func TestWorkersShareTheOutbox(t *testing.T) {
	t.Parallel()
	server := &moody{}
	server.set("RCPT", "450 4.2.0 later")
	w := newWorld(t, smtptest.Options{Reply: server.answer})
	w.enable(nil)
	for i := range 25 {
		if err := w.sendCode(fmt.Sprintf("u%d@example.com", i)); err != nil {
			t.Fatal(err)
		}
	}
	server.set("", "")
	w.clock.Advance(time.Minute)
	var group sync.WaitGroup
	for range 4 {
		s := w.service(encryptionKey)
		group.Go(func() {
			if err := s.Work(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	seen := map[string]int{}
	for _, m := range w.server.Mails() {
		seen[m.To[0]]++
	}
	if len(seen) != 25 || len(w.server.Mails()) != 25 || w.outbox() != nil {
		t.Errorf("got %d recipients, %d mails, outbox %+v, want each mail once", len(seen), len(w.server.Mails()), w.outbox())
	}
}

func TestAClientThatGoesAwayDoesNotStopItsMail(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	release := make(chan struct{})
	w := newWorld(t, smtptest.Options{Reply: func(verb, _ string) string {
		if verb == "END" {
			close(asked)
			<-release
		}
		return ""
	}})
	w.enable(nil)
	ctx, leave := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	go func() {
		sent <- w.email.SendRaw(ctx, email.Mail{To: []string{"a@example.com"}, Subject: "s", HTML: "h"})
	}()
	<-asked
	leave()
	close(release)
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if len(w.server.Mails()) != 1 || w.outbox() != nil {
		t.Errorf("got %d mails, outbox %+v, want it delivered", len(w.server.Mails()), w.outbox())
	}
}

func TestStoppingTheWorkerPutsMailsBack(t *testing.T) {
	t.Parallel()
	server := &moody{}
	server.set("RCPT", "450 4.2.0 later")
	asked := make(chan struct{}, 10)
	w := newWorld(t, smtptest.Options{Reply: func(verb, argument string) string {
		if answer := server.answer(verb, argument); answer != "" {
			if answer == smtptest.Hang {
				asked <- struct{}{}
			}
			return answer
		}
		return ""
	}})
	w.enable(nil)
	if err := w.sendCode("a@example.com"); err != nil {
		t.Fatal(err)
	}
	server.set("END", smtptest.Hang)
	w.clock.Advance(time.Minute)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.email.Run(ctx) }()
	<-asked
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := w.outbox()[0]; got.Status != "waiting" || got.Attempts != 1 {
		t.Errorf("got %+v, want the try taken back", got)
	}
	server.set("", "")
	w.restart()
	w.work() // at once
	if got := w.server.Next(); got.To[0] != "a@example.com" {
		t.Errorf("got %+v", got)
	}
}

// What the child process is told.
const (
	childDSN  = "EMAIL_TEST_DSN"
	childSMTP = "EMAIL_TEST_SMTP"
)

// sendInChild sends a mail in a process that its parent kills.
func sendInChild() {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	db, err := pg.Open(context.Background(), pg.Config{OwnerDSN: os.Getenv(childDSN), AuthenticatorPassword: "unused"})
	fail(err)
	box, err := seal.New(encryptionKey)
	fail(err)
	server, err := netip.ParseAddrPort(os.Getenv(childSMTP))
	fail(err)
	s, err := email.New(email.Deps{
		DB: db, Box: box, Audit: audit.NewRecorder(pgtest.AuditToken), Log: zerolog.Nop(), Now: time.Now,
		SMTP: smtp.Client{Guard: egress.Guard{
			AllowPrivate: true, // the server speaks no TLS, so it has to look private
			Resolver:     names{smtptest.Name: {"127.0.0.1"}},
			Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, server.String())
			},
		}},
		VerificationRequired: verificationRequired,
	})
	fail(err)
	fail(s.SendTemplate(context.Background(), "email-verification-code", "a@example.com", "", map[string]string{"token": secretCode}, 15*time.Minute))
}

func TestAMailSurvivesTheDeathOfItsProcess(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	var once sync.Once
	var died atomic.Bool
	w := newWorld(t, smtptest.Options{NoTLS: true, Reply: func(verb, _ string) string {
		if verb == "END" && !died.Load() {
			once.Do(func() { close(arrived) })
			return smtptest.Hang
		}
		return ""
	}})
	box, err := seal.New(encryptionKey)
	if err != nil {
		t.Fatal(err)
	}
	w.sql(`UPDATE email.config SET enabled = true, host = $1, port = 587, username = $2, password_encrypted = $3,
	       sender_email = 'no-reply@example.com', sender_name = 'Shop'`, smtptest.Name, smtptest.Username, box.Seal(smtptest.Password))

	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childDSN+"="+w.db.OwnerDSN(), childSMTP+"="+w.server.Addr().String())
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- child.Wait() }()
	select {
	case <-arrived:
	case err := <-exited:
		t.Fatalf("the child ended before it was killed: %v", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-exited
	died.Store(true)

	w.clock.Advance(time.Second)
	s := w.privateService()
	if err := s.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(w.server.Mails()) != 0 {
		t.Fatal("the mail was taken over while the dead process could have been sending it")
	}
	w.clock.Advance(email.Lease)
	if err := s.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.server.Next(); !strings.Contains(got.Data, secretCode) || w.outbox() != nil {
		t.Errorf("got %+v, outbox %+v, want the mail delivered", got, w.outbox())
	}
}

// privateService is a service whose operator allows private mail servers.
func (w *world) privateService() *email.Service {
	w.t.Helper()
	box, err := seal.New(encryptionKey)
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := email.New(email.Deps{
		DB: w.db, Box: box, Audit: audit.NewRecorder(pgtest.AuditToken), Log: zerolog.New(w.log), Now: w.clock.Now,
		SMTP:                 smtp.Client{Guard: egress.Guard{AllowPrivate: true, Resolver: names{smtptest.Name: {"127.0.0.1"}}, Dial: w.server.Dial}},
		VerificationRequired: verificationRequired,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}
