package advisor_test

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database/advisor"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

// product is the routes on their own database, with scans being made.
type product struct {
	resttest.Client
	t    *testing.T
	db   *pg.DB
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
	p := product{Client: resttest.New(t, "/api/advisor", service.Mount), t: t, db: d.DB}
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
	return p
}

// get decodes the answer to a request that succeeds.
func get[T any](p product, method, path, body string, want int) (v T) {
	p.t.Helper()
	p.Call(method, path, body).OK(want).Decode(&v)
	return v
}

// refused fails the test unless a request is answered with this error.
func (p product) refused(method, path, body string, status int, code fault.Code, part string) {
	p.t.Helper()
	a := p.Call(method, path, body)
	a.Refused(status, code, part)
	if a.Envelope().NextActions == "" {
		p.t.Errorf("%s %s %s: got %s, want what to do next, too", method, path, body, a.Text)
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

// exec runs statements as the owner, as someone who pastes them would.
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
