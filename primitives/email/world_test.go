package email_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/primitives/email"
	"github.com/insforge/insforge-go/primitives/email/smtp"
	"github.com/insforge/insforge-go/primitives/email/smtp/smtptest"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/egress"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
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
	baseURL       = "https://api.example.com"
)

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

// world is the email primitive on a database of its own, with a mail server
// that seems to be on the internet.
type world struct {
	t       *testing.T
	db      *pg.DB
	clock   *resttest.Clock
	log     *lockedBuffer
	server  *smtptest.Server
	names   names
	mailbox bool // the server's setting
	email   *email.Service
	routes  resttest.Client
}

func newWorld(t *testing.T, o smtptest.Options) *world {
	t.Helper()
	w := &world{
		t: t, db: pgtest.New(t), clock: resttest.NewClock(time.Now().Truncate(time.Millisecond)), log: &lockedBuffer{},
		server: smtptest.New(t, o), names: names{smtptest.Name: {"8.8.8.8"}},
	}
	w.restart()
	return w
}

// restart makes a new service on the same database.
func (w *world) restart() {
	w.t.Helper()
	w.email = w.service(encryptionKey)
	w.routes = resttest.New(w.t, "", func(root rest.Router) {
		w.email.MountAuth(root.Group("/api/auth"))
		w.email.Mount(root.Group("/api/email"))
	})
	w.routes.Advised = true
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

// as sends a request; body is JSON text.
func (w *world) as(authorization, method, path, body string) resttest.Answer {
	w.t.Helper()
	return w.routes.CallAs(authorization, method, path, body)
}

// do sends a request as an administrator.
func (w *world) do(method, path, body string) resttest.Answer {
	w.t.Helper()
	return w.routes.Call(method, path, body)
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
	w.do("PUT", "/api/auth/smtp-config", config(replace)).OK(200)
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
