package managed_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sync/errgroup"
)

// depot is a schema of the product with two managed tables, one of which has
// row-level security already, and a table that is not managed. The project has
// tables, a role's worth of functions and a domain that runs code.
const depot = `
	CREATE SCHEMA depot;
	GRANT USAGE ON SCHEMA depot TO anon, authenticated, project_admin;
	CREATE TABLE depot.halls (name text PRIMARY KEY);
	CREATE TABLE depot.parcels (
	  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	  hall text REFERENCES depot.halls ON DELETE CASCADE,
	  owner_id uuid, weight int CHECK (weight > 0), note text);
	CREATE INDEX parcels_owner_idx ON depot.parcels (owner_id);
	CREATE TABLE depot.locked (id uuid PRIMARY KEY, owner_id uuid);
	ALTER TABLE depot.locked ENABLE ROW LEVEL SECURITY;
	COMMENT ON TABLE depot.parcels IS 'what is stored';
	CREATE TRIGGER parcels_stamp BEFORE UPDATE ON depot.locked FOR EACH ROW EXECUTE FUNCTION system.update_updated_at();
	GRANT SELECT, INSERT, UPDATE, DELETE ON depot.parcels, depot.locked TO authenticated;
	GRANT SELECT, REFERENCES (id) ON depot.parcels TO project_admin;
	GRANT SELECT ON depot.halls, depot.locked TO project_admin;
	SELECT system.manage_policies('depot.parcels'), system.manage_policies('depot.locked');
	INSERT INTO depot.halls VALUES ('a');
	INSERT INTO depot.parcels (id, hall, owner_id, weight, note) VALUES
	  ('00000000-0000-0000-0000-000000000001', 'a', '` + alice + `', 1, 'for alice'),
	  ('00000000-0000-0000-0000-000000000002', 'a', '` + bob + `', 2, 'for bob');`

// state is all that must not change: what the catalog says of the tables, who
// owns them, their rows, and that no window stays open.
func state(t testing.TB, db *pg.DB) string {
	t.Helper()
	return value[string](t, db, `
		SELECT concat_ws(' ',
		  (SELECT string_agg(concat_ws(' ', oid::regclass, relowner::regrole, relrowsecurity, ARRAY(SELECT unnest(relacl)::text ORDER BY 1), system.table_fingerprint(oid)), E'\n' ORDER BY oid)
		     FROM pg_class WHERE oid IN ('depot.parcels'::regclass, 'depot.locked'::regclass)),
		  (SELECT string_agg(p::text, ',' ORDER BY id) FROM depot.parcels p),
		  (SELECT count(*) FROM system.policy_windows),
		  (SELECT count(*) FROM pg_class WHERE relowner = 'insforge_policy_editor'::regrole))`)
}

