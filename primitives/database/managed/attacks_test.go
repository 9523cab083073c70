package managed_test

import (
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
)

// traps are what the project may prepare: a function for each command to run
// inside of others, behind a domain whose check calls it. A literal of the
// domain's array type is checked while the command that holds it is parsed.
const traps = `
	SET ROLE project_admin;
	CREATE SCHEMA mine;
	CREATE TABLE mine.orders (command text);
	CREATE TABLE mine.t (id uuid PRIMARY KEY, other uuid);
	INSERT INTO mine.t VALUES (gen_random_uuid());
	CREATE TABLE mine.parted (id uuid, hall text, owner_id uuid, weight int, note text) PARTITION BY LIST (hall);
	CREATE TABLE mine.part PARTITION OF mine.parted FOR VALUES IN ('p');
	CREATE TABLE mine.empty ();
	CREATE TABLE mine.twin (LIKE depot.parcels INCLUDING ALL);
	CREATE FUNCTION mine.spring() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
	DECLARE c text;
	BEGIN
	  SELECT command INTO c FROM mine.orders;
	  EXECUTE c;
	  RETURN true;
	END $$;
	CREATE FUNCTION mine.spring_int() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN PERFORM mine.spring(); RETURN 1; END $$;
	CREATE DOMAIN mine.trap AS text CHECK (mine.spring());
	CREATE FUNCTION mine.stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
	RESET ROLE;`

// inside are commands of the project whose own code runs while depot.parcels is
// open to it.
var inside = []struct{ name, sql string }{
	{"CREATE POLICY", `CREATE POLICY p ON depot.parcels USING (note = ANY ('{x}'::mine.trap[]::text[]))`},
	{"ALTER POLICY", `ALTER POLICY there ON depot.parcels USING (note = ANY ('{x}'::mine.trap[]::text[]))`},
	{"ALTER TABLE of another table", `ALTER TABLE mine.t ADD COLUMN c int DEFAULT mine.spring_int() /* depot.parcels row level security */`},
	{"ALTER TABLE of the table", `ALTER TABLE depot.parcels ENABLE ROW LEVEL SECURITY, ADD COLUMN c int DEFAULT mine.spring_int()`},
}

// nested are what that code tries, with the SQLSTATE when it is refused.
var nested = []struct{ sql, state string }{
	{`DROP TABLE depot.parcels`, "42501"},
	{`ALTER TABLE depot.parcels OWNER TO project_admin`, "42501"},
	{`GRANT ALL ON depot.parcels TO anon`, "42501"},
	{`CREATE TRIGGER x BEFORE INSERT ON depot.parcels FOR EACH ROW EXECUTE FUNCTION mine.stamp()`, "42501"},
	{`CREATE CAST (depot.parcels AS int) WITH FUNCTION mine.cast(depot.parcels) AS IMPLICIT`, "42501"},
	{`CREATE TABLE mine.heir () INHERITS (depot.parcels)`, "42501"},
	{`CREATE RULE r AS ON INSERT TO depot.parcels DO INSTEAD NOTHING`, "42501"},
	{`CREATE INDEX i ON depot.parcels (note)`, "42501"},
	{`CREATE POLICY q ON depot.parcels USING (true)`, "42501"},
	{`COMMENT ON TABLE depot.parcels IS 'mine'`, "42501"},
	{`DROP OWNED BY insforge_policy_editor`, "42501"},
	{`ALTER DEFAULT PRIVILEGES FOR ROLE insforge_policy_editor GRANT ALL ON TABLES TO anon`, "42501"},
	{`CREATE TEMP TABLE x ()`, "42501"},
	{`REASSIGN OWNED BY insforge_policy_editor TO project_admin`, "42501"},
	{`SET ROLE insforge_policy_editor`, "42501"},
	{`GRANT insforge_policy_editor TO anon`, "42501"},
	{`INSERT INTO depot.parcels (weight) VALUES (1)`, "42501"},
	{`UPDATE depot.parcels SET note = 'mine'`, "42501"},
	{`DELETE FROM depot.parcels`, "42501"},
	{`TRUNCATE depot.parcels`, "42501"},
	{`LOCK TABLE depot.parcels`, "42501"},
	{`COPY depot.parcels FROM '/dev/null'`, "42501"},
	{`DELETE FROM system.policy_windows`, "42501"},
	{`SET CONSTRAINTS ALL IMMEDIATE`, "42501"},
	{`SET session_replication_role = replica`, "42501"},
	{`COMMIT`, "0A000"}, // no transaction commands in a function
}

