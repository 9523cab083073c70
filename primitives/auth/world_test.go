package auth_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/crypto/bcrypt"

	"github.com/insforge/insforge-go/primitives/auth"
	"github.com/insforge/insforge-go/primitives/auth/credentials"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	jwtSecret     = "the secret of the tests, long enough"
	adminUsername = "admin"
	adminPassword = "correct horse battery staple"
	apiKey        = "ik_of-the-tests"
	anonKey       = "anon_of-the-tests"
	password      = "hunter22"
)

// signingKey is made once: generating an RSA key is slow.
var signingKey = sync.OnceValues(tokens.GenerateKey)

// memoryVault keeps secrets as the secrets primitive does, but in memory.
type memoryVault struct {
	mu      sync.Mutex
	values  map[string]string
	expires map[string]time.Time
	kept    map[uuid.UUID]string // keys of the secrets of configurations
}

func newVault(values map[string]string) *memoryVault {
	v := &memoryVault{values: map[string]string{}, expires: map[string]time.Time{}, kept: map[uuid.UUID]string{}}
	maps.Copy(v.values, values)
	return v
}

func (v *memoryVault) Value(_ context.Context, key string) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if value, ok := v.values[key]; ok {
		return value, nil
	}
	return "", fault.New(http.StatusNotFound, fault.SecretNotFound, "Secret not found")
}

func (v *memoryVault) Each(_ context.Context, match func(string) bool, visit func(key, value string, expires time.Time) error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(v.values)) {
		if match(key) {
			if err := visit(key, v.values[key], v.expires[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *memoryVault) Reconcile(_ context.Context, _ []string, decide func(map[string]string) (map[string]string, error)) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	changes, err := decide(maps.Clone(v.values))
	maps.Copy(v.values, changes)
	return err
}

func (v *memoryVault) Keep(ctx context.Context, tx pg.Tx, key, value string) (id uuid.UUID, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, taken := v.values[key]; taken {
		return id, fault.New(http.StatusConflict, fault.SecretAlreadyExists, "Secret already exists")
	}
	id = uuid.New()
	if _, err = tx.Exec(ctx, `INSERT INTO system.secrets (id, key, value_ciphertext) VALUES ($1, $2, 'in memory')`, id, key); err == nil {
		v.values[key], v.kept[id] = value, key
	}
	return id, err
}

func (v *memoryVault) Replace(_ context.Context, _ pg.Tx, id uuid.UUID, value string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.values[v.kept[id]] = value
	return nil
}

func (v *memoryVault) Reveal(_ context.Context, _ pg.Tx, id uuid.UUID) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.values[v.kept[id]], nil
}

func (v *memoryVault) Forget(ctx context.Context, tx pg.Tx, id uuid.UUID) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.values, v.kept[id])
	delete(v.kept, id)
	_, err := tx.Exec(ctx, `DELETE FROM system.secrets WHERE id = $1`, id)
	return err
}

// world is the auth primitive behind real HTTP on its own database.
type world struct {
	t      testing.TB
	db     *pg.DB
	vault  *memoryVault
	clock  *resttest.Clock
	bus    *events.Bus
	auth   *auth.Service
	server *httptest.Server
	mail   *mailbox
	// stop ends the background work.
	stop    func()
	clients atomic.Int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, pgtest.New(t))
}

func newWorldOn(t *testing.T, db *pg.DB) *world {
	t.Helper()
	w := &world{
		t:     t,
		db:    db,
		vault: newVault(nil),
		clock: resttest.NewClock(time.Now().Truncate(time.Second)),
		bus:   &events.Bus{},
	}
	w.mail = newMailbox(w.db)
	w.server = httptest.NewServer(nil)
	w.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	w.stop = func() {}
	t.Cleanup(func() { w.stop() })
	t.Cleanup(w.server.Close)
	w.restart()
	return w
}

// restart replaces the process by a new one on the same database, with changed
// dependencies.
func (w *world) restart(changes ...func(*auth.Deps)) {
	w.t.Helper()
	d := w.deps()
	for _, change := range changes {
		change(&d)
	}
	fresh, err := auth.New(d)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := fresh.Seed(context.Background(), credentials.Seeds{APIKey: apiKey, AnonKey: anonKey, SigningKey: signingKey}); err != nil {
		w.t.Fatal(err)
	}
	w.stop()
	w.auth = fresh
	w.server.Config.Handler = w.handler()
	w.stop = inBackground(fresh.Run)
}

// inBackground runs f until the returned function is called, which waits.
func inBackground(f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func (w *world) deps() auth.Deps {
	return auth.Deps{
		DB: w.db, Vault: w.vault, Audit: audit.NewRecorder(pgtest.AuditToken), Events: w.bus,
		JWTSecret: jwtSecret, AdminUsername: adminUsername, AdminPassword: func() string { return adminPassword }, Now: w.clock.Now,
		Mail: w.mail, BaseURL: baseURL, PasswordCost: bcrypt.MinCost,
	}
}

// handler serves the routes of auth.
func (w *world) handler() http.Handler {
	return resttest.Handler(w.t, w.auth, func(root rest.Router) {
		w.auth.Mount(root.Group("/api/auth"))
		w.auth.MountJWKS(root)
	})
}

// with is a header of a request.
type with struct{ name, value string }

func bearer(token string) with { return with{"Authorization", "Bearer " + token} }

// do sends a request; body is text, or a value to encode as JSON.
func (w *world) do(method, path string, body any, headers ...with) resttest.Answer {
	w.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		reader = strings.NewReader(string(raw))
	}
	r, err := http.NewRequestWithContext(context.Background(), method, w.server.URL+path, reader)
	if err != nil {
		w.t.Fatal(err)
	}
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		if h.name == "Host" {
			r.Host = h.value
		}
		if h.name == "Content-Type" {
			r.Header.Del(h.name)
		}
		r.Header.Add(h.name, h.value)
	}
	resp, err := w.server.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return resttest.Read(w.t, resp)
}

// session is a user's session as a browser holds it.
type session struct{ id, access, csrf, refresh string }

func (s session) cookie() with { return with{"Cookie", userCookie + "=" + s.refresh} }
func (s session) header() with { return with{"X-CSRF-Token", s.csrf} }

const (
	userCookie  = "insforge_refresh_token"
	adminCookie = "insforge_admin_refresh_token"
)

func (w *world) signUp(email string) session {
	w.t.Helper()
	a := w.do("POST", "/api/auth/users", map[string]any{"email": email, "password": password}, bearer(anonKey)).OK(200)
	return session{
		id:      a.String("user", "id"),
		access:  a.String("accessToken"),
		csrf:    a.String("csrfToken"),
		refresh: a.Cookie(userCookie).Value,
	}
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

// count returns the number that a query selects.
func (w *world) count(query string, args ...any) (n int) {
	w.t.Helper()
	if err := w.db.AsOwner(context.Background(), func(tx pg.Tx) error {
		return tx.QueryRow(context.Background(), query, args...).Scan(&n)
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// text returns the text that a query selects.
func (w *world) text(query string, args ...any) (text string) {
	w.t.Helper()
	if err := w.db.AsOwner(context.Background(), func(tx pg.Tx) error {
		return tx.QueryRow(context.Background(), query, args...).Scan(&text)
	}); err != nil {
		w.t.Fatal(err)
	}
	return text
}

// await waits until a query selects this number, for as long as the test may
// run.
func (w *world) await(query string, want int) {
	w.t.Helper()
	for w.count(query) != want {
	}
}

// claimsOf returns what a token says, unchecked.
func claimsOf(t testing.TB, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("got %d parts of a token, want 3", len(parts))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}
