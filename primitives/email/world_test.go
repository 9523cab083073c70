package email_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/email"
	"github.com/insforge/insforge-go/primitives/email/smtp"
	"github.com/insforge/insforge-go/primitives/email/smtp/smtptest"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/egress"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/kernel/seal"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDSN) != "" {
		sendInChild()
		return
	}
	pgtest.Main(m)
}

const (
	encryptionKey = "the key of the tests"
	adminToken    = "Bearer admin"
	userToken     = "Bearer user"
	anonKey       = "Bearer anon_key"
	apiKey        = "Bearer ik_key"
	baseURL       = "https://api.example.com"
)

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// names resolves the names it has and no others.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, text := range n[host] {
		out = append(out, netip.MustParseAddr(text))
	}
	if out == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return out, nil
}

// lockedBuffer is a log.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// callers knows one credential of each kind.
type callers struct{}

func (callers) APIKey(_ context.Context, key string) (identity.Principal, error) {
	if "Bearer "+key != apiKey {
		return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthInvalidAPIKey, "Invalid API key")
	}
	return identity.NewAdmin(identity.APIKey, ""), nil
}

func (callers) AnonKey(context.Context, string) (identity.Principal, error) {
	return identity.Anonymous(identity.AnonKey), nil
}

func (callers) AccessToken(_ context.Context, token string) (identity.Principal, error) {
	switch "Bearer " + token {
	case adminToken:
		return identity.NewAdmin(identity.Admin, "local:admin"), nil
	case userToken:
		return identity.NewUser("11111111-1111-4111-8111-111111111111", "u@example.com", nil), nil
	}
	return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthUnauthorized, "Invalid token")
}

// world is the email primitive on a database of its own, with a mail server
// that seems to be on the internet.
type world struct {
	t       *testing.T
	db      *pg.DB
	clock   *clock
	log     *lockedBuffer
	server  *smtptest.Server
	names   names
	mailbox bool // the server's setting
	email   *email.Service
	handler http.Handler
}

func newWorld(t *testing.T, o smtptest.Options) *world {
	t.Helper()
	w := &world{
		t: t, db: pgtest.New(t), clock: &clock{now: time.Now().Truncate(time.Millisecond)}, log: &lockedBuffer{},
		server: smtptest.New(t, o), names: names{smtptest.Name: {"8.8.8.8"}},
	}
	w.restart()
	return w
}

// restart makes a new service on the same database.
func (w *world) restart() {
	w.t.Helper()
	w.email = w.service(encryptionKey)
	e := echo.New()
	e.HTTPErrorHandler = writeError
	root := rest.NewRouter(e.Group(""), callers{})
	w.email.MountAuth(root.Group("/api/auth"))
	w.email.Mount(root.Group("/api/email"))
	w.handler = e
}