func TestCodeInsideACommandGainsNothing(t *testing.T) {
	t.Parallel()
	db := start(t)
	owner(t, db, depot+traps+`CREATE POLICY there ON depot.parcels USING (false)`)
	before := state(t, db)
	admin := connect(t, db, "project_admin")
	for _, outer := range inside {
		for _, attempt := range nested {
			if _, err := admin.conn.ExecParams(t.Context(), `WITH gone AS (DELETE FROM mine.orders) INSERT INTO mine.orders VALUES ($1)`,
				[][]byte{[]byte(attempt.sql)}, nil, nil, nil).Close(); err != nil {
				t.Fatal(err)
			}
			err := admin.run(outer.sql)
			if pg.State(err) != attempt.state {
				t.Errorf("%s with %s inside: got %v, want SQLSTATE %s", outer.name, attempt.sql, err, attempt.state)
			}
			// Caught, the failure changes nothing but what the command itself does.
			caught := quote.Literal(`DO $do$ BEGIN ` + attempt.sql + `; EXCEPTION WHEN OTHERS THEN NULL; END $do$`)
			admin.must(`DELETE FROM mine.orders; INSERT INTO mine.orders VALUES (` + caught + `)`)
			admin.must(`BEGIN`)
			_ = admin.run(outer.sql)
			admin.must(`ROLLBACK`)
			if after := state(t, db); after != before {
				t.Fatalf("%s with %s inside: got\n%s\nwant\n%s", outer.name, attempt.sql, after, before)
			}
		}
	}
}

