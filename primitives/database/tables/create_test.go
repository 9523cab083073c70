package tables_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestCreatedTableReadsBackAsItWasAskedFor(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.OK(p.Call("POST", "/tables", `{"tableName":"posts","columns":[
		{"columnName":"title","type":"string","isNullable":false,"isUnique":true,"defaultValue":"x","isPrimaryKey":true},
		{"columnName":"id","type":"uuid","isNullable":false,"isUnique":true},
		{"columnName":"created_at","type":"datetime","isNullable":true,"isUnique":false},
		{"columnName":"user_id","type":"uuid","isNullable":true,"isUnique":false}],
		"foreignKeys":[{"referenceTable":"auth.users","referenceColumns":[{"sourceColumn":"user_id","referenceColumn":"id"}],
		                "onDelete":"CASCADE","onUpdate":"NO ACTION"}]}`), http.StatusCreated)
	hint, _ := resttest.Member(a.Body, "nextActions").(string)
	if !strings.Contains(hint, "policies") {
		t.Errorf("nextActions is %q, want a word about policies", hint)
	}
	delete(a.Body.(map[string]any), "nextActions")
	p.Equal(a.Body, `{"schemaName":"public","message":"table created successfully","tableName":"posts",
		"columns":[{"columnName":"title","type":"string","isNullable":false,"isUnique":true,"defaultValue":"x","sqlType":"TEXT"},
		           {"columnName":"user_id","type":"uuid","isNullable":true,"isUnique":false,"sqlType":"UUID"}],
		"autoFields":["id","created_at","updated_at"]}`)

	p.Equal(p.OK(p.Call("GET", "/tables/posts/schema", ""), http.StatusOK).Body, `{"schemaName":"public","tableName":"posts",
		"columns":[
		{"columnName":"id","type":"uuid","isNullable":false,"isPrimaryKey":true,"isUnique":true,"defaultValue":"gen_random_uuid()"},
		{"columnName":"title","type":"string","isNullable":false,"isPrimaryKey":false,"isUnique":true,"defaultValue":"x"},
		{"columnName":"user_id","type":"uuid","isNullable":true,"isPrimaryKey":false,"isUnique":false},
		{"columnName":"created_at","type":"datetime","isNullable":true,"isPrimaryKey":false,"isUnique":false,"defaultValue":"now()"},
		{"columnName":"updated_at","type":"datetime","isNullable":true,"isPrimaryKey":false,"isUnique":false,"defaultValue":"now()"}],
		"foreignKeys":[{"constraintName":"fk_user_id_auth_users_id","referenceTable":"auth.users",
		                "referenceColumns":[{"sourceColumn":"user_id","referenceColumn":"id"}],
		                "onDelete":"CASCADE","onUpdate":"NO ACTION"}],
		"recordCount":0}`)

	p.Equal(p.OK(p.Call("GET", "/tables", ""), http.StatusOK).Body, `["posts"]`)
}

