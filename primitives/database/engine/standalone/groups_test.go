package standalone_test

import (
	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/standalone"
)

const special = `SPECIAL "@/\#~_-`

// Why a case does not pass.
const (
	comparesBytes = "the runner compares the body's bytes with a decoded value, which no answer can equal"
	needsPostGIS  = "the case calls PostGIS's ST_AsGeoJSON(record), which the fixtures' stand-in lacks"
	planCost      = "the cost is that of another form of the statement, or of another major of Postgres"
	planSettings  = "the test's server has more settings that are not at their default"
	planOutput    = "our statement applies the cast in a subquery, which the plan prints in other words"
)

// defaultFailing are the cases of the default group that do not pass.
var defaultFailing = map[string]string{
	"Query/CustomMediaSpec :: custom media types > for tables with anyelement aggregate > will use the application/vnd.geo2+json media type for any table":             needsPostGIS,
	"Query/CustomMediaSpec :: custom media types > Proc that returns rows and accepts custom media type > works if there's an anyelement aggregate defined":            needsPostGIS,
	"Query/RpcSpec :: remote procedure call > get message and details from raise sqlstate > get message and details from PGRST raise and checks custom status message": comparesBytes,
	"Query/SingularSpec :: Requesting singular json object > when deleting rows > works for one row with return=rep":                                                   comparesBytes,
}

// groups are all groups of cases but those about asymmetric keys, which are
// the business of who verifies tokens.
var groups = []group{
	{name: "db-tx-end=commit"},
	// The default group as upstream runs it: every request is rolled back.
	{name: "default", args: []string{"--reset-mode", "tx-rollback"}, failing: defaultFailing, change: func(c *standalone.Config) {
		c.Engine.TxEnd = engine.TxRollbackAllowOverride
	}},
	{name: "db-aggregates=true", change: func(c *standalone.Config) { c.Engine.Aggregates = true }},
	{name: "db-max-rows=2", change: func(c *standalone.Config) { c.Engine.MaxRows = 2 }},
	{name: "db-tx-end=rollback", change: func(c *standalone.Config) { c.Engine.TxEnd = engine.TxRollback }},
	{name: "db-plan-enabled=true", change: func(c *standalone.Config) { c.Engine.PlanOutput = true }, failing: map[string]string{
		"Query/PlanSpec :: custom media types > outputs the plan for a scalar function text/xml [db-plan-enabled=true]":          planOutput,
		"Query/PlanSpec :: read table/view plan > outputs the search path when using the settings option [db-plan-enabled=true]": planSettings,
		"Query/PlanSpec :: writes plans > outputs the total cost for 2 upserts [db-plan-enabled=true]":                           planCost,
		"Query/PlanSpec :: writes plans > outputs the total cost for a single upsert [db-plan-enabled=true]":                     planCost,
		"Query/PlanSpec :: writes plans > outputs the total cost for an update [db-plan-enabled=true]":                           planCost,
		"Query/PlanSpec :: writes plans > outputs the total cost for an upsert with 10 rows [db-plan-enabled=true]":              planCost,
		"Query/PlanSpec :: writes plans > outputs the total cost for an upsert with 100 rows [db-plan-enabled=true]":             planCost,
		"Query/PlanSpec :: writes plans > outputs the total cost for an upsert with 1000 rows [db-plan-enabled=true]":            planCost,
	}},
	{name: `db-schemas=["v1", "v2", "SPECIAL \"@/\\#~_-"]`, change: func(c *standalone.Config) {
		c.Engine.Schemas = []string{"v1", "v2", special}
	}},
	{name: `db-schemas=["nonexistent"]`, change: func(c *standalone.Config) { c.Engine.Schemas = []string{"nonexistent"} }},
	{name: `db-schemas=["test", "v1"];openapi-mode=ignore-privileges`, change: func(c *standalone.Config) {
		c.Engine.Schemas, c.Engine.OpenAPI.Mode = []string{"test", "v1"}, engine.OpenAPIIgnorePrivileges
	}},
	{name: "openapi-server-proxy-uri=https://postgrest.com/openapi.json", change: func(c *standalone.Config) {
		c.Engine.OpenAPI.Scheme, c.Engine.OpenAPI.Host, c.Engine.OpenAPI.BasePath = "https", "postgrest.com:443", "/openapi.json"
	}},
	{name: `db-extra-search-path=["public", "extensions", "EXTRA \"@/\\#~_-"]`, change: func(c *standalone.Config) {
		c.Engine.ExtraSearchPath = []string{"public", "extensions", `EXTRA "@/\#~_-`}
	}},
	{name: "db-pre-request=custom_headers", change: func(c *standalone.Config) {
		c.Engine.PreRequest = schema.Name{Name: "custom_headers"}
	}},
	{name: "db-anon-role=null", change: func(c *standalone.Config) { c.AnonRole, c.Engine.AnonRole = "", "" }},
	{name: "jwt-audience=youraudience", audience: "youraudience"},
	{name: "server-trace-header=X-Request-Id", change: func(c *standalone.Config) { c.TraceHeader = "X-Request-Id" }},
}
