package tables_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
	"github.com/jackc/pgx/v5"
)

func TestAlterAppliesAllChangesInOrder(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.create("teams", text("name"))
	p.OK(p.Call("POST", "/tables", `{"tableName":"people","columns":[`+text("name")+`,`+column("team", "uuid", "")+`,`+
		column("age", "integer", `,"defaultValue":"1"`)+`],"foreignKeys":[`+reference("team", "teams", "id")+`]}`), http.StatusCreated)
	p.Exec(`INSERT INTO people (name) VALUES ('a'), ('b')`)

	a := p.OK(p.Call("PATCH", "/tables/people/schema", `{
		"renameTable":{"newTableName":"Members"},
		"addForeignKeys":[`+reference("crew", "public.teams", "id")+`,`+reference("owner", "auth.users", "id")+`],
		"addColumns":[{"columnName":"team","type":"string","isNullable":false,"isUnique":false,"defaultValue":"none"},`+
		column("owner", "uuid", "")+`,{"columnName":"token","type":"uuid","isNullable":false,"isUnique":true}],
		"updateColumns":[{"columnName":"name","newColumnName":"full name","defaultValue":"it's"},
		                 {"columnName":"full name","newColumnName":"label"},
		                 {"columnName":"age","defaultValue":""},
		                 {"columnName":"crew","newColumnName":"crew"}],
		"dropColumns":["team"],
		"dropForeignKeys":["fk_team_teams_id"]}`), http.StatusBadRequest)
	// "crew" does not exist: nothing of the whole request may have happened.
	p.Equal(resttest.Member(p.Call("GET", "/tables/people/schema", "").Body, "recordCount"), `2`)

	a = p.OK(p.Call("PATCH", "/tables/people/schema", `{
		"renameTable":{"newTableName":"Members"},
		"addForeignKeys":[`+reference("owner", "auth.users", "id")+`],
		"addColumns":[{"columnName":"team","type":"string","isNullable":false,"isUnique":false,"defaultValue":"none"},`+
		column("owner", "uuid", "")+`,{"columnName":"token","type":"uuid","isNullable":false,"isUnique":true}],
		"updateColumns":[{"columnName":"name","newColumnName":"full name","defaultValue":"it's"},
		                 {"columnName":"full name","newColumnName":"label"},
		                 {"columnName":"age","defaultValue":""}],
		"dropColumns":["team"],
		"dropForeignKeys":["fk_team_teams_id"]}`), http.StatusOK)
	p.Equal(a.Body, `{"schemaName":"public","message":"table schema updated successfully","tableName":"people","operations":[
		"Dropped foreign key: fk_team_teams_id","Dropped column: team",
		"Changed default value of column: name","Renamed column: name to full name","Renamed column: full name to label",
		"Dropped default value of column: age",
		"Added column: team","Added column: owner","Added column: token",
		"Added foreign key: fk_owner_auth_users_id","Renamed table: people to Members"]}`)

	p.Equal(p.Call("GET", "/tables", "").Body, `["Members","teams"]`)
	read := p.OK(p.Call("GET", "/tables/Members/schema", ""), http.StatusOK).Body
	if diff := cmp.Diff([]string{"id", "label", "age", "created_at", "updated_at", "team", "owner", "token"},
		names(resttest.Member(read, "columns"), "columnName")); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	if got := dbtest.Value[int](p.Product, `SELECT count(DISTINCT token) FROM "Members" WHERE team = 'none' AND label IN ('a', 'b')`); got != 2 {
		t.Errorf("%d rows kept their name and got new values, want 2", got)
	}
	p.Exec(`INSERT INTO "Members" DEFAULT VALUES`)
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM "Members" WHERE label = 'it''s' AND age IS NULL`); got != 1 {
		t.Errorf("%d rows with the changed defaults, want 1", got)
	}
	if got := dbtest.Value[string](p.Product, `SELECT tgname FROM pg_trigger WHERE tgrelid = '"Members"'::regclass AND NOT tgisinternal`); got != "Members_update_timestamp" {
		t.Errorf("trigger is named %s, want it to follow the table", got)
	}
}

func TestAlterRefusals(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.create("t", text("a"), text("b"), column("n", "integer", ""))
	p.create("taken", text("a"))
	p.OK(p.Call("POST", "/tables", `{"tableName":"target","columns":[{"columnName":"code","type":"string","isNullable":true,"isUnique":true}]}`), http.StatusCreated)
	p.OK(p.Call("POST", "/tables", `{"tableName":"child","columns":[`+text("code")+`],"foreignKeys":[`+reference("code", "target", "code")+`]}`), http.StatusCreated)
	p.Exec(`CREATE VIEW seen AS SELECT a FROM t; INSERT INTO t (a) VALUES ('x'), ('x');
	        CREATE TABLE foreign_owner (a int, b int)`)
	cases := []struct {
		name, table, body string
		status            int
		code              fault.Code
		says              string
	}{
		{"unknown table", "nope", `{}`, 404, fault.DatabaseNotFound, `"nope"`},
		{"table in an unknown schema", "t/schema?schema=nowhere", `{}`, 404, fault.DatabaseNotFound, `"nowhere"`},
		{"view", "seen", `{}`, 404, fault.DatabaseNotFound, `"seen"`},
		{"name in another case", "T", `{}`, 404, fault.DatabaseNotFound, `"T"`},
		{"unknown foreign key", "t", `{"dropForeignKeys":["fk_nope"]}`, 404, fault.DatabaseNotFound, "fk_nope"},
		{"constraint that is not a foreign key", "t", `{"dropForeignKeys":["t_pkey"]}`, 404, fault.DatabaseNotFound, "t_pkey"},
		{"hostile foreign key", "t", `{"dropForeignKeys":["x\" CASCADE; DROP TABLE taken; --"]}`, 404, fault.DatabaseNotFound, "DROP TABLE"},
		{"foreign key dropped twice", "child", `{"dropForeignKeys":["fk_code_target_code","fk_code_target_code"]}`, 400, fault.DatabaseValidationError, "does not exist"},
		{"dropping id", "t", `{"dropColumns":["id"]}`, 404, fault.DatabaseForbidden, `"id"`},
		{"changing created_at", "t", `{"updateColumns":[{"columnName":"created_at","defaultValue":""}]}`, 404, fault.DatabaseForbidden, `"created_at"`},
		{"renaming to updated_at", "t", `{"updateColumns":[{"columnName":"a","newColumnName":"updated_at"}]}`, 404, fault.DatabaseForbidden, `"updated_at"`},
		{"adding id", "foreign_owner", `{"addColumns":[` + column("id", "uuid", "") + `]}`, 404, fault.DatabaseForbidden, `"id"`},
		{"foreign key on id", "t", `{"addForeignKeys":[` + reference("id", "taken", "id") + `]}`, 404, fault.DatabaseForbidden, `"id"`},
		{"dropping every column", "t", `{"dropColumns":["a","b","n"]}`, 400, fault.DatabaseValidationError, "at least one column"},
		{"dropping an unknown column", "t", `{"dropColumns":["zz"]}`, 400, fault.DatabaseValidationError, `"zz"`},
		{"dropping a column of a view", "t", `{"dropColumns":["a"]}`, 400, fault.DatabaseConstraintViolation, "view seen depends on column a"},
		{"dropping a column that a key points to", "target", `{"dropColumns":["code"],"addColumns":[` + text("x") + `]}`, 400, fault.DatabaseConstraintViolation, "fk_code_target_code"},
		{"renaming to a name that is there", "t", `{"updateColumns":[{"columnName":"a","newColumnName":"b"}]}`, 400, fault.DatabaseValidationError, "already exists"},
		{"renaming an unknown column", "t", `{"updateColumns":[{"columnName":"zz","newColumnName":"y"}]}`, 400, fault.DatabaseValidationError, `"zz"`},
		{"dropped column changed as well", "t", `{"dropColumns":["b"],"updateColumns":[{"columnName":"b","defaultValue":"1"}]}`, 400, fault.DatabaseValidationError, `"b"`},
		{"default of another type", "t", `{"updateColumns":[{"columnName":"n","defaultValue":"many"}]}`, 400, fault.DatabaseValidationError, "invalid input syntax"},
		{"hostile default", "t", `{"updateColumns":[{"columnName":"n","defaultValue":"1; DROP TABLE taken"}]}`, 400, fault.DatabaseValidationError, "invalid input syntax"},
		{"column that is there", "t", `{"addColumns":[` + text("a") + `]}`, 400, fault.DatabaseValidationError, "already exists"},
		{"required column without a value for the rows", "t", `{"addColumns":[{"columnName":"r","type":"string","isNullable":false,"isUnique":false}]}`, 400, fault.MissingField, `"r"`},
		{"unique column with one default for all rows", "t", `{"addColumns":[{"columnName":"u","type":"string","isNullable":true,"isUnique":true,"defaultValue":"x"}]}`, 409, fault.DatabaseDuplicate, "unique"},
		{"key that rows violate", "t", `{"addForeignKeys":[` + reference("a", "target", "code") + `]}`, 400, fault.DatabaseConstraintViolation, "fk_a_target_code"},
		{"key to a missing table", "t", `{"addForeignKeys":[` + reference("a", "missing", "id") + `]}`, 400, fault.DatabaseValidationError, "missing"},
		{"key of another type", "t", `{"addForeignKeys":[` + reference("a", "taken", "id") + `]}`, 400, fault.DatabaseValidationError, "cannot be implemented"},
		{"key that is there", "child", `{"addForeignKeys":[` + reference("code", "target", "code") + `]}`, 400, fault.DatabaseDuplicate, "already exists"},
		{"table name that is taken", "t", `{"renameTable":{"newTableName":"taken"}}`, 400, fault.DatabaseDuplicate, "already exists"},
		{"hostile table name", "t", `{"renameTable":{"newTableName":"x\"; DROP TABLE taken; --"}}`, 400, fault.DatabaseValidationError, "double quotes"},
		{"empty table name", "t", `{"renameTable":{"newTableName":""}}`, 400, fault.InvalidInput, "renameTable.newTableName: String must contain at least 1"},
		{"rename without a name", "t", `{"renameTable":{}}`, 400, fault.InvalidInput, "renameTable.newTableName: Required"},
		{"wrong types", "t", `{"dropColumns":"a","updateColumns":[1]}`, 400, fault.InvalidInput, "dropColumns: Expected array, received string, updateColumns.0: Expected object, received number"},
		{"empty column name", "t", `{"dropColumns":[""]}`, 400, fault.DatabaseValidationError, "dropColumns must not be empty"},
		{"someone else's table", "foreign_owner", `{"dropColumns":["a"]}`, 403, fault.Forbidden, "must be owner"},
		{"table of the product", "users/schema?schema=auth", `{"addColumns":[` + text("x") + `]}`, 403, fault.Forbidden, "must be owner"},
	}
	before := p.Call("GET", "/tables/t/schema", "").Text
	audits := dbtest.Value[int](p.Product, `SELECT count(*) FROM system.audit_logs`)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			q := p
			q.T = t
			path := "/tables/" + c.table
			if !strings.Contains(c.table, "/") {
				path += "/schema"
			}
			q.Refused(q.Call("PATCH", path, c.body), c.status, c.code, c.says)
		})
	}
	if after := p.Call("GET", "/tables/t/schema", "").Text; after != before {
		t.Errorf("refused changes left a trace:\n%s\n%s", before, after)
	}
	if after := dbtest.Value[int](p.Product, `SELECT count(*) FROM system.audit_logs`); after != audits {
		t.Errorf("refused changes left %d audit rows", after-audits)
	}
}

func TestAlterOfTablesMadeElsewhere(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Exec(`CREATE TABLE bare (); CREATE TABLE big (pk bigint PRIMARY KEY, v text, "q""x" text REFERENCES auth.users (email));
	        ALTER TABLE big RENAME CONSTRAINT "big_q""x_fkey" TO "odd ""name""";
	        CREATE TABLE parted (n int, v text) PARTITION BY RANGE (n); CREATE TABLE part PARTITION OF parted DEFAULT;
	        ALTER TABLE bare OWNER TO project_admin; ALTER TABLE big OWNER TO project_admin;
	        ALTER TABLE parted OWNER TO project_admin; ALTER TABLE part OWNER TO project_admin`)
	p.OK(p.Call("PATCH", "/tables/bare/schema", `{"renameTable":{"newTableName":"bare2"}}`), http.StatusOK)
	p.OK(p.Call("PATCH", "/tables/bare2/schema", `{"addColumns":[`+text("v")+`]}`), http.StatusOK)
	p.OK(p.Call("PATCH", "/tables/big/schema", `{"dropForeignKeys":["odd \"name\""],"dropColumns":["v"]}`), http.StatusOK)
	p.Refused(p.Call("PATCH", "/tables/part/schema", `{"dropColumns":["v"]}`), http.StatusBadRequest, fault.DatabaseValidationError, "inherited")
	p.OK(p.Call("PATCH", "/tables/parted/schema", `{"dropColumns":["v"]}`), http.StatusOK)
	p.Equal(p.OK(p.Call("PATCH", "/tables/big/schema", `{}`), http.StatusOK).Body,
		`{"schemaName":"public","message":"table schema updated successfully","tableName":"big","operations":[]}`)
}

func TestDroppingAColumnAndAddingItAgainKeepsTheTable(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.create("t", text("only"))
	p.OK(p.Call("PATCH", "/tables/t/schema", `{"dropColumns":["only"],"addColumns":[`+column("only", "integer", "")+`]}`), http.StatusOK)
	columns := resttest.Member(p.Call("GET", "/tables/t/schema", "").Body, "columns")
	if diff := cmp.Diff([]string{"uuid", "datetime", "datetime", "integer"}, names(columns, "type")); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
}

func TestDropRemovesTheTableAndWhatDependsOnIt(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.create("gone", text("a"))
	p.OK(p.Call("POST", "/tables", `{"tableName":"child","columns":[`+column("g", "uuid", "")+`],"foreignKeys":[`+reference("g", "gone", "id")+`]}`), http.StatusCreated)
	p.Exec(`CREATE VIEW seen AS SELECT a FROM gone`)
	for range 2 { // an unknown table is not an error
		a := p.OK(p.Call("DELETE", "/tables/gone", ""), http.StatusOK)
		delete(a.Body.(map[string]any), "nextActions")
		p.Equal(a.Body, `{"schemaName":"public","message":"table deleted successfully","tableName":"gone"}`)
	}
	p.OK(p.Call("DELETE", "/tables/gone?schema=nowhere", ""), http.StatusOK)
	p.Equal(p.Call("GET", "/tables", "").Body, `["child"]`)
	p.Equal(resttest.Member(p.Call("GET", "/tables/child/schema", "").Body, "foreignKeys"), `[]`)

	p.Exec(`CREATE VIEW kept AS SELECT 1 AS one`)
	p.Refused(p.Call("DELETE", "/tables/kept", ""), http.StatusBadRequest, fault.DatabaseValidationError, "not a table")
	p.Refused(p.Call("DELETE", "/tables/users?schema=auth", ""), http.StatusForbidden, fault.Forbidden, "must be owner")
}

func TestChangesAreAudited(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.OK(p.CallAs(resttest.APIKey, "POST", "/tables", `{"tableName":"t","columns":[`+text("a")+`,`+
		column("b", "json", `,"defaultValue":"{}","isPrimaryKey":false,"note":"dropped"`)+`,`+column("id", "uuid", "")+`]}`), http.StatusCreated)
	p.OK(p.Call("PATCH", "/tables/t/schema", `{"dropColumns":["a"],"updateColumns":[{"columnName":"b","defaultValue":"","newColumnName":"c"}],
		"addForeignKeys":[],"extra":1,"renameTable":{"newTableName":"u"}}`), http.StatusOK)
	p.OK(p.Call("DELETE", "/tables/u", ""), http.StatusOK)
	got := dbtest.Value[string](p.Product, `SELECT json_agg(json_build_object('actor', actor, 'action', action, 'module', module,
		'ip', host(ip_address), 'details', details) ORDER BY created_at)::text FROM system.audit_logs`)
	var rows any
	if err := json.Unmarshal([]byte(got), &rows); err != nil {
		t.Fatal(err)
	}
	p.Equal(rows, `[
		{"actor":"api-key","action":"CREATE_TABLE","module":"DATABASE","ip":"192.0.2.7","details":{"schemaName":"public","tableName":"t","rlsEnabled":true,
			"columns":[{"columnName":"a","type":"string","isNullable":true,"isUnique":false},
			           {"columnName":"b","type":"json","isNullable":true,"isUnique":false,"defaultValue":"{}"}]}},
		{"actor":"local:admin","action":"UPDATE_TABLE","module":"DATABASE","ip":"192.0.2.7","details":{"schemaName":"public","tableName":"t",
			"operations":{"dropColumns":["a"],"updateColumns":[{"columnName":"b","defaultValue":"","newColumnName":"c"}],"renameTable":{"newTableName":"u"}}}},
		{"actor":"local:admin","action":"DELETE_TABLE","module":"DATABASE","ip":"192.0.2.7","details":{"schemaName":"public","tableName":"u"}}]`)
}

func TestAChangeThatCannotBeAuditedDoesNotHappen(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.create("t", text("a"))
	p.Exec(`DELETE FROM system.instance WHERE name = 'audit'`)
	for _, a := range []resttest.Answer{
		p.Call("POST", "/tables", `{"tableName":"u","columns":[`+text("a")+`]}`),
		p.Call("PATCH", "/tables/t/schema", `{"addColumns":[`+text("b")+`]}`),
		p.Call("DELETE", "/tables/t", ""),
	} {
		if a.Status < 400 {
			t.Errorf("got %d %s, want a failure", a.Status, a.Text)
		}
	}
	p.Equal(p.Call("GET", "/tables", "").Body, `["t"]`)
	if n := len(resttest.Member(p.Call("GET", "/tables/t/schema", "").Body, "columns").([]any)); n != 4 {
		t.Errorf("table has %d columns, want 4", n)
	}
}

func TestChangesNotifyTheRecordLayer(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Exec(`DROP EVENT TRIGGER IF EXISTS insforge_schema_ddl; DROP EVENT TRIGGER IF EXISTS insforge_schema_drop`)
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, p.DB.OwnerDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `LISTEN pgrst`); err != nil {
		t.Fatal(err)
	}
	for _, change := range []struct{ method, path, body string }{
		{"POST", "/tables", `{"tableName":"t","columns":[` + text("a") + `]}`},
		{"PATCH", "/tables/t/schema", `{"addColumns":[` + text("b") + `]}`},
		{"DELETE", "/tables/t", ""},
	} {
		p.Call(change.method, change.path, change.body)
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n.Channel != "pgrst" || n.Payload != "reload schema" {
			t.Errorf("%s: got notification %s %q, want pgrst %q", change.method, n.Channel, n.Payload, "reload schema")
		}
	}
}

func TestAChangeDoesNotQueueBehindALongTransaction(t *testing.T) {
	t.Parallel()
	p := startHasty(t, 50*time.Millisecond)
	p.create("busy", text("a"))
	// A reader that stays in its transaction holds the table's weakest lock.
	ctx := identity.With(t.Context(), identity.NewAdmin(identity.APIKey, ""))
	err := p.DB.As(ctx, func(tx pg.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM public.busy`); err != nil {
			return err
		}
		p.Refused(p.Call("PATCH", "/tables/busy/schema", `{"addColumns":[`+text("b")+`]}`),
			http.StatusServiceUnavailable, fault.DatabaseInternalError, "Another transaction is using the table")
		p.Refused(p.Call("DELETE", "/tables/busy", ""),
			http.StatusServiceUnavailable, fault.DatabaseInternalError, "Another transaction is using the table")
		p.OK(p.Call("GET", "/tables/busy/schema", ""), http.StatusOK) // reading is not in its way
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p.OK(p.Call("DELETE", "/tables/busy", ""), http.StatusOK)
}
