package changes_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database/changes"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
	"github.com/rs/zerolog"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// product is the routes on a database of their own.
type product struct {
	dbtest.Product
	news *events.Subscription
}

func start(t *testing.T) product {
	t.Helper()
	return startOn(t, pgtest.New(t), changes.Limits{})
}

// startOn mounts the routes of one process; several on a database are several
// processes.
func startOn(t *testing.T, db *pg.DB, limits changes.Limits) product {
	t.Helper()
	bus := &events.Bus{}
	s, err := changes.New(changes.Deps{
		DB: db, Audit: audit.NewRecorder(pgtest.AuditToken), Events: bus, Token: pgtest.AuditToken, Limits: limits, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return product{Product: dbtest.New(t, db, s.Mount), news: bus.Subscribe()}
}

// apply posts a migration named "change".
func (p product) apply(version, sql string) resttest.Answer {
	p.T.Helper()
	return p.Call("POST", "/migrations", migration(version, sql))
}

func migration(version, sql string) string {
	return fmt.Sprintf(`{"version":%q,"name":"change","sql":%s}`, version, resttest.JSON(sql))
}

func (p product) dryRun(sql string) resttest.Answer {
	p.T.Helper()
	return p.Call("POST", "/migrations/dry-run", `{"sql":`+resttest.JSON(sql)+`}`)
}

// untouched complains unless no migration left any trace: no row, no audit
// row, no event, no object in public, no session. A server process that was
// ended needs a moment to give its locks back.
func (p product) untouched(what string) {
	p.T.Helper()
	const trace = `
		SELECT (SELECT count(*) FROM system.custom_migrations)
		    || ' ' || (SELECT count(*) FROM system.audit_logs)
		    || ' ' || (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)`
	p.WaitFor(`SELECT NOT ` + migrating)
	if got := dbtest.Value[string](p.Product, trace); got != "0 0 0" {
		p.T.Errorf("%s: got %s migrations, audit rows and relations, want none", what, got)
	}
	if news := dbtest.Announced(p.news); news != nil {
		p.T.Errorf("%s: got %v announced", what, news)
	}
}

// listen returns what is notified on channel pgrst until the test ends.
func (p product) listen() <-chan string {
	p.T.Helper()
	l := pg.NewListener(p.DB.OwnerDSN(), zerolog.Nop())
	heard, up := make(chan string, 100), make(chan struct{}, 1)
	l.On("pgrst", func(payload string) { heard <- payload })
	l.On("mark", func(string) { heard <- "mark" })
	l.OnConnect(func() { up <- struct{}{} })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	p.T.Cleanup(func() {
		cancel()
		<-done
	})
	<-up
	return heard
}

// heard returns what was notified before now.
func (p product) heard(from <-chan string) (all []string) {
	p.T.Helper()
	p.Exec(`NOTIFY mark`)
	for s := range from {
		if s == "mark" {
			return all
		}
		all = append(all, s)
	}
	return all
}

func ok(status int) bool { return status == http.StatusOK || status == http.StatusCreated }
