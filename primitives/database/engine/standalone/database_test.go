package standalone_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/standalone"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"
)

// foreign is a database with a login as PostgREST's users have it. Roles are
// the whole server's, so each test has its own names.
type foreign struct {
	*testing.T
	owner      *pgx.Conn
	name, role string
	uri        string
}

func newForeign(t *testing.T, role string) *foreign {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.New(t).OwnerDSN())
	if err != nil {
		t.Fatal(err)
	}
	f := &foreign{T: t, owner: conn, name: conn.Config().Database, role: role}
	f.sql(fmt.Sprintf(`CREATE ROLE %s LOGIN NOINHERIT PASSWORD 'login'; CREATE ROLE %[1]s_anon NOLOGIN; GRANT %[1]s_anon TO %[1]s`, role))
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_, err := conn.Exec(ctx, fmt.Sprintf(`DROP OWNED BY %s, %[1]s_anon; DROP ROLE %[1]s, %[1]s_anon`, role))
		if err := errors.Join(err, conn.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, "login"), Path: "/" + f.name,
		RawQuery: url.Values{"host": {conn.Config().Host}, "port": {fmt.Sprint(conn.Config().Port)}}.Encode()}
	f.uri = u.String()
	return f
}

func (f *foreign) sql(q string) {
	f.Helper()
	if _, err := f.owner.Exec(f.Context(), q); err != nil {
		f.Fatalf("%s: %v", q, err)
	}
}

// set is ALTER ROLE … SET.
func (f *foreign) set(name, value string) {
	f.Helper()
	f.sql(fmt.Sprintf(`ALTER ROLE %s SET pgrst.%s = '%s'`, f.role, name, value))
}

func (f *foreign) read(environ ...string) (standalone.Config, error) {
	return standalone.NewSources(append([]string{"PGRST_DB_URI=" + f.uri}, environ...), "").ReadAll(f.Context())
}

func TestSettingsOfTheDatabase(t *testing.T) {
	t.Parallel()
	f := newForeign(t, "settings_login")
	f.sql(`CREATE SCHEMA "pre-config"; GRANT USAGE ON SCHEMA "pre-config" TO settings_login;
		CREATE FUNCTION "pre-config"."select"() RETURNS void LANGUAGE sql AS $$
			SELECT set_config('pgrst.db_schemas', 'from_function', true), set_config('pgrst.jwt_aud', 'from function', true),
				set_config('pgrst.db_max_rows', '7', true), set_config('pgrst.db_uri', 'postgres://other', true) $$`)
	f.sql(fmt.Sprintf(`ALTER DATABASE %s SET pgrst.jwt_role_claim_key = '.of_database'`, f.name))
	f.set("db_schemas", "from_role, other")
	f.set("db_anon_role", "from_role")
	f.sql(fmt.Sprintf(`ALTER ROLE settings_login IN DATABASE %s SET pgrst.db_anon_role = 'from_role_here'`, f.name))
	f.set("openapi_mode", "")
	f.set("db_extra_search_path", "")
	f.set("server_port", "99")

	environ := []string{
		"PGRST_DB_PRE_CONFIG=pre-config.select", "PGRST_DB_SCHEMAS=from_environment", "PGRST_DB_MAX_ROWS=1", "PGRST_OPENAPI_MODE=disabled",
		"PGRST_SERVER_PORT=3333", "PGRST_SERVER_HOST=127.0.0.1", "PGRST_DB_EXTRA_SEARCH_PATH=ext",
	}
	// A setting of the database alone does not count, as in PostgREST.
	if c, err := f.read(environ[1:]...); err != nil || !slices.Equal(c.RoleClaim, []string{"role"}) || c.Audience != "" {
		t.Errorf("without a function: got %q and %q, %v", c.RoleClaim, c.Audience, err)
	}
	f.sql(fmt.Sprintf(`ALTER DATABASE %s RESET pgrst.jwt_role_claim_key`, f.name))
	c, err := f.read(environ...)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.Engine.Schemas, c.AnonRole, c.Audience, c.Engine.MaxRows, c.Engine.OpenAPI.Mode, c.Engine.ExtraSearchPath, c.Address, c.RoleClaim,
		c.DatabaseURI, c.Incomplete}
	want := []any{[]string{"from_role", "other"}, "from_role_here", "from function", int64(7), engine.OpenAPIFollowPrivileges, []string(nil), "127.0.0.1:3333",
		[]string{"role"}, f.uri, false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	// What the function sets is gone after it was asked, and the database may
	// name another one.
	f.sql(`CREATE FUNCTION "pre-config".second() RETURNS void LANGUAGE sql AS $$ SELECT set_config('pgrst.jwt_aud', 'second', true) $$`)
	f.set("db_pre_config", "pre-config.second")
	if c, err = f.read(environ...); err != nil || c.Audience != "second" || c.Engine.MaxRows != 1 {
		t.Errorf("the second function: got %q and %d, %v", c.Audience, c.Engine.MaxRows, err)
	}
	if c, err = f.read(append(environ, "PGRST_DB_CONFIG=false")...); err != nil || c.Audience != "" || c.AnonRole != "" || c.Incomplete {
		t.Errorf("with db-config off: got %q and %q, %v", c.Audience, c.AnonRole, err)
	}
	c, err = standalone.NewSources(append(environ, "PGRST_DB_URI="+f.uri), "").Read()
	if err != nil || !c.Incomplete {
		t.Errorf("without asking: got a complete configuration, %v", err)
	}
}

