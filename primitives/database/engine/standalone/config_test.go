package standalone_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/standalone"
)

func TestSettingsAreReadAsPostgRESTReadsThem(t *testing.T) {
	t.Parallel()
	c, err := standalone.NewSources([]string{
		"PGRST_DB_URI=postgres://x", "PGRST_DB_SCHEMAS=api, other", "PGRST_DB_ANON_ROLE=web_anon", "PGRST_DB_PRE_REQUEST=api.check",
		"PGRST_DB_EXTRA_SEARCH_PATH=public, ext", "PGRST_DB_MAX_ROWS=100", "PGRST_DB_AGGREGATES_ENABLED=true",
		"PGRST_DB_PLAN_ENABLED=1", "PGRST_DB_TX_END=rollback-allow-override", "PGRST_SERVER_HOST=127.0.0.1", "PGRST_SERVER_PORT=3333",
		`PGRST_JWT_ROLE_CLAIM_KEY=.realm."the roles"[0]`, "PGRST_APP_SETTINGS_JWT_LIFETIME=60", "PGRST_APP_SETTINGS_EMPTY=", "PGRST_DB_CONFIG=false",
		"PGRST_DB_POOL=3", "PGRST_SERVER_CORS_ALLOWED_ORIGINS=https://a.example, https://b.example", "PGRST_OPENAPI_MODE=disabled",
		"PGRST_OPENAPI_SERVER_PROXY_URI=https://api.example/v1", "PGRST_JWT_SECRET=c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA..",
		"PGRST_JWT_SECRET_IS_BASE64=true", "PGRST_JWT_AUD=https://api.example", "PGRST_ADMIN_SERVER_PORT=3334", "PGRST_LOG_LEVEL=info",
		"PGRST_SERVER_UNIX_SOCKET_MODE=600", "PGRST_DB_ROOT_SPEC=root", "PGRST_DB_CHANNEL=news", "PGRST_DB_MAXROWS=1", "PGRST_DB_PREPARED_STATEMENTS=false",
	}, "").Read()
	if err != nil {
		t.Fatal(err)
	}
	want := standalone.Config{
		DatabaseURI: "postgres://x", AnonRole: "web_anon", RoleClaim: []string{"realm", "the roles", "0"}, Pool: 3,
		Address: "127.0.0.1:3333", Origins: []string{"https://a.example", "https://b.example"}, Listen: true,
		AdminAddress: "127.0.0.1:3334", JWTSecret: []byte("secret-secret-secret-secret-secret"), Audience: "https://api.example",
		PoolLifetime: 30 * time.Minute, PoolIdle: 30 * time.Second, UnixSocketMode: 0o600, LogLevel: "info", Channel: "news",
		RootSpec: schema.Name{Name: "root"}, Unknown: []string{"PGRST_DB_MAXROWS"},
		Engine: engine.Options{
			Schemas: []string{"api", "other"}, ExtraSearchPath: []string{"public", "ext"}, AnonRole: "web_anon", MaxRows: 100,
			Aggregates: true, PlanOutput: true, TxEnd: engine.TxRollbackAllowOverride, BareNotFound: true,
			PreRequest:      schema.Name{Schema: "api", Name: "check"},
			AppSettings:     []schema.Setting{{Name: "app.settings.empty"}, {Name: "app.settings.jwt_lifetime", Value: "60"}},
			HoistedSettings: []string{"statement_timeout", "plan_filter.statement_cost_limit", "default_transaction_isolation"},
			AcquireTimeout:  10 * time.Second,
			OpenAPI: engine.OpenAPI{
				Mode: engine.OpenAPIDisabled, Version: "12.2.12", Scheme: "https", Host: "api.example:443", BasePath: "/v1",
			},
		},
	}
	ignored := []cmp.Option{cmpopts.IgnoreFields(standalone.Config{}, "Effective"), cmpopts.IgnoreFields(engine.Options{}, "TempDir")}
	if diff := cmp.Diff(want, c, ignored...); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	effective := map[string]string{}
	for _, s := range c.Effective {
		effective[s.Name] = s.Value
	}
	for name, want := range map[string]string{
		"db-schemas": "api, other", "db-max-rows": "100", "db-uri": "***", "jwt-secret": "***", "app.settings.jwt_lifetime": "***", "db-pool-max-idletime": "30",
		"db-config": "false", "server-unix-socket": "",
	} {
		if got, ok := effective[name]; got != want || !ok {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestBadSettingsAreAllNamed(t *testing.T) {
	t.Parallel()
	names := []string{
		"PGRST_DB_MAX_ROWS", "PGRST_DB_AGGREGATES_ENABLED", "PGRST_DB_TX_END", "PGRST_JWT_ROLE_CLAIM_KEY", "PGRST_OPENAPI_MODE",
		"PGRST_OPENAPI_SERVER_PROXY_URI", "PGRST_SERVER_PORT",
		"PGRST_LOG_LEVEL", "PGRST_SERVER_UNIX_SOCKET_MODE", "PGRST_JWT_SECRET_IS_BASE64", "PGRST_DB_POOL", "PGRST_CLIENT_ERROR_VERBOSITY",
		"PGRST_DB_PREPARED_STATEMENTS", "PGRST_ADMIN_SERVER_PORT", "PGRST_JWT_CACHE_MAX_ENTRIES", "PGRST_URL_USE_LEGACY_TARGET_NAMES", "PGRST_LOG_QUERY",
	}
	pairs := []string{"PGRST_DB_SCHEMAS=public, pg_catalog"}
	for _, n := range names {
		pairs = append(pairs, n+"=nonsense")
	}
	_, err := standalone.NewSources(pairs, "").Read()
	if err == nil {
		t.Fatal("nonsense was accepted")
	}
	for _, n := range append(names, "PGRST_DB_SCHEMAS") {
		if !strings.Contains(err.Error(), n) {
			t.Errorf("%s is not named in: %v", n, err)
		}
	}
}

func TestFilesOfSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	uri := write("uri", "postgres://from-a-file\n")
	secret := write("secret", "secret-secret-secret-secret-secret\n")
	file := write("postgrest.conf", `
# a comment
db-uri = "@`+uri+`"   # and another
jwt-secret = "@`+secret+`"
db-schema = "api, \"odd\""
db-anon-role = "from_the_file"
server-port = 3333 # a number
db-plan-enabled = true
app.settings.Name = ""
app.settings.home = "$(HOME)/$$1 $(EMPTY)"
openapi-mode = ""
db-extra-search-path = ""
`)
	c, err := standalone.NewSources([]string{"PGRST_DB_ANON_ROLE=from_the_environment", "PGRST_SERVER_HOST=", "HOME=/x", "EMPTY="}, file).Read()
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.DatabaseURI, string(c.JWTSecret), c.Engine.Schemas, c.AnonRole, c.Address, c.Engine.PlanOutput, c.Engine.AppSettings, c.Unknown, c.Engine.ExtraSearchPath}
	want := []any{"postgres://from-a-file", "secret-secret-secret-secret-secret", []string{"api", `"odd"`}, "from_the_environment", "0.0.0.0:3333", true,
		[]schema.Setting{{Name: "app.settings.home", Value: "/x/$1 "}, {Name: "app.settings.name"}}, []string(nil), []string(nil)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	for name, text := range map[string]string{
		"no value": "\nhunter2", "an open quote": "\njwt-secret = \"hunter2",
		"more after it": "\njwt-secret = \"hunter2\" hunter2", "a list": "\ndb-schemas = [\"hunter2\"]",
		"a dollar": "\njwt-secret = \"hunter2$\"", "a dollar and a name": "\njwt-secret = \"$hunter2\"", "an open variable": "\njwt-secret = \"$(hunter2\"",
		"a variable that is not there": "\njwt-secret = \"$(hunter2)\"",
	} {
		_, err := standalone.NewSources(nil, write("bad", text)).Read()
		if err == nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want line 2 and nothing of it", name, err)
		}
	}
	for _, pairs := range [][]string{{"PGRST_JWT_SECRET=@" + dir + "/none"}, {"PGRST_DB_URI=@" + dir}} {
		if _, err := standalone.NewSources(pairs, "").Read(); err == nil || !strings.Contains(err.Error(), "names a file") {
			t.Errorf("%v: got %v", pairs, err)
		}
	}
	if _, err := standalone.NewSources(nil, filepath.Join(dir, "none")).Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: got %v", err)
	}
	if _, err := standalone.NewSources(nil, write("large", strings.Repeat("#", 2<<20))).Read(); err == nil {
		t.Error("a file of 2 MB was accepted")
	}
}

func TestTheAddressOfTheAPI(t *testing.T) {
	t.Parallel()
	for proxy, want := range map[string][]string{
		"https://api.example":             {"https", "api.example:443", "/"},
		"HTTP://api.example/v1":           {"http", "api.example:80", "/v1"},
		"https://api.example:8443/a/b":    {"https", "api.example:8443", "/a/b"},
		"api.example":                     nil,
		"ftp://api.example":               nil,
		"http:/api.example":               nil,
		"http:///v1":                      nil,
		"http://:80/v1":                   nil,
		"https://someone@api.example":     nil,
		"https://api.example/v1?version=": nil,
		"https://api.example:0":           nil,
		"https://api.example:65536":       nil,
	} {
		c, err := standalone.NewSources([]string{"PGRST_DB_URI=postgres://x", "PGRST_OPENAPI_SERVER_PROXY_URI=" + proxy}, "").Read()
		if err != nil && want != nil || err == nil && want == nil {
			t.Errorf("%s: got %v", proxy, err)
		}
		o := c.Engine.OpenAPI
		if got := []string{o.Scheme, o.Host, o.BasePath}; err == nil && !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", proxy, got, want)
		}
	}
}