func TestTheAdminWritesPoliciesOnManagedTables(t *testing.T) {
	t.Parallel()
	db := start(t)
	owner(t, db, depot)
	before := state(t, db)
	admin := connect(t, db, "project_admin")
	// One by one as psql sends them, in one text as a migration, in a block.
	admin.must(`CREATE POLICY mine ON depot.parcels FOR SELECT TO authenticated USING (owner_id = (SELECT auth.uid()))`)
	admin.must(`ALTER POLICY mine ON "depot"."parcels" RENAME TO own`)
	admin.must(`ALTER POLICY own ON depot.parcels USING (owner_id = auth.uid())`)
	admin.must(`
		DROP POLICY IF EXISTS gone ON DEPOT.Parcels;
		CREATE TABLE public.labels (id int PRIMARY KEY, parcel uuid);
		ALTER TABLE public.labels ADD FOREIGN KEY (parcel) REFERENCES depot.parcels (id);
		ALTER TABLE public.labels ENABLE ROW LEVEL SECURITY;
		CREATE POLICY ins ON depot.parcels FOR INSERT TO authenticated WITH CHECK (owner_id = auth.uid());
		CREATE POLICY own ON public.labels USING (true);
		ALTER TABLE depot.locked ENABLE /* again */ ROW LEVEL SECURITY;
		CREATE POLICY own ON depot.locked USING (owner_id = auth.uid());
		ALTER TABLE ONLY depot.parcels ENABLE ROW LEVEL SECURITY`)
	admin.must(`DO $do$ BEGIN
		EXECUTE format('CREATE POLICY del ON %I.%I FOR DELETE TO authenticated USING (owner_id = auth.uid())', 'depot', 'parcels');
		BEGIN
		  CREATE POLICY del ON depot.parcels USING (true);
		EXCEPTION WHEN duplicate_object THEN NULL;
		END;
	  END $do$`)
	got := value[string](t, db, `
		SELECT string_agg(concat_ws(' ', tablename, policyname, cmd, roles, qual, with_check), E'\n' ORDER BY tablename, policyname)
		  FROM pg_policies WHERE schemaname = 'depot'`)
	want := `locked own ALL {public} (owner_id = auth.uid())
parcels del DELETE {authenticated} (owner_id = auth.uid())
parcels ins INSERT {authenticated} (owner_id = auth.uid())
parcels own SELECT {authenticated} (owner_id = auth.uid())`
	if got != want {
		t.Errorf("got policies\n%s\nwant\n%s", got, want)
	}

	// They hold for users, and the product's own work continues.
	var seen string
	user := identity.With(t.Context(), identity.NewUser(alice, "", nil))
	if err := db.As(user, func(tx pg.Tx) error {
		return tx.QueryRow(user, `SELECT string_agg(note, ',') FROM depot.parcels`).Scan(&seen)
	}); err != nil || seen != "for alice" {
		t.Errorf("alice sees %q (%v), want her parcel", seen, err)
	}
	owner(t, db, `UPDATE depot.halls SET name = name; DELETE FROM depot.halls WHERE name = 'a'; ALTER TABLE depot.locked ADD COLUMN updated_at timestamptz`)
	if left := value[int64](t, db, `SELECT count(*) FROM depot.parcels`); left != 0 {
		t.Errorf("got %d parcels after their hall went, want 0", left)
	}

	// The server's administrator can become the admin as well, or change what
	// the table is.
	super := connectOwner(t, db.OwnerDSN())
	super.must(`SET ROLE project_admin; CREATE POLICY late ON depot.parcels USING (true); DROP POLICY late ON depot.parcels; RESET ROLE`)
	super.must(`ALTER TABLE depot.locked ENABLE ROW LEVEL SECURITY, ADD COLUMN more int; CREATE POLICY late ON depot.locked USING (true); DROP POLICY late ON depot.locked`)

	// All can be taken back, except what was on from the start.
	admin.must(`ALTER TABLE depot.parcels DISABLE ROW LEVEL SECURITY`)
	admin.refused("42501", `ALTER TABLE depot.locked DISABLE ROW LEVEL SECURITY`)
	admin.must(`DROP POLICY own ON depot.parcels; DROP POLICY ins ON depot.parcels; DROP POLICY del ON depot.parcels; DROP POLICY own ON depot.locked;
		DROP TABLE public.labels`)
	owner(t, db, `
		ALTER TABLE depot.locked DROP COLUMN updated_at, DROP COLUMN more;
		INSERT INTO depot.halls VALUES ('a');
		INSERT INTO depot.parcels (id, hall, owner_id, weight, note) VALUES
		  ('00000000-0000-0000-0000-000000000001', 'a', '`+alice+`', 1, 'for alice'),
		  ('00000000-0000-0000-0000-000000000002', 'a', '`+bob+`', 2, 'for bob')`)
	if before, after := parcels(before), parcels(state(t, db)); before != after {
		t.Errorf("the table differs afterwards: got\n%s\nwant\n%s", after, before)
	}
}

// parcels cuts the line of depot.parcels out of state: an added and dropped
// column leaves a trace in the other's.
func parcels(state string) string {
	line, _, _ := strings.Cut(state, "\n")
	return line
}

