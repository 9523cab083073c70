package standalone_test

import (
	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/standalone"
)

const special = `SPECIAL "@/\#~_-`

// groups are all groups of cases but those about asymmetric keys, which are
// the business of who verifies tokens.
var groups = []group{
	{name: "default"},
	{name: "db-aggregates=true", change: func(c *standalone.Config) { c.Engine.Aggregates = true }},
	{name: "db-max-rows=2", change: func(c *standalone.Config) { c.Engine.MaxRows = 2 }},
	{name: "db-tx-end=rollback", change: func(c *standalone.Config) { c.Engine.TxEnd = engine.TxRollback }},
	{name: "db-plan-enabled=true", change: func(c *standalone.Config) { c.Engine.PlanOutput = true }},
	{name: `db-schemas=["v1", "v2", "SPECIAL \"@/\\#~_-"]`, change: func(c *standalone.Config) {
		c.Engine.Schemas = []string{"v1", "v2", special}
	}},
	{name: `db-schemas=["nonexistent"]`, change: func(c *standalone.Config) { c.Engine.Schemas = []string{"nonexistent"} }},
	{name: `db-extra-search-path=["public", "extensions", "EXTRA \"@/\\#~_-"]`, change: func(c *standalone.Config) {
		c.Engine.ExtraSearchPath = []string{"public", "extensions", `EXTRA "@/\#~_-`}
	}},
	{name: "db-pre-request=custom_headers", change: func(c *standalone.Config) {
		c.Engine.PreRequest = schema.Name{Name: "custom_headers"}
	}},
	{name: "db-anon-role=null", change: func(c *standalone.Config) { c.AnonRole, c.Engine.AnonRole = "", "" }},
	{name: "server-trace-header=X-Request-Id", change: func(c *standalone.Config) { c.TraceHeader = "X-Request-Id" }},
}