func TestSettingsOfTheDatabaseThatCannotBe(t *testing.T) {
	t.Parallel()
	f := newForeign(t, "bad_settings_login")
	f.sql(`CREATE FUNCTION public.fails() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$`)
	for _, c := range []struct{ name, value, want string }{
		{"db_max_rows", "many", "PGRST_DB_MAX_ROWS must be a number"},
		{"jwt_secret", "@/etc/hostname", "PGRST_JWT_SECRET comes from the database, where it cannot name a file"},
		{"db_pre_config", "public.nope", `PGRST_DB_PRE_CONFIG: "public"."nope"()`},
		{"db_pre_config", "public.fails", "not today"},
		{"db_schemas", "pg_catalog", "PGRST_DB_SCHEMAS does not allow"},
	} {
		f.set(c.name, c.value)
		_, err := f.read("PGRST_DB_PRE_CONFIG_REQUIRED=true")
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, standalone.ErrUnreachable) {
			t.Errorf("%s = %s: got %v, want %s", c.name, c.value, err, c.want)
		}
		f.sql(fmt.Sprintf(`ALTER ROLE %s RESET pgrst.%s`, f.role, c.name))
	}
	for uri, refused := range map[string]bool{strings.Replace(f.uri, ":login@", ":hunter2@", 1): true, "postgres://x:hunter2@127.0.0.1:1/x": false} {
		_, err := standalone.NewSources([]string{"PGRST_DB_URI=" + uri}, "").ReadAll(t.Context())
		if !errors.Is(err, standalone.ErrUnreachable) || strings.Contains(err.Error(), "hunter2") || (pg.State(err) != "") != refused {
			t.Errorf("a database that cannot be asked: got %v", err)
		}
	}
}

func TestAPreConfigFunctionThatFailsIsPassedOver(t *testing.T) {
	t.Parallel()
	f := newForeign(t, "failing_pre_config_login")
	f.sql(`CREATE FUNCTION public.fails() RETURNS void LANGUAGE plpgsql AS $$
		BEGIN PERFORM set_config('pgrst.jwt_aud', 'from function', true); RAISE 'not today'; END $$;
		CREATE FUNCTION public.ends() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'shutting down' USING ERRCODE = 'admin_shutdown'; END $$`)
	f.set("db_schemas", "of_login")
	for function, want := range map[string]string{"public.nope": "does not exist", "fails": "not today"} {
		c, err := f.read("PGRST_DB_PRE_CONFIG="+function, "PGRST_JWT_AUD=from environment")
		if err != nil {
			t.Errorf("%s: %v", function, err)
			continue
		}
		if c.PreConfigFailed == nil || !strings.Contains(c.PreConfigFailed.Error(), want) || c.Incomplete {
			t.Errorf("%s: got the failure %v, want %s", function, c.PreConfigFailed, want)
		}
		if got := []any{c.Engine.Schemas, c.Audience}; !cmp.Equal(got, []any{[]string{"of_login"}, "from environment"}) {
			t.Errorf("%s: got %v, want the settings of the login and the environment", function, got)
		}
		if _, err := f.read("PGRST_DB_PRE_CONFIG="+function, "PGRST_DB_PRE_CONFIG_REQUIRED=true"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s, required: got %v, want %s", function, err, want)
		}
	}
	if _, err := f.read("PGRST_DB_PRE_CONFIG=ends"); !errors.Is(err, standalone.ErrUnreachable) {
		t.Errorf("a database that stops meanwhile: got %v, want ErrUnreachable", err)
	}
}

// serve serves a configuration.
func (f *foreign) serve(c standalone.Config, reload func()) (*standalone.Server, string) {
	f.Helper()
	s, err := standalone.New(f.Context(), standalone.Deps{Config: c, ReloadConfig: reload, Log: zerolog.Nop()})
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	server := httptest.NewServer(s)
	f.Cleanup(func() {
		server.Close()
		cancel()
		running.Wait()
		s.Close()
	})
	return s, server.URL
}

