package managed_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/database"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
	"github.com/rs/zerolog"
)

// serve mounts what the project reaches its database through.
func serve(t *testing.T, db *pg.DB) dbtest.Product {
	t.Helper()
	s, err := database.New(database.Deps{
		DB: db, Audit: audit.NewRecorder(pgtest.AuditToken), Events: &events.Bus{}, Token: pgtest.AuditToken, TempDir: t.TempDir(),
		MaxFileBytes: 1 << 20, MaxBodyBytes: 1 << 16, Log: zerolog.Nop(), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return dbtest.New(t, db, s.Mount)
}

func TestPoliciesOnManagedTablesComeThroughEveryRoute(t *testing.T) {
	t.Parallel()
	db := start(t)
	owner(t, db, depot)
	p := serve(t, db)
	query := func(sql string) string { return `{"query":` + resttest.JSON(sql) + `}` }
	for _, sql := range []string{
		`CREATE POLICY raw ON depot.parcels USING (owner_id = auth.uid())`,
		`ALTER TABLE depot.parcels ENABLE ROW LEVEL SECURITY`,
		`DROP POLICY IF EXISTS more ON depot.parcels; CREATE POLICY more ON depot.parcels FOR INSERT WITH CHECK (true)`,
	} {
		p.OK(p.Call(http.MethodPost, "/advance/rawsql", query(sql)), http.StatusOK)
	}
	const migration = `CREATE TABLE public.notes (id int); ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY; ALTER TABLE depot.parcels ENABLE ROW LEVEL SECURITY; CREATE POLICY migrated ON depot.parcels FOR UPDATE USING (true)`
	a := p.OK(p.Call(http.MethodPost, "/migrations/dry-run", `{"sql":`+resttest.JSON(migration)+`}`), http.StatusOK)
	if report := a.Body.(map[string]any); report["valid"] != true {
		t.Errorf("dry run: got %s, want a valid one", a.Text)
	}
	p.OK(p.Call(http.MethodPost, "/migrations", `{"version":"1","name":"policies","sql":`+resttest.JSON(migration)+`}`), http.StatusCreated)
	if got := value[string](t, db, `SELECT string_agg(policyname, ',' ORDER BY policyname) FROM pg_policies WHERE tablename = 'parcels'`); got != "migrated,more,raw" {
		t.Errorf("got policies %s", got)
	}
	before := state(t, db)
	for sql, part := range map[string]string{
		`ALTER TABLE depot.parcels ADD COLUMN x int`:                             "must be owner of table parcels",
		`ALTER TABLE depot.parcels ADD COLUMN x int, ENABLE ROW LEVEL SECURITY`:  "the product owns it",
		`DROP TABLE depot.parcels /* depot.parcels row level security */`:        "must be owner of table parcels",
		`CREATE EXTENSION dblink`:                                                "permission denied to create extension",
		`DO $$ BEGIN ALTER TABLE depot.parcels FORCE ROW LEVEL SECURITY; END $$`: "the product owns it",
	} {
		p.Refused(p.Call(http.MethodPost, "/advance/rawsql", query(sql)), http.StatusForbidden, fault.Forbidden, part)
	}
	if after := state(t, db); after != before {
		t.Errorf("got\n%s\nwant\n%s", after, before)
	}
}