func TestCreatedTableBelongsToTheAdministrator(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.create("notes", text("body"))
	if got := dbtest.Value[string](p.Product, `SELECT tableowner FROM pg_tables WHERE tablename = 'notes'`); got != "project_admin" {
		t.Errorf("owner is %s, want project_admin", got)
	}
	for _, role := range []string{"anon", "authenticated"} {
		for _, privilege := range []string{"SELECT", "INSERT", "UPDATE", "DELETE"} {
			if !dbtest.Value[bool](p.Product, `SELECT has_table_privilege($1, 'public.notes', $2)`, role, privilege) {
				t.Errorf("%s lacks %s on a new table in public", role, privilege)
			}
		}
	}
	p.Exec(`INSERT INTO notes (body, updated_at) VALUES ('a', '2000-01-01')`)
	p.Exec(`UPDATE notes SET body = 'b'`)
	if !dbtest.Value[bool](p.Product, `SELECT updated_at > '2020-01-01' FROM notes`) {
		t.Error("updated_at did not change with the row")
	}
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM pg_trigger WHERE tgname = 'notes_update_timestamp'`); got != 1 {
		t.Errorf("%d triggers of the documented name, want 1", got)
	}
}

func TestFreshTableIsClosedUntilPoliciesExist(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.create("closed", text("body"))
	p.OK(p.Call("POST", "/tables", `{"tableName":"open","rlsEnabled":false,"columns":[`+text("body")+`]}`), http.StatusCreated)
	p.Exec(`INSERT INTO closed (body) VALUES ('a')`)
	p.Exec(`INSERT INTO open (body) VALUES ('a')`)
	everybody := []identity.Principal{identity.Anonymous(identity.AnonKey), identity.NewUser(resttest.UserID, "u@example.com", nil)}
	for _, who := range everybody {
		if got, err := valueAs[int](p, who, `SELECT count(*) FROM public.closed`); err != nil || got != 0 {
			t.Errorf("%s sees %d rows, %v; want none", who.Role(), got, err)
		}
		_, err := valueAs[string](p, who, `INSERT INTO public.closed (body) VALUES ('b') RETURNING body`)
		if pg.State(err) != "42501" {
			t.Errorf("%s inserting: got %v, want a refusal by row-level security", who.Role(), err)
		}
		if got, err := valueAs[int](p, who, `SELECT count(*) FROM public.open`); err != nil || got != 1 {
			t.Errorf("%s sees %d rows, %v; want the one row of the table without row-level security", who.Role(), got, err)
		}
	}
	if got, err := valueAs[int](p, identity.NewAdmin(identity.APIKey, ""), `SELECT count(*) FROM public.closed`); err != nil || got != 1 {
		t.Errorf("administrator sees %d rows, %v; want 1", got, err)
	}
}

func TestRequiredColumnsHaveSystemDefaults(t *testing.T) {
	t.Parallel()
	p := start(t)
	required := func(kind string) string {
		return `{"columnName":"c_` + kind + `","type":"` + kind + `","isNullable":false,"isUnique":false,"defaultValue":" "}`
	}
	kinds := []string{"string", "date", "datetime", "integer", "float", "boolean", "uuid", "json"}
	var columns []string
	for _, kind := range kinds {
		columns = append(columns, required(kind), column("n_"+kind, kind, ""))
	}
	p.create("kinds", columns...)
	got := map[string]any{}
	read := resttest.Member(p.OK(p.Call("GET", "/tables/kinds/schema", ""), http.StatusOK).Body, "columns").([]any)
	for _, c := range read {
		name := resttest.Member(c, "columnName").(string)
		if kind, ok := strings.CutPrefix(name, "c_"); ok {
			got[kind] = resttest.Member(c, "defaultValue")
			if resttest.Member(c, "type") != kind {
				t.Errorf("column of type %s reads back as %v", kind, resttest.Member(c, "type"))
			}
		}
		if strings.HasPrefix(name, "n_") && resttest.Member(c, "defaultValue") != nil {
			t.Errorf("nullable %s has default %v, want none", name, resttest.Member(c, "defaultValue"))
		}
	}
	want := map[string]any{"string": nil, "date": "now()", "datetime": "now()", "integer": nil, "float": nil,
		"boolean": "false", "uuid": "gen_random_uuid()", "json": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestDefaultsAreStoredLiterally(t *testing.T) {
	t.Parallel()
	hostile := []struct{ name, kind, value string }{
		{"quote ends nothing", "string", `'); DROP TABLE auth.users; --`},
		{"doubled quotes", "string", `it''s "quoted"`},
		{"backslash before a quote", "string", `\'; SELECT 1; --`},
		{"backslashes", "string", `C:\temp\n\\`},
		{"dollar quotes", "string", `$$ $tag$ x $tag$`},
		{"a cast inside", "string", `'a'::text`},
		{"a function that is not one of the two", "string", `pg_sleep(10)`},
		{"line breaks and tabs", "string", "a\nb\tc\r"},
		{"letters outside ASCII", "string", "žluťoučký 🐴 日本"},
		{"comment", "string", "-- x /* y"},
		{"percent and format", "string", "%s %I $1"},
		{"number", "integer", "-5"},
		{"fraction", "float", "1.5"},
		{"truth", "boolean", "true"},
		{"document", "json", `{"a": "it's"}`},
		{"day", "date", "2024-02-29"},
		{"id", "uuid", resttest.UserID},
	}
	p := start(t)
	var columns []string
	for i, h := range hostile {
		columns = append(columns, column(fmt.Sprintf("c%d", i), h.kind, `,"defaultValue":`+resttest.JSON(h.value)))
	}
	p.create("defaults", columns...)
	p.Exec(`INSERT INTO defaults DEFAULT VALUES`)
	read := resttest.Member(p.OK(p.Call("GET", "/tables/defaults/schema", ""), http.StatusOK).Body, "columns").([]any)
	for i, h := range hostile {
		if got := resttest.Member(read[i+1], "defaultValue"); got != h.value {
			t.Errorf("%s: default reads back as %q, want %q", h.name, got, h.value)
		}
		if got := dbtest.Value[string](p.Product, fmt.Sprintf(`SELECT c%d::text FROM defaults`, i)); got != h.value {
			t.Errorf("%s: a row got %q, want %q", h.name, got, h.value)
		}
	}
	if !dbtest.Value[bool](p.Product, `SELECT to_regclass('auth.users') IS NOT NULL`) {
		t.Error("a default value dropped a table")
	}
}

