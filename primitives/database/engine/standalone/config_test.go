package standalone_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/standalone"
)

func fromPairs(pairs ...string) (standalone.Config, error) {
	get := func(name string) (string, bool) {
		for _, p := range pairs {
			if k, v, _ := strings.Cut(p, "="); k == name {
				return v, true
			}
		}
		return "", false
	}
	return standalone.FromEnvironment(get, pairs)
}

func TestSettingsAreReadAsPostgRESTReadsThem(t *testing.T) {
	t.Parallel()
	c, err := fromPairs(
		"PGRST_DB_URI=postgres://x", "PGRST_DB_SCHEMAS=api, other", "PGRST_DB_ANON_ROLE=web_anon", "PGRST_DB_PRE_REQUEST=api.check",
		"PGRST_DB_EXTRA_SEARCH_PATH=public, ext", "PGRST_DB_MAX_ROWS=100", "PGRST_DB_AGGREGATES_ENABLED=true",
		"PGRST_DB_PLAN_ENABLED=1", "PGRST_DB_TX_END=rollback-allow-override", "PGRST_SERVER_HOST=127.0.0.1", "PGRST_SERVER_PORT=3333",
		`PGRST_JWT_ROLE_CLAIM_KEY=.realm."the roles"[0]`, "PGRST_APP_SETTINGS_JWT_LIFETIME=60", "PGRST_DB_CONFIG=false",
		"PGRST_DB_POOL=3", "PGRST_SERVER_CORS_ALLOWED_ORIGINS=https://a.example, https://b.example", "PGRST_OPENAPI_MODE=disabled",
		"PGRST_OPENAPI_SERVER_PROXY_URI=https://api.example/v1",
	)
	if err != nil {
		t.Fatal(err)
	}
	want := standalone.Config{
		DatabaseURI: "postgres://x", AnonRole: "web_anon", RoleClaim: []string{"realm", "the roles", "0"}, Pool: 3,
		Address: "127.0.0.1:3333", Origins: []string{"https://a.example", "https://b.example"}, Listen: true,
		Engine: engine.Options{
			Schemas: []string{"api", "other"}, ExtraSearchPath: []string{"public", "ext"}, AnonRole: "web_anon", MaxRows: 100,
			Aggregates: true, PlanOutput: true, TxEnd: engine.TxRollbackAllowOverride, BareNotFound: true,
			PreRequest:      schema.Name{Schema: "api", Name: "check"},
			AppSettings:     []schema.Setting{{Name: "app.settings.jwt_lifetime", Value: "60"}},
			HoistedSettings: []string{"statement_timeout", "plan_filter.statement_cost_limit", "default_transaction_isolation"},
			AcquireTimeout:  10 * time.Second,
			OpenAPI: engine.OpenAPI{
				Mode: engine.OpenAPIDisabled, Version: "12.2.12", Scheme: "https", Host: "api.example:443", BasePath: "/v1",
			},
		},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestBadSettingsAreAllNamed(t *testing.T) {
	t.Parallel()
	names := []string{
		"PGRST_DB_MAX_ROWS", "PGRST_DB_AGGREGATES_ENABLED", "PGRST_DB_TX_END", "PGRST_JWT_ROLE_CLAIM_KEY", "PGRST_OPENAPI_MODE",
		"PGRST_OPENAPI_SERVER_PROXY_URI", "PGRST_SERVER_PORT",
	}
	var pairs []string
	for _, n := range names {
		pairs = append(pairs, n+"=nonsense")
	}
	_, err := fromPairs(pairs...)
	if err == nil {
		t.Fatal("nonsense was accepted")
	}
	for _, n := range names {
		if !strings.Contains(err.Error(), n) {
			t.Errorf("%s is not named in: %v", n, err)
		}
	}
}
