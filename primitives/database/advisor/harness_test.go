package advisor_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database/advisor"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	adminToken = "admin.access.token"
	userToken  = "user.access.token"
	anonKey    = "anon_test"
	// patience is how long a test waits for what must come.
	patience = 2 * time.Minute
)

// callers knows one credential of each kind.
type callers struct{}

func (callers) APIKey(context.Context, string) (identity.Principal, error) {
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
		return identity.NewUser("11111111-1111-4111-8111-111111111111", "u@example.com", nil), nil
	}
	return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthUnauthorized, "Invalid token")
}

// product is the routes on a database of their own, with scans being made.
type product struct {
	t    *testing.T
	db   *pg.DB
	echo *echo.Echo
	stop func() // ends Run and waits for it
}

func start(t *testing.T, d advisor.Deps) product {
	t.Helper()
	if d.DB == nil {
		d.DB = pgtest.New(t)
	}
	d.Log = zerolog.New(zerolog.NewTestWriter(t))
	service, err := advisor.New(d)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	stopped := false
	p := product{t: t, db: d.DB, echo: echo.New()}
	p.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(p.stop)
	p.echo.HTTPErrorHandler = writeError
	service.Mount(rest.NewRouter(p.echo.Group("/api/advisor"), callers{}))
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

// call sends a request as an administrator; path is below /api/advisor.
func (p product) call(method, path, body string) (status int, text string) {
	p.t.Helper()
	return p.callAs("Bearer "+adminToken, method, path, body)
}

func (p product) callAs(authorization, method, path, body string) (status int, text string) {
	p.t.Helper()
	r := httptest.NewRequest(method, "/api/advisor"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	p.echo.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

// get decodes the answer to a request that succeeds.
func get[T any](p product, method, path, body string, want int) (v T) {
	p.t.Helper()
	status, text := p.call(method, path, body)
	if status != want {
		p.t.Fatalf("%s %s: got %d %s, want %d", method, path, status, text, want)
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		p.t.Fatalf("%s %s: %q: %v", method, path, text, err)
	}
	return v
}

// refused fails the test unless a request is answered with this error.
func (p product) refused(method, path, body string, status int, code fault.Code, part string) {
	p.t.Helper()
	got, text := p.call(method, path, body)
	var f struct {
		Error       fault.Code
		Message     string
		NextActions string
	}
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		p.t.Fatalf("%s %s: %q: %v", method, path, text, err)
	}
	if got != status || f.Error != code || !strings.Contains(f.Message, part) || f.NextActions == "" {
		p.t.Errorf("%s %s %s: got %d %s, want %d %s with %q and what to do next", method, path, body, got, text, status, code, part)
	}
}

type summary struct {
	ScanID, Status, ScanType string
	ScannedAt                time.Time
	ErrorMessage             *string
	Summary                  struct{ Total, Critical, Warning, Info int }
}

func (p product) latest() *summary {
	p.t.Helper()
	return get[*summary](p, "GET", "/latest", "", http.StatusOK)
}

// until waits for a condition.
func until(t testing.TB, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// begin starts a scan and returns its id.
func (p product) begin() string {
	p.t.Helper()
	return get[struct{ ScanID string }](p, "POST", "/scan", "", http.StatusCreated).ScanID
}

// ended waits for the end of a scan.
func (p product) ended(id string) (s *summary) {
	p.t.Helper()
	until(p.t, "the end of the scan", func() bool {
		s = p.latest()
		return s != nil && s.ScanID == id && s.Status != "running"
	})
	return s
}

type issue struct {
	ID, RuleID, Severity, Category, Title, Description, AffectedObject, Recommendation string
}

// scan makes a scan that completes and returns all of its findings.
func (p product) scan() []issue {
	p.t.Helper()
	s := p.ended(p.begin())
	if s.Status != "completed" || s.ErrorMessage != nil {
		p.t.Fatalf("got scan %s, error %q, want a completed one", s.Status, *cmp.Or(s.ErrorMessage, new(string)))
	}
	list := get[struct {
		Issues []issue
		Total  int
	}](p, "GET", "/issues?limit=10000", "", http.StatusOK)
	if list.Total != len(list.Issues) {
		p.t.Fatalf("got total %d of %d findings", list.Total, len(list.Issues))
	}
	return list.Issues
}

// of are the findings of a rule, as "severity object", sorted.
func of(issues []issue, rule string) (found []string) {
	for _, i := range issues {
		if i.RuleID == rule {
			found = append(found, i.Severity+" "+i.AffectedObject)
		}
	}
	slices.Sort(found)
	return found
}

// connect returns a connection of the owner's, closed when the test ends.
func (p product) connect() *pgx.Conn {
	p.t.Helper()
	return dial(p.t, p.db.OwnerDSN())
}

func dial(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// exec runs statements as the owner, as somebody who pastes them does.
func (p product) exec(sql string) {
	p.t.Helper()
	run(p.t, p.connect(), sql)
}

func run(t testing.TB, conn *pgx.Conn, sql string) {
	t.Helper()
	if err := conn.PgConn().Exec(context.Background(), sql).Close(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