func TestDefaultsMeanTheSameWithoutStandardStrings(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET standard_conforming_strings = off', current_database()); END $$`)
	p.DB.Reset()
	p.create("old", column("c", "string", `,"defaultValue":`+resttest.JSON(`\'; DROP TABLE auth.users; --`)))
	p.Exec(`INSERT INTO old DEFAULT VALUES`)
	if got, want := dbtest.Value[string](p.Product, `SELECT c FROM old`), `\'; DROP TABLE auth.users; --`; got != want {
		t.Errorf("a row got %q, want %q", got, want)
	}
}

func TestNamesAreQuotedAndKeepTheirCase(t *testing.T) {
	t.Parallel()
	p := start(t)
	long := strings.Repeat("t", 63)
	for _, name := range []string{"Posts", "posts", "semi;colon", "it's", `back\slash`, "tab le", "select", "日本語", "a.b", "percent%s", "per/cent", "-- c", long} {
		p.create(name, text("Größe; DROP TABLE auth.users"), text("user"), text(strings.Repeat("c", 63)))
		path := "/tables/" + strings.NewReplacer("%", "%25", "/", "%2F", " ", "%20", ";", "%3B", `\`, "%5C").Replace(name)
		a := p.OK(p.Call("GET", path+"/schema", ""), http.StatusOK)
		if got := resttest.Member(a.Body, "tableName"); got != name {
			t.Errorf("table reads back as %q, want %q", got, name)
		}
		want := []string{"id", "Größe; DROP TABLE auth.users", "user", strings.Repeat("c", 63), "created_at", "updated_at"}
		if diff := cmp.Diff(want, names(resttest.Member(a.Body, "columns"), "columnName")); diff != "" {
			t.Errorf("columns of %s (-want +got):\n%s", name, diff)
		}
		p.OK(p.Call("DELETE", path, ""), http.StatusOK)
		if dbtest.Value[bool](p.Product, `SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public' AND tablename = $1)`, name) {
			t.Errorf("table %s is still there", name)
		}
	}
}

func TestLongForeignKeyNamesEndInADigest(t *testing.T) {
	t.Parallel()
	p := start(t)
	target, source := strings.Repeat("target", 8), strings.Repeat("source", 8)
	p.create(target, text("x"))
	p.OK(p.Call("POST", "/tables", `{"tableName":"child","columns":[`+column(source, "uuid", "")+`,`+column(source+"2", "uuid", "")+`],
		"foreignKeys":[`+reference(source, target, "id")+`,`+reference(source+"2", "public."+target, "id")+`]}`), http.StatusCreated)
	keys := resttest.Member(p.OK(p.Call("GET", "/tables/child/schema", ""), http.StatusOK).Body, "foreignKeys").([]any)
	// The digest is the beginning of SHA-256 over "fk_<source>_<target>_id".
	want := []string{
		"fk_" + strings.Repeat("source", 8) + "2_p_09a486f7",
		"fk_" + strings.Repeat("source", 8) + "_ta_564e8115",
	}
	if diff := cmp.Diff(want, names(keys, "constraintName")); diff != "" {
		t.Errorf("constraint names (-want +got):\n%s", diff)
	}
}

