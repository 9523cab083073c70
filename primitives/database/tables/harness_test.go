package tables_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/tables"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/labstack/echo/v4"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	apiKey     = "ik_test"
	adminToken = "admin.access.token"
	userToken  = "user.access.token"
	userID     = "11111111-1111-4111-8111-111111111111"
)

// callers knows one credential of each kind.
type callers struct{}

func (callers) APIKey(_ context.Context, key string) (identity.Principal, error) {
	if key != apiKey {
		return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthInvalidAPIKey, "Invalid API key")
	}
	return identity.NewAdmin(identity.APIKey, ""), nil
}

func (callers) AnonKey(context.Context, string) (identity.Principal, error) {
	return identity.Anonymous(identity.AnonKey), nil
}

func (callers) AccessToken(_ context.Context, token string) (identity.Principal, error) {
	switch token {
	case adminToken:
		return identity.NewAdmin(identity.Admin, "local:admin"), nil
	case userToken:
		return identity.NewUser(userID, "u@example.com", nil), nil
	}
	return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthUnauthorized, "Invalid token")
}

// product is the routes on a database of their own.
type product struct {
	t    *testing.T
	db   *pg.DB
	echo *echo.Echo
	news *events.Subscription
}

func start(t *testing.T) product {
	t.Helper()
	db := pgtest.New(t)
	bus := &events.Bus{}
	p := product{t: t, db: db, echo: echo.New(), news: bus.Subscribe()}
	p.echo.HTTPErrorHandler = writeError
	service := tables.New(tables.Deps{DB: db, Audit: audit.NewRecorder(pgtest.AuditToken), Events: bus, LockWait: 50 * time.Millisecond})
	service.Mount(rest.NewRouter(p.echo.Group("/api/database"), callers{}))
	return p
}

// writeError is the envelope in short.
func writeError(err error, c echo.Context) {
	var f *fault.Error
	if !errors.As(err, &f) {
		if f = pg.Fault(err); f == nil {
			f = fault.New(http.StatusInternalServerError, fault.InternalError, err.Error())
		}
	}
	_ = c.JSON(f.Status, map[string]any{"error": f.Code, "message": f.Message, "nextActions": f.NextActions})
}

// answer is a response: its status and decoded body.
type answer struct {
	status int
	text   string
	body   any
}

// call sends a request as an administrator; path is below /api/database.
func (p product) call(method, path, body string) answer {
	p.t.Helper()
	return p.callAs("Bearer "+adminToken, method, path, body)
}

func (p product) callAs(authorization, method, path, body string) answer {
	p.t.Helper()
	r := httptest.NewRequest(method, "/api/database"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	call := identity.Call{RequestID: "r1", ClientIP: netip.MustParseAddr("192.0.2.7")}
	r = r.WithContext(identity.WithCall(r.Context(), call))
	w := httptest.NewRecorder()
	p.echo.ServeHTTP(w, r)
	a := answer{status: w.Code, text: strings.TrimSpace(w.Body.String())}
	if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
		p.t.Fatalf("%s %s: body %q is not JSON: %v", method, path, w.Body, err)
	}
	return a
}

// ok fails the test unless the answer has the status.
func (p product) ok(a answer, status int) answer {
	p.t.Helper()
	if a.status != status {
		p.t.Fatalf("got %d %s, want %d", a.status, a.text, status)
	}
	return a
}

// refused fails the test unless the answer is this error and says part.
func (p product) refused(a answer, status int, code fault.Code, part string) {
	p.t.Helper()
	body, _ := a.body.(map[string]any)
	message, _ := body["message"].(string)
	if a.status != status || body["error"] != string(code) || !strings.Contains(message, part) {
		p.t.Errorf("got %d %s, want %d %s with %q", a.status, a.text, status, code, part)
	}
}

// create makes a table in public out of column objects.
func (p product) create(name string, columns ...string) {
	p.t.Helper()
	p.ok(p.call("POST", "/tables", `{"tableName":`+quote(name)+`,"columns":[`+strings.Join(columns, ",")+`]}`), http.StatusCreated)
}

// text is a nullable column of text.
func text(name string) string { return column(name, "string", "") }

// column is a nullable column; more are further members.
func column(name, kind, more string) string {
	return `{"columnName":` + quote(name) + `,"type":"` + kind + `","isNullable":true,"isUnique":false` + more + `}`
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// exec runs SQL as the owner.
func (p product) exec(sql string, args ...any) {
	p.t.Helper()
	err := p.db.AsOwner(context.Background(), func(tx pg.Tx) error {
		_, err := tx.Exec(context.Background(), sql, args...)
		return err
	})
	if err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
}

// value returns what a query of one row and column returns to the owner.
func value[T any](p product, sql string, args ...any) (v T) {
	p.t.Helper()
	err := p.db.AsOwner(context.Background(), func(tx pg.Tx) error {
		return tx.QueryRow(context.Background(), sql, args...).Scan(&v)
	})
	if err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// valueAs returns the same as a caller sees it.
func valueAs[T any](p product, who identity.Principal, sql string, args ...any) (v T, err error) {
	ctx := identity.With(context.Background(), who)
	err = p.db.As(ctx, func(tx pg.Tx) error { return tx.QueryRow(ctx, sql, args...).Scan(&v) })
	return v, err
}

// equal compares an answer's body with JSON text.
func (p product) equal(got any, want string) {
	p.t.Helper()
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		p.t.Fatalf("bad expectation: %v", err)
	}
	if diff := cmp.Diff(w, got); diff != "" {
		p.t.Errorf("unexpected answer (-want +got):\n%s", diff)
	}
}

// member returns a member of a JSON object.
func member(v any, name string) any {
	m, _ := v.(map[string]any)
	return m[name]
}

// names lists what a member of each object in an array says.
func names(v any, name string) (out []string) {
	list, _ := v.([]any)
	for _, e := range list {
		s, _ := member(e, name).(string)
		out = append(out, s)
	}
	return out
}
