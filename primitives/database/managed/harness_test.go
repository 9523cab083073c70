package managed_test

import (
	"context"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	alice = resttest.UserID
	bob   = "22222222-2222-4222-8222-222222222222"
)

// start returns a database with everything that the migrations grant; rights
// on the database itself are not copied from the template.
func start(t testing.TB) *pg.DB {
	t.Helper()
	db := pgtest.New(t)
	owner(t, db, `DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO project_admin', current_database()); END $$`)
	return db
}

// owner runs SQL as the database owner.
func owner(t testing.TB, db *pg.DB, sql string) {
	t.Helper()
	err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		_, err := tx.Exec(t.Context(), sql)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// session is a connection as psql makes one: simple protocol, statements that
// commit by themselves, a login that became a role.
type session struct {
	testing.TB
	conn *pgconn.PgConn
}

// connect opens a session of the login of callers that became role.
func connect(t testing.TB, db *pg.DB, role string) session {
	t.Helper()
	pooled, err := db.AcquireCaller(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn := pooled.Hijack()
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	s := session{t, conn.PgConn()}
	s.must("SET ROLE " + role)
	return s
}

// connectOwner opens a session of a connection string's user.
func connectOwner(t testing.TB, dsn string) session {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return session{t, conn}
}

// run sends a text of one or more statements and returns the first error.
func (s session) run(sql string) error {
	_, err := s.conn.Exec(context.Background(), sql).ReadAll() // also when the test ends
	return err
}

func (s session) must(sql string) {
	s.Helper()
	if err := s.run(sql); err != nil {
		s.Fatalf("%s: %v", sql, err)
	}
}

// query returns the first value of a query as text, "" for NULL.
func (s session) query(sql string) string {
	s.Helper()
	results, err := s.conn.Exec(s.Context(), sql).ReadAll()
	if err != nil {
		s.Fatalf("%s: %v", sql, err)
	}
	return string(results[0].Rows[0][0])
}

// refused fails the test unless sql ends with this SQLSTATE.
func (s session) refused(state, sql string) {
	s.Helper()
	if err := s.run(sql); pg.State(err) != state {
		s.Errorf("%s: got %v, want SQLSTATE %s", sql, err, state)
	}
	_ = s.run("ROLLBACK") // of a transaction that the text opened
}

// value returns the one value of a query as the database owner.
func value[T any](t testing.TB, db *pg.DB, sql string, args ...any) (v T) {
	t.Helper()
	err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		rows, err := tx.Query(t.Context(), sql, args...)
		if err != nil {
			return err
		}
		v, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}