func reference(source, table, target string) string {
	return `{"referenceTable":` + resttest.JSON(table) + `,"referenceColumns":[{"sourceColumn":` + resttest.JSON(source) +
		`,"referenceColumn":` + resttest.JSON(target) + `}],"onDelete":"SET NULL","onUpdate":"RESTRICT"}`
}

func TestForeignKeysOverSeveralColumns(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Exec(`CREATE SCHEMA shop; CREATE TABLE shop.items (region text, sku text, PRIMARY KEY (region, sku));
	        GRANT USAGE ON SCHEMA shop TO project_admin; GRANT REFERENCES, SELECT ON shop.items TO project_admin`)
	p.OK(p.Call("POST", "/tables", `{"tableName":"lines","columns":[`+text("sku")+`,`+text("region")+`,`+column("parent", "uuid", "")+`],
		"foreignKeys":[{"referenceTable":"shop.items","referenceColumns":[
			{"sourceColumn":"region","referenceColumn":"region"},{"sourceColumn":"sku","referenceColumn":"sku"}],
			"onDelete":"SET DEFAULT","onUpdate":"CASCADE"},`+reference("parent", "lines", "id")+`]}`), http.StatusCreated)
	keys := resttest.Member(p.OK(p.Call("GET", "/tables/lines/schema", ""), http.StatusOK).Body, "foreignKeys")
	p.Equal(keys, `[
		{"constraintName":"fk_parent_lines_id","referenceTable":"lines","onDelete":"SET NULL","onUpdate":"RESTRICT",
		 "referenceColumns":[{"sourceColumn":"parent","referenceColumn":"id"}]},
		{"constraintName":"fk_region_sku_shop_items_region_sku","referenceTable":"shop.items","onDelete":"SET DEFAULT","onUpdate":"CASCADE",
		 "referenceColumns":[{"sourceColumn":"region","referenceColumn":"region"},{"sourceColumn":"sku","referenceColumn":"sku"}]}]`)
}

