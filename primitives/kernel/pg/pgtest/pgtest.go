// Package pgtest gives tests a database of their own on a real Postgres: one
// server per test binary, one template with the product's migrations, one
// clone per test.
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
package pgtest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/insforge/insforge-go/embed/bundle"
	"github.com/insforge/insforge-go/embed/postgres"
	"github.com/insforge/insforge-go/embed/scratch"
	"github.com/insforge/insforge-go/migrations"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	superuser = "postgres"
	password  = "pgtest"
	template  = "pgtest_template"
	// copyFiles takes a third of the time of logging the pages of a database.
	copyFiles = `STRATEGY FILE_COPY`
	// startTimeout covers a cold cache on a loaded machine.
	startTimeout = 2 * time.Minute
)

// AuditToken is what audit.NewRecorder needs to write in these databases.
var AuditToken = []byte("pgtest audit token")

// server is shared by the tests of one binary, which is why it is a variable;
// Main stops it.
var server struct {
	once sync.Once
	*postgres.Server
	err error
}

// admin is held while the template is copied: Postgres refuses to copy a
// database twice at a time.
var admin sync.Mutex

var databases atomic.Int64

// Main runs the tests of a package and stops the server they shared. It does
// not return.
func Main(m *testing.M) {
	os.Exit(scratch.Run(func() int {
		code := m.Run()
		if server.Server != nil {
			ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
			defer cancel()
			if err := server.Stop(ctx); err != nil {
				fmt.Fprintln(os.Stderr, "pgtest: stop Postgres:", err)
				code = max(code, 1)
			}
		}
		return code
	}))
}

// New returns both pools on a fresh database with all migrations applied. It
// is closed and dropped when the test ends.
func New(t testing.TB) *pg.DB {
	t.Helper()
	server.once.Do(func() { server.err = start() })
	if server.err != nil {
		t.Fatalf("pgtest: start Postgres: %v", server.err)
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	exec(t, fmt.Sprintf(`CREATE DATABASE %s TEMPLATE %s `+copyFiles, name, template))
	db, err := pg.Open(t.Context(), pg.Config{OwnerDSN: dsn(name), AuthenticatorPassword: password})
	if err != nil {
		t.Fatalf("pgtest: open database: %v", err)
	}
	t.Cleanup(func() {
		db.Close()
		exec(t, fmt.Sprintf(`DROP DATABASE %s WITH (FORCE)`, name))
	})
	return db
}

// Server returns the address of the server that New's databases live on, as
// the connection string of its superuser to database name, and its version
// number, for tests that need a connection of another kind.
func Server(t testing.TB, name string) string {
	t.Helper()
	server.once.Do(func() { server.err = start() })
	if server.err != nil {
		t.Fatalf("pgtest: start Postgres: %v", server.err)
	}
	return dsn(name)
}

func dsn(name string) string { return server.DSN(superuser, password, name) }

func exec(t testing.TB, sql string) {
	t.Helper()
	admin.Lock()
	defer admin.Unlock()
	// t.Context() has ended when cleanup runs.
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := execOnce(ctx, superuser, sql); err != nil {
		t.Fatalf("pgtest: %s: %v", sql, err)
	}
}

func execOnce(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, dsn(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func start() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	runtime, err := bundle.FindPostgres(ctx, bundle.Options{})
	if err != nil {
		return err
	}
	server.Server, err = postgres.Start(ctx, postgres.Options{
		DataDir:     filepath.Join(os.TempDir(), "pgtest"), // of scratch, which deletes it
		Runtime:     runtime,
		Password:    password,
		MemoryBytes: 1 << 30,
		Disposable:  true,
	})
	if err != nil {
		return err
	}
	return makeTemplate(ctx)
}

// Migrate applies the product's migrations as the user of config.
func Migrate(ctx context.Context, config *pgx.ConnConfig) error {
	db := stdlib.OpenDB(*config)
	defer db.Close() // a template must have no connection when it is copied
	_, err := migrations.Apply(ctx, db, slog.New(slog.DiscardHandler))
	return err
}

func makeTemplate(ctx context.Context) error {
	if err := execOnce(ctx, superuser, `CREATE DATABASE `+template+` `+copyFiles); err != nil {
		return err
	}
	config, err := pgx.ParseConfig(dsn(template))
	if err != nil {
		return err
	}
	if err := Migrate(ctx, config); err != nil {
		return err
	}
	pools, err := pg.Open(ctx, pg.Config{OwnerDSN: dsn(template), AuthenticatorPassword: password})
	if err != nil {
		return err
	}
	defer pools.Close()
	verifier, err := postgres.ScramVerifier(password)
	if err != nil {
		return err
	}
	return pools.Bootstrap(ctx, verifier, AuditToken)
}