func TestManagedTablesWorkOnWhilePoliciesChange(t *testing.T) {
	t.Parallel()
	db := start(t)
	owner(t, db, depot)
	before := state(t, db)
	var running errgroup.Group
	for worker := range 3 {
		admin := connect(t, db, "project_admin")
		running.Go(func() error {
			for range 15 {
				err := admin.run(fmt.Sprintf(`
					CREATE POLICY p%[1]d ON depot.locked USING (true); CREATE POLICY p%[1]d ON depot.parcels USING (true);
					ALTER TABLE depot.parcels ENABLE ROW LEVEL SECURITY; ALTER TABLE depot.parcels DISABLE ROW LEVEL SECURITY;
					DROP POLICY p%[1]d ON depot.locked; DROP POLICY p%[1]d ON depot.parcels`, worker))
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	running.Go(func() error {
		for i := range 50 {
			err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
				_, err := tx.Exec(t.Context(), `INSERT INTO depot.halls VALUES ($1)`, fmt.Sprint(i))
				if err == nil {
					_, err = tx.Exec(t.Context(), `INSERT INTO depot.parcels (hall) VALUES ($1)`, fmt.Sprint(i))
				}
				if err == nil {
					_, err = tx.Exec(t.Context(), `DELETE FROM depot.halls WHERE name = $1`, fmt.Sprint(i))
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := running.Wait(); err != nil {
		t.Fatal(err)
	}
	if after := state(t, db); after != before {
		t.Errorf("got\n%s\nwant\n%s", after, before)
	}
}

func TestOnlyPlainTablesBecomeManaged(t *testing.T) {
	t.Parallel()
	db := start(t)
	owner(t, db, depot+`
		CREATE VIEW depot.view AS SELECT 1 AS x;
		CREATE TABLE depot.parted (id uuid) PARTITION BY LIST (id);
		CREATE TABLE depot.heir () INHERITS (depot.halls);
		CREATE TABLE depot.numbered (id bigint GENERATED ALWAYS AS IDENTITY);
		CREATE TABLE depot.hidden (id uuid)`)
	for table, want := range map[string]string{
		"view": "42809", "parted": "42809", "heir": "42809", "halls": "42809", "numbered": "0A000", "hidden": "42501", "parcels": "23505",
	} {
		err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
			_, err := tx.Exec(t.Context(), `SELECT system.manage_policies($1::text::regclass)`, "depot."+table)
			return err
		})
		if pg.State(err) != want {
			t.Errorf("%s: got %v, want SQLSTATE %s", table, err, want)
		}
	}
}

// TestWithoutASuperuserManagedTablesAreTheOwners migrates as a user that may
// not create event triggers, as on a managed Postgres.
func TestWithoutASuperuserManagedTablesAreTheOwners(t *testing.T) {
	t.Parallel()
	const name = "managed_tenant"
	super := connectOwner(t, pgtest.Server(t, "postgres"))
	super.must(`CREATE ROLE ` + name + ` LOGIN CREATEROLE PASSWORD 'p'`)
	super.must(`GRANT anon, authenticated, project_admin TO ` + name + ` WITH ADMIN OPTION`)
	super.must(`CREATE DATABASE ` + name + ` OWNER ` + name)
	t.Cleanup(func() {
		super.must(`DROP DATABASE ` + name + ` WITH (FORCE)`)
		super.must(`DROP OWNED BY ` + name)
		super.must(`DROP ROLE ` + name)
	})
	connectOwner(t, pgtest.Server(t, name)).must(`ALTER SCHEMA public OWNER TO ` + name)
	config, err := pgx.ParseConfig(pgtest.Server(t, name))
	if err != nil {
		t.Fatal(err)
	}
	config.User, config.Password = name, "p"
	if err := pgtest.Migrate(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	pool := stdlib.OpenDB(*config)
	defer pool.Close()
	if _, err := pool.ExecContext(t.Context(), depot); err != nil {
		t.Fatal(err)
	}
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, sql := range []string{`SET ROLE project_admin`, `CREATE TABLE public.t (id uuid)`, `CREATE POLICY p ON public.t USING (true)`, `ALTER TABLE public.t ENABLE ROW LEVEL SECURITY`} {
		if _, err := conn.ExecContext(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	_, err = conn.ExecContext(t.Context(), `CREATE POLICY p ON depot.parcels USING (true)`)
	if err == nil || !strings.Contains(err.Error(), "must be owner of table parcels") {
		t.Errorf("got %v, want that the table is the owner's", err)
	}
}