func TestCreateRefusals(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.create("taken", text("body"))
	p.Exec(`CREATE SCHEMA locked; CREATE VIEW seen AS SELECT 1 AS one; CREATE TABLE plain (n int)`)
	body := func(columns, more string) string { return `{"tableName":"t","columns":[` + columns + `]` + more + `}` }
	keys := func(k string) string { return `,"foreignKeys":[` + k + `]` }
	cases := []struct {
		name, path, body string
		status           int
		code             fault.Code
		says             string
	}{
		{"empty body", "/tables", ``, 400, fault.InvalidInput, "tableName: Required, columns: Required"},
		{"array body", "/tables", `[]`, 400, fault.InvalidInput, ": Expected object, received array"},
		{"broken JSON", "/tables", `{`, 400, fault.InvalidInput, "JSON"},
		{"no columns", "/tables", body("", ""), 400, fault.InvalidInput, "columns: Array must contain at least 1 element(s)"},
		{"null columns", "/tables", `{"tableName":"t","columns":null}`, 400, fault.InvalidInput, "columns: Expected array, received null"},
		{"column without flags", "/tables", body(`{"columnName":"a","type":"string"}`, ""), 400, fault.InvalidInput,
			"columns.0.isNullable: Required, columns.0.isUnique: Required"},
		{"unknown type", "/tables", body(column("a", "money", ""), ""), 400, fault.InvalidInput, "columns.0.type: Invalid enum value. Expected 'string' | 'date'"},
		{"SQL as type", "/tables", body(column("a", "text); DROP TABLE taken; --", ""), ""), 400, fault.InvalidInput, "Invalid enum value"},
		{"empty table name", "/tables", `{"tableName":"","columns":[` + text("a") + `]}`, 400, fault.InvalidInput, "tableName: String must contain at least 1"},
		{"table name of 65 letters", "/tables", `{"tableName":"` + strings.Repeat("t", 65) + `","columns":[` + text("a") + `]}`, 400, fault.InvalidInput, "at most 64"},
		{"table name that Postgres cuts short", "/tables", `{"tableName":"` + strings.Repeat("t", 64) + `","columns":[` + text("a") + `]}`, 400, fault.DatabaseValidationError, "63 bytes"},
		{"short name of many bytes", "/tables", body(text(strings.Repeat("日", 22)), ""), 400, fault.DatabaseValidationError, "66 bytes"},
		{"double quote in table name", "/tables", `{"tableName":"a\"; DROP TABLE taken; --","columns":[` + text("a") + `]}`, 400, fault.DatabaseValidationError, "double quotes"},
		{"NUL in column name", "/tables", body(text("a\x00b"), ""), 400, fault.DatabaseValidationError, "control characters"},
		{"line break in column name", "/tables", body(text("a\nb"), ""), 400, fault.DatabaseValidationError, "control characters"},
		{"NUL in default", "/tables", body(column("a", "string", `,"defaultValue":"x\u0000"`), ""), 400, fault.InvalidInput, "defaultValue"},
		{"number as default", "/tables", body(column("a", "integer", `,"defaultValue":5`), ""), 400, fault.InvalidInput, "columns.0.defaultValue: Expected string, received number"},
		{"default of another type", "/tables", body(column("a", "integer", `,"defaultValue":"five"`), ""), 400, fault.DatabaseValidationError, "invalid input syntax for type integer"},
		{"day that does not exist", "/tables", body(column("a", "date", `,"defaultValue":"2023-02-29"`), ""), 400, fault.DatabaseValidationError, "out of range"},
		{"too many columns", "/tables", body(strings.TrimSuffix(strings.Repeat(text("a")+",", 1601), ","), ""), 400, fault.InvalidInput, "at most 1600"},
		{"more columns than Postgres has room for", "/tables", body(many(1599), ""), 400, fault.DatabaseValidationError, "1600 columns"},
		{"column twice", "/tables", body(text("a")+","+text("a"), ""), 400, fault.DatabaseValidationError, `"a" specified more than once`},
		{"column of Postgres itself", "/tables", body(text("ctid"), ""), 400, fault.DatabaseValidationError, "ctid"},
		{"automatic column with another type", "/tables", body(text("a")+","+text("id"), ""), 400, fault.DatabaseValidationError, "Column id is created by the server with type uuid"},
		{"only automatic columns", "/tables", body(column("id", "uuid", ""), ""), 400, fault.DatabaseValidationError, "at least one column"},
		{"table exists", "/tables", `{"tableName":"taken","columns":[` + text("a") + `]}`, 400, fault.DatabaseDuplicate, "already exists"},
		{"view of that name exists", "/tables", `{"tableName":"seen","columns":[` + text("a") + `]}`, 400, fault.DatabaseDuplicate, "already exists"},
		{"schema not writable", "/tables?schema=auth", body(text("a"), ""), 403, fault.Forbidden, "permission denied for schema auth"},
		{"someone else's schema", "/tables?schema=locked", body(text("a"), ""), 403, fault.Forbidden, "permission denied"},
		{"schema does not exist", "/tables?schema=nowhere", body(text("a"), ""), 400, fault.DatabaseValidationError, `schema "nowhere" does not exist`},
		{"key on an automatic column", "/tables", body(text("a"), keys(reference("id", "taken", "id"))), 400, fault.DatabaseForbidden, `"id"`},
		{"key to a missing table", "/tables", body(column("a", "uuid", ""), keys(reference("a", "missing", "id"))), 400, fault.DatabaseValidationError, `relation "public.missing" does not exist`},
		{"key to a missing schema", "/tables", body(column("a", "uuid", ""), keys(reference("a", "nowhere.t", "id"))), 400, fault.DatabaseValidationError, "nowhere"},
		{"key to a missing column", "/tables", body(column("a", "uuid", ""), keys(reference("a", "taken", "nope"))), 400, fault.DatabaseValidationError, `"nope"`},
		{"key from a missing column", "/tables", body(text("a"), keys(reference("nope", "taken", "id"))), 400, fault.DatabaseValidationError, `"nope"`},
		{"key to a column that is not unique", "/tables", body(text("a"), keys(reference("a", "taken", "body"))), 400, fault.DatabaseValidationError, "no unique constraint"},
		{"key of another type", "/tables", body(column("a", "integer", ""), keys(reference("a", "taken", "id"))), 400, fault.DatabaseValidationError, "cannot be implemented"},
		{"key to a view", "/tables", body(column("a", "integer", ""), keys(reference("a", "seen", "one"))), 400, fault.DatabaseValidationError, "not a table"},
		{"key to a table without rights", "/tables", body(column("a", "integer", ""), keys(reference("a", "system.instance", "name"))), 403, fault.Forbidden, "permission denied"},
		{"key twice", "/tables", body(column("a", "uuid", ""), keys(reference("a", "taken", "id")+","+reference("a", "taken", "id"))), 400, fault.DatabaseDuplicate, "already exists"},
		{"hostile key target", "/tables", body(column("a", "uuid", ""), keys(reference("a", `taken" (id); DROP TABLE taken; --`, "id"))), 400, fault.DatabaseValidationError, "double quotes"},
		{"hostile action", "/tables", body(column("a", "uuid", ""), keys(strings.Replace(reference("a", "taken", "id"), "SET NULL", "CASCADE; DROP", 1))), 400, fault.InvalidInput, "foreignKeys.0.onDelete: Invalid enum value"},
		{"key without columns", "/tables", body(text("a"), `,"foreignKeys":[{"referenceTable":"taken","referenceColumns":[]}]`), 400, fault.InvalidInput,
			"foreignKeys.0.referenceColumns: Array must contain at least 1 element(s), foreignKeys.0.onDelete: Required, foreignKeys.0.onUpdate: Required"},
	}
	before := dbtest.Value[int](p.Product, `SELECT count(*) FROM system.audit_logs`)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			q := p
			q.T = t
			q.Refused(q.Call("POST", c.path, c.body), c.status, c.code, c.says)
		})
	}
	p.Equal(p.Call("GET", "/tables", "").Body, `["plain","taken"]`)
	if after := dbtest.Value[int](p.Product, `SELECT count(*) FROM system.audit_logs`); after != before {
		t.Errorf("refused requests left %d audit rows", after-before)
	}
}

