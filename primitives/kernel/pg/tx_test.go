package pg_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
)

var errOurs = errors.New("ours")

// insert adds a row to public.log.
func insert(tx pg.Tx) error {
	_, err := tx.Exec(context.Background(), `INSERT INTO public.log VALUES (1)`)
	return err
}

// logged returns a database with the empty table public.log.
func logged(t testing.TB) *pg.DB {
	t.Helper()
	db := pgtest.New(t)
	owner(t, db, `CREATE TABLE public.log (n int)`)
	return db
}

func TestWhatATransactionLeavesFollowsFromHowItEnds(t *testing.T) {
	t.Parallel()
	declared := fault.New(401, fault.AuthInvalidCredentials, "no")
	for _, tt := range []struct {
		name  string
		end   func(pg.Tx) error
		rows  int
		hooks bool
		want  error  // errors.Is
		state string // SQLSTATE
	}{
		{"success commits", func(pg.Tx) error { return nil }, 1, true, nil, ""},
		{"an error rolls back", func(pg.Tx) error { return errOurs }, 0, false, errOurs, ""},
		{"a persisted error commits and comes back", func(pg.Tx) error { return pg.Persist(declared) }, 1, true, declared, ""},
		{"a wrapped persisted error commits too", func(pg.Tx) error { return errors.Join(errOurs, pg.Persist(declared)) }, 1, true, declared, ""},
		{"an overlooked failure of a statement does not count as success", func(tx pg.Tx) error {
			_, _ = tx.Exec(context.Background(), `SELECT 1/0`)
			return nil
		}, 0, false, pgx.ErrTxCommitRollback, ""},
		{"a deferred constraint fails the commit", func(tx pg.Tx) error {
			_, err := tx.Exec(context.Background(), `
				CREATE TABLE public.d (n int UNIQUE DEFERRABLE INITIALLY DEFERRED);
				INSERT INTO public.d VALUES (1), (1)`)
			return err
		}, 0, false, nil, "23505"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := logged(t)
			var order []int
			err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
				for i := range 3 {
					tx.OnCommit(func() { order = append(order, i) })
				}
				return errors.Join(insert(tx), tt.end(tx))
			})
			if pg.State(err) != tt.state || tt.state == "" && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v%s", err, tt.want, tt.state)
			}
			if pg.Gone(err) {
				t.Errorf("%v is taken for a lost database", err)
			}
			if got := count(t, db, "public.log"); got != tt.rows {
				t.Errorf("got %d rows, want %d", got, tt.rows)
			}
			var want []int
			if tt.hooks {
				want = []int{0, 1, 2}
			}
			if diff := cmp.Diff(want, order); diff != "" {
				t.Errorf("what waited for the commit: -want +got\n%s", diff)
			}
		})
	}
}

func TestHooksFollowTheCommitOfASeparateConnection(t *testing.T) {
	t.Parallel()
	db := logged(t)
	conn, err := pgx.ConnectConfig(t.Context(), db.ConnConfig(true))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, tt := range []struct {
		name string
		end  func(pg.Tx) error
		rows int // that the hook sees; -1 where none runs
		want error
	}{
		{"commit", func(tx pg.Tx) error { return tx.Commit(t.Context()) }, 1, nil},
		{"rollback", func(tx pg.Tx) error { return tx.Rollback(t.Context()) }, -1, nil},
		{"a commit of what failed", func(tx pg.Tx) error {
			_, _ = tx.Exec(t.Context(), `SELECT 1/0`)
			return tx.Commit(t.Context())
		}, -1, pgx.ErrTxCommitRollback},
		{"a commit after the rollback", func(tx pg.Tx) error {
			return errors.Join(tx.Rollback(t.Context()), tx.Commit(t.Context()))
		}, -1, pgx.ErrTxClosed},
	} {
		tx, err := pg.Begin(t.Context(), conn, pgx.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		rows := -1
		tx.OnCommit(func() { rows = count(t, db, "public.log") })
		if err := insert(tx); err != nil {
			t.Fatal(err)
		}
		if err := tt.end(tx); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if rows != tt.rows {
			t.Errorf("%s: the hook saw %d rows, want %d", tt.name, rows, tt.rows)
		}
		owner(t, db, `TRUNCATE public.log`)
	}
}

func TestAHookSeesTheCommittedData(t *testing.T) {
	t.Parallel()
	db := logged(t)
	rows := -1
	err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
		tx.OnCommit(func() { rows = count(t, db, "public.log") })
		return insert(tx)
	})
	if err != nil || rows != 1 {
		t.Errorf("got %d rows (%v), want 1", rows, err)
	}
}