func TestNothingElseOfAManagedTableCanBeChanged(t *testing.T) {
	t.Parallel()
	db := start(t)
	owner(t, db, depot+traps)
	before := state(t, db)
	admin := connect(t, db, "project_admin")
	admin.must(`INSERT INTO mine.orders VALUES ('SELECT 1')`)
	// A text that speaks of row-level security opens the table to ALTER TABLE;
	// what does not is refused by Postgres itself.
	for _, mark := range []string{"", " /* depot.parcels row level security */"} {
		for _, sql := range []string{
			`ADD COLUMN x int`, `ADD COLUMN x int DEFAULT mine.spring_int()`, `DROP COLUMN note`, `ALTER COLUMN note TYPE varchar(9)`,
			`ALTER COLUMN weight TYPE int USING mine.spring_int()`, `ALTER COLUMN note SET DEFAULT 'x'`, `ALTER COLUMN note SET NOT NULL`,
			`ALTER COLUMN note SET STATISTICS 9`, `ALTER COLUMN note SET (n_distinct = 5)`, `ALTER COLUMN note SET STORAGE EXTERNAL`,
			`ADD CHECK (mine.spring())`, `ADD UNIQUE (note)`, `DROP CONSTRAINT parcels_weight_check`, `ADD FOREIGN KEY (id) REFERENCES mine.t NOT VALID`,
			`RENAME TO mine`, `RENAME COLUMN note TO mine`, `RENAME CONSTRAINT parcels_weight_check TO mine`,
			`SET SCHEMA mine`, `SET SCHEMA public`, `OWNER TO project_admin`, `OWNER TO anon`,
			`SET UNLOGGED`, `SET (fillfactor = 50)`, `SET TABLESPACE pg_default, SET (fillfactor = 50)`, `REPLICA IDENTITY FULL`, `CLUSTER ON parcels_pkey`,
			`DISABLE TRIGGER USER, ADD COLUMN x int`, `DISABLE TRIGGER ALL`, `INHERIT mine.empty`, `FORCE ROW LEVEL SECURITY`,
			`ENABLE ROW LEVEL SECURITY, ADD COLUMN x int`, `ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
		} {
			if err := admin.run(`ALTER TABLE depot.parcels ` + sql + mark); err == nil {
				t.Errorf("ALTER TABLE depot.parcels %s%s was accepted", sql, mark)
			}
		}
		for _, sql := range []string{
			`DISABLE TRIGGER parcels_stamp`, `ENABLE REPLICA TRIGGER parcels_stamp`, `DISABLE TRIGGER USER`, `DISABLE ROW LEVEL SECURITY`,
		} {
			if err := admin.run(`ALTER TABLE depot.locked ` + sql + strings.ReplaceAll(mark, "parcels", "locked")); err == nil {
				t.Errorf("ALTER TABLE depot.locked %s was accepted", sql)
			}
		}
		for _, sql := range []string{
			`ALTER TABLE mine.twin INHERIT depot.parcels`, `ALTER TABLE mine.parted ATTACH PARTITION depot.parcels FOR VALUES IN ('a')`,
			`ALTER TABLE mine.t ADD FOREIGN KEY (other) REFERENCES depot.locked`, // no REFERENCES
			`ALTER TABLE IF EXISTS depot.parcels RENAME weight TO w`,
			`ALTER TABLE depot.parcels_pkey RENAME TO mine`, `ALTER INDEX depot.parcels_pkey SET (fillfactor = 50)`,
			`CREATE INDEX ON depot.parcels (note)`, `CREATE INDEX CONCURRENTLY ON depot.parcels (mine.spring())`, `DROP INDEX depot.parcels_owner_idx`,
			`DROP INDEX CONCURRENTLY depot.parcels_owner_idx`, `REINDEX TABLE depot.parcels`, `CLUSTER depot.parcels USING parcels_pkey`,
			`CREATE TRIGGER x BEFORE INSERT ON depot.parcels FOR EACH ROW EXECUTE FUNCTION mine.stamp()`,
			`CREATE RULE r AS ON SELECT TO depot.parcels DO INSTEAD SELECT 1`, `DROP TRIGGER parcels_stamp ON depot.locked`,
			`CREATE TABLE mine.heir () INHERITS (depot.parcels)`, `CREATE STATISTICS mine.s ON weight, note FROM depot.parcels`,
			`CREATE PUBLICATION p FOR TABLE depot.parcels`, `CREATE TABLE depot.mine ()`, `CREATE CAST (depot.parcels AS json) WITH INOUT AS IMPLICIT`,
			`DROP TABLE depot.parcels`, `DROP TABLE depot.parcels CASCADE`, `DROP SCHEMA depot CASCADE`, `TRUNCATE depot.parcels`,
			`INSERT INTO depot.parcels (weight) VALUES (1)`, `UPDATE depot.parcels SET weight = 3`, `DELETE FROM depot.parcels`,
			`COPY depot.parcels FROM '/dev/null'`, `BEGIN; LOCK TABLE depot.parcels IN ACCESS EXCLUSIVE MODE`,
			`COMMENT ON TABLE depot.parcels IS 'mine'`,
			`SECURITY LABEL ON TABLE depot.parcels IS 'x'`, `ALTER TYPE depot.parcels OWNER TO project_admin`,
			`SET ROLE insforge_policy_editor`, `GRANT insforge_policy_editor TO authenticated`,
			`REVOKE insforge_policy_editor FROM project_admin`, `REASSIGN OWNED BY postgres TO project_admin`,
			`ALTER ROLE insforge_policy_editor SUPERUSER`, `DROP ROLE insforge_policy_editor`,
			`INSERT INTO system.managed_tables VALUES ('depot.halls', false)`, `DELETE FROM system.managed_tables`,
			`UPDATE system.managed_tables SET rls_required = false`, `SELECT system.manage_policies('mine.t')`, `SELECT system.manage_policies('depot.halls')`,
			`INSERT INTO system.policy_windows VALUES ('mine.t', 'project_admin', '', false)`, `DELETE FROM system.policy_windows`,
			`SELECT * FROM system.policy_windows`, `SELECT system.open_policy_windows()`, `SELECT system.close_policy_windows()`,
			`CREATE TRIGGER x AFTER INSERT ON mine.t FOR EACH ROW EXECUTE FUNCTION system.refuse_policy_window()`,
			`CREATE EVENT TRIGGER x ON ddl_command_end EXECUTE FUNCTION system.close_policy_windows()`,
			`DROP EVENT TRIGGER insforge_policy_windows_close`, `ALTER EVENT TRIGGER insforge_policy_windows_close DISABLE`,
			`SET session_replication_role = replica`, `ALTER TABLE system.policy_windows DISABLE TRIGGER ALL`,
			`CREATE OR REPLACE FUNCTION system.table_fingerprint(relation regclass) RETURNS text LANGUAGE sql RETURN 'x'`,
			`CREATE POLICY p ON depot.halls USING (true)`, `ALTER TABLE depot.halls ENABLE ROW LEVEL SECURITY`,
			`CREATE POLICY p ON system.secrets USING (true) /* depot.parcels */`, `ALTER TABLE auth.users DISABLE ROW LEVEL SECURITY /* depot.parcels */`,
		} {
			if err := admin.run(sql + mark); err == nil {
				t.Errorf("%s%s was accepted", sql, mark)
			}
			_ = admin.run("ROLLBACK")
		}
		// Postgres only warns that these do nothing.
		for _, sql := range []string{
			`GRANT ALL ON depot.parcels TO project_admin WITH GRANT OPTION`, `GRANT UPDATE (note) ON depot.parcels TO anon`,
			`REVOKE SELECT ON depot.parcels FROM authenticated`, `REASSIGN OWNED BY insforge_policy_editor TO project_admin`,
			`DROP OWNED BY insforge_policy_editor`, `ALTER TABLE depot.parcels OWNER TO insforge_policy_editor`,
			`VACUUM depot.parcels`, `ANALYZE depot.parcels`,
		} {
			_ = admin.run(sql + mark)
		}
		if after := state(t, db); after != before {
			t.Fatalf("got\n%s\nwant\n%s", after, before)
		}
	}
}

func TestAWindowCannotBeCommitted(t *testing.T) {
	t.Parallel()
	db := start(t)
	owner(t, db, depot+traps)
	before := state(t, db)
	admin := connect(t, db, "project_admin")
	// This command commits midway and then waits for every older snapshot.
	err := admin.run(`ALTER TABLE mine.parted DETACH PARTITION mine.part CONCURRENTLY /* depot.parcels row level security */`)
	if err == nil || !strings.Contains(err.Error(), "commits midway") {
		t.Errorf("got %v, want the refusal of a commit", err)
	}
	// A transaction in which the check cannot wait for the end has no windows.
	admin.refused("42501", `BEGIN; SET CONSTRAINTS ALL IMMEDIATE; CREATE POLICY p ON depot.parcels USING (true); COMMIT`)
	admin.must(`BEGIN; CREATE POLICY p ON depot.parcels USING (true); SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK`)
	if after := state(t, db); after != before {
		t.Errorf("got\n%s\nwant\n%s", after, before)
	}
}

func TestOtherRolesGainNothingFromManagedTables(t *testing.T) {
	t.Parallel()
	db := start(t)
	owner(t, db, depot+`CREATE POLICY there ON depot.parcels USING (false)`)
	before := state(t, db)
	for _, role := range []string{"anon", "authenticated", pg.Authenticator} {
		s := connect(t, db, quote.Identifier(role))
		for _, sql := range []string{
			`CREATE POLICY p ON depot.parcels USING (true)`, `ALTER TABLE depot.parcels ENABLE ROW LEVEL SECURITY`,
			`ALTER TABLE depot.parcels ADD COLUMN x int /* row level security */`, `DROP POLICY there ON depot.parcels`,
			`SET ROLE insforge_policy_editor`, `REASSIGN OWNED BY insforge_policy_editor TO CURRENT_USER`, `SELECT * FROM system.policy_windows`,
			`SELECT system.manage_policies('depot.halls')`,
		} {
			s.refused("42501", sql)
		}
	}
	if after := state(t, db); after != before {
		t.Errorf("got\n%s\nwant\n%s", after, before)
	}
}