func answer(h func(http.ResponseWriter, *http.Request), path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestAnIncompleteConfigurationServesNothing(t *testing.T) {
	t.Parallel()
	f := newForeign(t, "incomplete_login")
	c, err := standalone.NewSources([]string{"PGRST_DB_URI=" + f.uri, "PGRST_DB_ANON_ROLE=incomplete_login_anon"}, "").Read()
	if err != nil {
		t.Fatal(err)
	}
	s, _ := f.serve(c, nil)
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/films", "/rpc/f"} {
		if w := answer(s.ServeHTTP, path); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "PGRST002") {
			t.Errorf("%s: got %d %s", path, w.Code, w.Body)
		}
	}
}

func TestTheAdministratorsView(t *testing.T) {
	t.Parallel()
	f := newForeign(t, "admin_login")
	f.sql(`CREATE SCHEMA seen; CREATE TABLE seen.films (id int PRIMARY KEY); CREATE TABLE seen.roles (film int REFERENCES seen.films);
		CREATE FUNCTION seen.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT USAGE ON SCHEMA seen TO admin_login_anon; GRANT SELECT ON seen.films TO admin_login_anon`)
	f.set("jwt_secret", "reallyreallyreallyreallyverysafe")
	c, err := f.read("PGRST_DB_ANON_ROLE=admin_login_anon", "PGRST_DB_SCHEMAS=seen", "PGRST_DB_POOL=3", "PGRST_APP_SETTINGS_KEY=hunter2")
	if err != nil {
		t.Fatal(err)
	}
	s, url := f.serve(c, nil)
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(url + "/films")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("got %v, %v", resp, err)
	}
	resp.Body.Close()

	config := answer(s.ServeAdmin, "/config").Body.String()
	for _, line := range []string{`db-schemas = "seen"`, `jwt-secret = "***"`, `db-uri = "***"`, `app.settings.key = "***"`, `db-pool = "3"`, `log-level = "error"`} {
		if !strings.Contains(config, line+"\n") {
			t.Errorf("/config lacks %s:\n%s", line, config)
		}
	}
	for _, secret := range []string{"hunter2", "verysafe", "login@"} {
		if strings.Contains(config, secret) {
			t.Errorf("/config tells %s:\n%s", secret, config)
		}
	}
	var cache struct {
		Tables    []struct{ Name struct{ Name string } } `json:"dbTables"`
		Relations []struct{ Constraint string }          `json:"dbRelationships"`
		Functions []struct{ Name struct{ Name string } } `json:"dbRoutines"`
	}
	if err := json.Unmarshal(answer(s.ServeAdmin, "/schema_cache").Body.Bytes(), &cache); err != nil {
		t.Fatal(err)
	}
	if len(cache.Tables) != 2 || cache.Tables[0].Name.Name != "films" || len(cache.Relations) != 2 || len(cache.Functions) != 1 {
		t.Errorf("/schema_cache: got %+v", cache)
	}
	metrics := answer(s.ServeAdmin, "/metrics").Body.String()
	for _, line := range []string{
		"# TYPE pgrst_schema_cache_loads_total counter", `pgrst_schema_cache_loads_total{status="FAIL"} 0`, "pgrst_db_pool_max 3",
		"pgrst_db_pool_waiting 0", "pgrst_db_pool_timeouts_total 0", "pgrst_schema_cache_query_time_seconds 0.", "# HELP pgrst_db_pool_available ",
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("/metrics lacks %s:\n%s", line, metrics)
		}
	}
	if strings.Contains(metrics, `{status="SUCCESS"} 0`) {
		t.Errorf("/metrics: the schema was read:\n%s", metrics)
	}
	if w := answer(s.ServeAdmin, "/films"); w.Code != http.StatusNotFound {
		t.Errorf("another path: got %d", w.Code)
	}
}

// patience bounds waits for what must happen.
const patience = 2 * time.Minute

func TestSettingsAreReloadedOnTheChannelAndAfterASilence(t *testing.T) {
	t.Parallel()
	f := newForeign(t, "channel_login")
	c, err := f.read("PGRST_DB_ANON_ROLE=channel_login_anon", "PGRST_DB_CHANNEL=other news")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 8)
	s, _ := f.serve(c, func() { asked <- struct{}{} })
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait := func(why string) {
		t.Helper()
		select {
		case <-asked:
		case <-time.After(patience):
			t.Fatalf("the settings were not reloaded: %s", why)
		}
	}
	listeners := func() (n int) {
		t.Helper()
		const q = `SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'channel_login' AND query LIKE 'LISTEN%'`
		if err := f.owner.QueryRow(t.Context(), q).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for deadline := time.Now().Add(patience); listeners() == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	f.sql(`NOTIFY pgrst, 'reload config'`) // not its channel
	f.sql(`NOTIFY "other news", 'reload schema'`)
	f.sql(`NOTIFY "other news", 'reload config'`)
	wait("a notification asked for it")
	if len(asked) != 0 {
		t.Error("the settings were reloaded more than once")
	}
	f.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'channel_login' AND query LIKE 'LISTEN%'`)
	wait("a notification may have been missed")
}