func TestAPanicRollsBackAndReturnsTheConnection(t *testing.T) {
	t.Parallel()
	db := logged(t)
	for range 50 { // more than both pools hold
		for _, run := range []func(context.Context, func(pg.Tx) error) error{db.As, db.AsOwner} {
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the panic was swallowed")
					}
				}()
				ctx := as(t, identity.NewAdmin(identity.APIKey, ""))
				_ = run(ctx, func(tx pg.Tx) error {
					if err := insert(tx); err != nil {
						t.Error(err)
					}
					panic("broken")
				})
			}()
		}
	}
	if got := count(t, db, "public.log"); got != 0 {
		t.Errorf("got %d rows, want 0", got)
	}
}

func TestACancelledCallerRollsBackAndTheNextGetsAGoodConnection(t *testing.T) {
	t.Parallel()
	db := logged(t)
	for name, run := range map[string]func(context.Context, func(pg.Tx) error) error{"As": db.As, "AsOwner": db.AsOwner} {
		ctx, cancel := context.WithCancel(as(t, identity.NewAdmin(identity.APIKey, "")))
		err := run(ctx, func(tx pg.Tx) error {
			if err := insert(tx); err != nil {
				return err
			}
			cancel()
			_, err := tx.Exec(ctx, `SELECT pg_sleep(60)`)
			return err
		})
		if !errors.Is(err, context.Canceled) || pg.Gone(err) {
			t.Errorf("%s: got %v, want context.Canceled and no lost database", name, err)
		}
		ctx, cancel = context.WithCancel(as(t, identity.NewAdmin(identity.APIKey, "")))
		err = run(ctx, func(tx pg.Tx) error {
			defer cancel() // between the work and the commit
			return insert(tx)
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v from a commit after the end, want context.Canceled", name, err)
		}
	}
	if got := count(t, db, "public.log"); got != 0 {
		t.Errorf("got %d rows, want 0", got)
	}
	if err := db.As(t.Context(), func(pg.Tx) error { return nil }); err != nil {
		t.Errorf("the next transaction: %v", err)
	}
}

func TestABrokenConnectionIsTold(t *testing.T) {
	t.Parallel()
	db := logged(t)
	err := db.As(t.Context(), func(tx pg.Tx) error {
		kill(t, db, tx.Conn().PgConn().PID())
		_, err := tx.Exec(t.Context(), `SELECT 1`)
		return err
	})
	if !pg.Gone(err) {
		t.Errorf("during a statement: got %v, want a lost database", err)
	}
	err = db.AsOwner(t.Context(), func(tx pg.Tx) error {
		if err := insert(tx); err != nil {
			return err
		}
		tx.OnCommit(func() { t.Error("a hook ran although nothing was committed") })
		kill(t, db, tx.Conn().PgConn().PID())
		return nil
	})
	if !pg.Gone(err) {
		t.Errorf("at the commit: got %v, want a lost database", err)
	}
	if got := count(t, db, "public.log"); got != 0 {
		t.Errorf("got %d rows, want 0", got)
	}
	conn, err := db.AcquireCaller(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kill(t, db, conn.Conn().PgConn().PID())
	for n := range 2 { // the second finds the connection closed already
		if _, err := conn.Exec(t.Context(), `SELECT 1`); !pg.Gone(err) && n == 1 {
			t.Errorf("on a closed connection: got %v, want a lost database", err)
		}
	}
	conn.Release()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	nobody, err := pg.Open(t.Context(), pg.Config{OwnerDSN: "postgres://u:hunter2@127.0.0.1:" + strconv.Itoa(port) + "/x?sslmode=disable"})
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	if err := nobody.AsOwner(t.Context(), func(pg.Tx) error { return nil }); !pg.Gone(err) {
		t.Errorf("where nobody listens: got %v, want a lost database", err)
	}
}

// kill ends a backend and waits until it is gone.
func kill(t testing.TB, db *pg.DB, pid uint32) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.OwnerDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var gone bool
	if err := conn.QueryRow(t.Context(), `SELECT pg_terminate_backend($1, 120000)`, int32(pid)).Scan(&gone); err != nil || !gone {
		t.Fatalf("end backend %d: %v %v", pid, gone, err)
	}
}