func (w *world) service(key string) *email.Service {
	w.t.Helper()
	box, err := seal.New(key)
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := email.New(email.Deps{
		DB: w.db, Box: box, Audit: audit.NewRecorder(pgtest.AuditToken), Log: zerolog.New(w.log), Now: w.clock.Now,
		SMTP:                 smtp.Client{RootCAs: w.server.RootCAs(), Guard: egress.Guard{Resolver: w.names, Dial: w.server.Dial}},
		VerificationRequired: verificationRequired,
		Mailbox:              w.mailbox, BaseURL: baseURL + "/",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func verificationRequired(ctx context.Context, tx pg.Tx) (required bool, err error) {
	err = tx.QueryRow(ctx, `SELECT coalesce(bool_or(require_email_verification), false) FROM auth.config`).Scan(&required)
	return required, err
}

func writeError(err error, c rest.Context) {
	var f *fault.Error
	if !errors.As(err, &f) {
		f = fault.New(http.StatusInternalServerError, fault.InternalError, err.Error())
	}
	_ = c.JSON(f.Status, map[string]any{"error": f.Code, "message": f.Message, "nextActions": f.NextActions})
}

// answer is what a request got.
type answer struct {
	t      *testing.T
	what   string
	status int
	raw    string
	body   map[string]any
}

// as sends a request; body is JSON text.
func (w *world) as(authorization, method, path, body string) answer {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	a := answer{t: w.t, what: method + " " + path, status: recorder.Code, raw: recorder.Body.String()}
	if err := json.Unmarshal(recorder.Body.Bytes(), &a.body); err != nil {
		w.t.Errorf("%s: body %q is no JSON object: %v", a.what, a.raw, err)
	}
	return a
}

// do sends a request as an administrator.
func (w *world) do(method, path, body string) answer {
	w.t.Helper()
	return w.as(adminToken, method, path, body)
}

// ok stops the test unless the status is 200.
func (a answer) ok() answer {
	a.t.Helper()
	if a.status != http.StatusOK {
		a.t.Fatalf("%s: got %d %s, want 200", a.what, a.status, a.raw)
	}
	return a
}

// refused fails the test unless the answer is this refusal.
func (a answer) refused(status int, code fault.Code, part string) {
	a.t.Helper()
	if a.status != status || a.body["error"] != string(code) || !strings.Contains(fmt.Sprint(a.body["message"]), part) {
		a.t.Errorf("%s: got %d %s, want %d %s %q", a.what, a.status, a.raw, status, code, part)
	}
	if status != http.StatusUnauthorized && status != http.StatusForbidden && a.body["nextActions"] == "" {
		a.t.Errorf("%s: %s does not say what to do next", a.what, a.raw)
	}
}

// config is a body of PUT /smtp-config with some members replaced.
func config(replace map[string]any) string {
	body := map[string]any{
		"enabled": true, "host": smtptest.Name, "port": 587, "username": smtptest.Username, "password": smtptest.Password,
		"senderEmail": "no-reply@example.com", "senderName": "Shop", "minIntervalSeconds": 0,
	}
	for name, value := range replace {
		if body[name] = value; value == nil {
			delete(body, name)
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// enable sets the mail server up.
func (w *world) enable(replace map[string]any) {
	w.t.Helper()
	w.do("PUT", "/api/auth/smtp-config", config(replace)).ok()
}

// sql runs a statement as the owner.
func (w *world) sql(text string, args ...any) {
	w.t.Helper()
	if err := w.db.AsOwner(context.Background(), func(tx pg.Tx) error {
		_, err := tx.Exec(context.Background(), text, args...)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
}

// text returns what a query selects, as one text.
func (w *world) text(query string, args ...any) (out string) {
	w.t.Helper()
	if err := w.db.AsOwner(context.Background(), func(tx pg.Tx) error {
		return tx.QueryRow(context.Background(), `SELECT coalesce(string_agg(x::text, E'\n'), '') FROM (`+query+`) AS x`, args...).Scan(&out)
	}); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// audits returns the audit rows, oldest first.
func (w *world) audits() string {
	w.t.Helper()
	return w.text(`SELECT actor, action, module, details::text FROM system.audit_logs ORDER BY created_at`)
}

// begin opens a transaction that outlives a function.
func (w *world) begin() pgx.Tx {
	w.t.Helper()
	conn, err := pgx.Connect(context.Background(), w.db.OwnerDSN())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close(context.Background()) })
	tx, err := conn.Begin(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return tx
}

// waitFor waits until a query selects a row.
func (w *world) waitFor(query string) {
	w.t.Helper()
	for w.text(`SELECT EXISTS (`+query+`)`) != "(t)" {
		if w.t.Context().Err() != nil {
			w.t.Fatalf("never true: %s", query)
		}
		runtime.Gosched()
	}
}

// update is a ConfigUpdate that enables the server.
func update(password *string) email.ConfigUpdate {
	return email.ConfigUpdate{
		Enabled: true, Host: smtptest.Name, Port: 587, Username: smtptest.Username, Password: password,
		SenderEmail: "no-reply@example.com", SenderName: "Shop",
	}
}