// many lists n columns of different names.
func many(n int) string {
	var columns []string
	for i := range n {
		columns = append(columns, text(fmt.Sprintf("c%d", i)))
	}
	return strings.Join(columns, ",")
}

func TestConcurrentCreatesMakeOneTable(t *testing.T) {
	t.Parallel()
	p := start(t)
	const rivals = 6
	answers := make([]resttest.Answer, rivals)
	var wg sync.WaitGroup
	for i := range rivals {
		wg.Go(func() {
			answers[i] = p.Call("POST", "/tables", `{"tableName":"race","columns":[`+text("a")+`]}`)
		})
	}
	wg.Wait()
	made := 0
	for _, a := range answers {
		switch {
		case a.Status == http.StatusCreated:
			made++
		case a.Status == http.StatusBadRequest && resttest.Member(a.Body, "error") == string(fault.DatabaseDuplicate):
		case a.Status == http.StatusServiceUnavailable: // gave up waiting for the winner
		default:
			t.Errorf("got %d %s, want 201, 400 DATABASE_DUPLICATE or 503", a.Status, a.Text)
		}
	}
	if made != 1 {
		t.Errorf("%d requests made the table, want 1", made)
	}
	if got := dbtest.Value[int](p.Product, `SELECT count(*) FROM system.audit_logs WHERE action = 'CREATE_TABLE'`); got != 1 {
		t.Errorf("%d audit rows, want 1", got)
	}
}
