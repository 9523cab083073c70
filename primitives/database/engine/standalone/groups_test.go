package standalone_test

import (
	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/respond"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/standalone"
)

const special = `SPECIAL "@/\#~_-`

// Why a case of either release does not pass.
const (
	planCost     = "the cost is that of another form of the statement, or of another major of Postgres"
	planSettings = "the test's server has more settings that are not at their default"
	planOutput   = "our statement applies the cast in a subquery, which the plan prints in other words"
)

// Why a case of the newest release line does not pass. Where 12.2 answers
// differently, its clients rely on that.
const (
	newerMissing = "12.2 has no PGRST205: Postgres's 42P01, or 404 without a body, shows that a table does not exist"
	newerTokens  = "12.2 has PGRST301 and the words of another library for all that is wrong with a token, and heeds audiences otherwise"
	newerWords   = "12.2 says PGRST116 and PGRST106 in other words"
	newerOpenAPI = "12.2 gives the names of Postgres's types as formats and a description to every operation"
	newerBytes   = "the same JSON with other blanks"
)

// groups are all groups of cases but those about asymmetric keys, which are up
// to the verifier of tokens.
var groups = []group{
	{name: "db-tx-end=commit"},
	// The default group as upstream runs it: every request is rolled back.
	{name: "default", args: []string{"--reset-mode", "tx-rollback"}, newerFailing: newerDefaultFailing, change: func(c *standalone.Config) {
		c.Engine.TxEnd = engine.TxRollbackAllowOverride
	}},
	{name: "db-aggregates=true", change: func(c *standalone.Config) { c.Engine.Aggregates = true }},
	{name: "db-max-rows=2", change: func(c *standalone.Config) { c.Engine.MaxRows = 2 }},
	{name: "db-tx-end=rollback", change: func(c *standalone.Config) { c.Engine.TxEnd = engine.TxRollback }},
	{name: "db-plan-enabled=true", change: func(c *standalone.Config) { c.Engine.PlanOutput = true }, failing: map[string]string{
		"Query/PlanSpec :: custom media types > outputs the plan for a scalar function text/xml [db-plan-enabled=true]":          planOutput,
		"Query/PlanSpec :: read table/view plan > outputs the search path when using the settings option [db-plan-enabled=true]": planSettings,
	}, olderFailing: map[string]string{
		"Query/PlanSpec :: writes plans > outputs the total cost for 2 upserts [db-plan-enabled=true]":                planCost,
		"Query/PlanSpec :: writes plans > outputs the total cost for a single upsert [db-plan-enabled=true]":          planCost,
		"Query/PlanSpec :: writes plans > outputs the total cost for an update [db-plan-enabled=true]":                planCost,
		"Query/PlanSpec :: writes plans > outputs the total cost for an upsert with 10 rows [db-plan-enabled=true]":   planCost,
		"Query/PlanSpec :: writes plans > outputs the total cost for an upsert with 100 rows [db-plan-enabled=true]":  planCost,
		"Query/PlanSpec :: writes plans > outputs the total cost for an upsert with 1000 rows [db-plan-enabled=true]": planCost,
	}, newerFailing: map[string]string{
		"Query/PlanSpec :: count preference plan costs > tables with count=exact > shows relevant count aggregates when limits are set [db-plan-enabled=true]":             planCost,
		"Query/PlanSpec :: count preference plan costs > functions with count=exact > shows only 1 count aggregate when no limits/max-rows are set [db-plan-enabled=true]": planCost,
		"Query/PlanSpec :: count preference plan costs > functions with count=exact > shows relevant count aggregates when limits are set [db-plan-enabled=true]":          planCost,
	}},
	{name: `db-schemas=["v1", "v2", "SPECIAL \"@/\\#~_-"]`, change: func(c *standalone.Config) {
		c.Engine.Schemas = []string{"v1", "v2", special}
	}, newerFailing: map[string]string{
		`Query/MultipleSchemaSpec :: PostGIS features > multiple schemas in single instance > Reading tables on different schemas > doesn't find another_table in schema v1 [db-schemas=["v1", "v2", "SPECIAL \"@/\\#~_-"]]`:                                          newerMissing,
		`Query/MultipleSchemaSpec :: PostGIS features > multiple schemas in single instance > Inserting tables on different schemas > fails when inserting on an unknown schema [db-schemas=["v1", "v2", "SPECIAL \"@/\\#~_-"]]`:                                      newerWords,
		`Query/MultipleSchemaSpec :: PostGIS features > multiple schemas in single instance > OpenAPI output > succeeds in reading table definition from default schema v1 if no schema is selected via header [db-schemas=["v1", "v2", "SPECIAL \"@/\\#~_-"]]`:       newerOpenAPI,
		`Query/MultipleSchemaSpec :: PostGIS features > multiple schemas in single instance > OpenAPI output > succeeds in reading table definition from default schema v1 after explicitly passing it in the header [db-schemas=["v1", "v2", "SPECIAL \"@/\\#~_-"]]`: newerOpenAPI,
		`Query/MultipleSchemaSpec :: PostGIS features > multiple schemas in single instance > OpenAPI output > succeeds in reading table definition from schema v2 [db-schemas=["v1", "v2", "SPECIAL \"@/\\#~_-"]]`:                                                   newerOpenAPI,
		`Query/MultipleSchemaSpec :: PostGIS features > multiple schemas in single instance > OpenAPI output > fails trying to read definitions from unknown schema [db-schemas=["v1", "v2", "SPECIAL \"@/\\#~_-"]]`:                                                  newerWords,
	}},
	{name: `db-schemas=["nonexistent"]`, only: older, change: func(c *standalone.Config) { c.Engine.Schemas = []string{"nonexistent"} }},
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
	{name: "jwt-audience=youraudience", audience: "youraudience", newerFailing: map[string]string{
		"Auth/AudienceJwtSecretSpec :: test handling of aud claims in JWT when the jwt-aud config is set > when the audience claim is a string > fails when the audience claim does not match [jwt-audience=youraudience]":                                      newerTokens,
		"Auth/AudienceJwtSecretSpec :: test handling of aud claims in JWT when the jwt-aud config is set > when the audience claim is a string > fails when the audience claim is empty [jwt-audience=youraudience]":                                            newerTokens,
		"Auth/AudienceJwtSecretSpec :: test handling of aud claims in JWT when the jwt-aud config is set > when the audience claim is an array of strings > fails when the audience claim has more than 1 element and none matches [jwt-audience=youraudience]": newerTokens,
		"Auth/AudienceJwtSecretSpec :: test handling of aud claims in JWT when the jwt-aud config is set > when the audience claim is an array of strings > ignores the audience claim and succeeds when it's empty [jwt-audience=youraudience]":                newerTokens,
	}},
	{name: "jwt-secret=null", only: newest, noSecret: true},
	{name: "server-trace-header=X-Request-Id", change: func(c *standalone.Config) { c.TraceHeader = "X-Request-Id" }},
	{name: `server-cors-allowed-origins=["http://example.com", "http://example2.com"]`, only: newest, change: func(c *standalone.Config) {
		c.Origins = []string{"http://example.com", "http://example2.com"}
	}},
	{name: "db-prepared-statements=false", only: newest},
	{name: "client-error-verbosity=Minimal", only: newest, change: func(c *standalone.Config) {
		c.Engine.Errors, c.Engine.TableNotFound = respond.Minimal, true
	}},
	// The default group's cases of PGRST205, which 12.2 does not have.
	{name: "PGRST205", only: newest, args: []string{"--match", "SchemaCache error|PGRST205|missing table error|nonexistent table|table not found|unknown uri"}, change: func(c *standalone.Config) {
		c.Engine.TableNotFound = true
	}},
	{name: "url-use-legacy-target-names=false", only: newest, change: func(c *standalone.Config) { c.Engine.AliasesOnly = true }},
}

// newerDefaultFailing are those of the newest release line only.
var newerDefaultFailing = map[string]string{
	"Auth/AuthSpec :: authorization > fails when auth header is sent empty":                                                                                                                             newerTokens,
	"Auth/AuthSpec :: authorization > fails with an expired token":                                                                                                                                      newerTokens,
	"Auth/AuthSpec :: authorization > hides tables from users with invalid JWT":                                                                                                                         newerTokens,
	"Auth/AuthSpec :: authorization > fails when the exp claim is not a number":                                                                                                                         newerTokens,
	"Auth/AuthSpec :: authorization > fails when the aud claim has a single value and it's not a string":                                                                                                newerTokens,
	"Auth/AuthSpec :: authorization > fails when the aud claim is an array but it has non-string elements":                                                                                              newerTokens,
	"OpenApi/OpenApiSpec :: OpenAPI > includes postgrest.org current version api docs":                                                                                                                  newerOpenAPI,
	"OpenApi/OpenApiSpec :: OpenAPI > table > includes definitions to tables":                                                                                                                           newerOpenAPI,
	"OpenApi/OpenApiSpec :: OpenAPI > table > includes a fk description for a O2O relationship":                                                                                                         newerOpenAPI,
	"OpenApi/OpenApiSpec :: OpenAPI > VIEW that has a source FK based on a UNIQUE key > includes fk description":                                                                                        newerOpenAPI,
	"OpenApi/OpenApiSpec :: OpenAPI > PostgreSQL to Swagger Type Mapping > smallint to integer":                                                                                                         newerOpenAPI,
	"OpenApi/OpenApiSpec :: OpenAPI > RPC > includes function summary/description and query parameters for arguments in the get path item":                                                              newerOpenAPI,
	"OpenApi/OpenApiSpec :: OpenAPI > RPC > includes function summary/description and body schema for arguments in the post path item":                                                                  newerOpenAPI,
	"Query/ErrorSpec :: Test PostgreSQL and PostgREST errors > includes the proxy-status header on the response > works with SchemaCache error":                                                         newerMissing,
	"Query/ErrorSpec :: Test PostgreSQL and PostgREST errors > show hint on PGRST205 table not found error > show hint when similarity score is at least 75%":                                           newerMissing,
	"Query/ErrorSpec :: Test PostgreSQL and PostgREST errors > show hint on PGRST205 table not found error > don't show hint when similarity score is less than 75%":                                    newerMissing,
	"Query/ErrorSpec :: Test PostgreSQL and PostgREST errors > JWT Errors > we allow 30 seconds clock skew > it should return error if expired":                                                         newerTokens,
	"Query/ErrorSpec :: Test PostgreSQL and PostgREST errors > JWT Errors > we allow 30 seconds clock skew > it should return error if used before it is valid":                                         newerTokens,
	"Query/ErrorSpec :: Test PostgreSQL and PostgREST errors > JWT Errors > we allow 30 seconds clock skew > it should return error if issued at future":                                                newerTokens,
	"Query/ErrorSpec :: Test JWT Token format errors > when token is complete but random characters":                                                                                                    newerTokens,
	"Query/InsertSpec :: Posting new record > POST with ?columns parameter > returns missing table error even if also has invalid ?columns":                                                             newerMissing,
	"Query/NullsStripSpec :: Stripping null values from JSON response > strip nulls from response > throws error when Accept: application/vnd.pgrst.object+json;nulls=stripped and result not singular": newerWords,
	"Query/QuerySpec :: Querying a nonexistent table > causes a 404":                                                                                                                                    newerMissing,
	"Query/QuerySpec :: Shaping response with select parameter > requesting parents and children":                                                                                                       newerBytes,
	"Query/QuerySpec :: Shaping response with select parameter > partitioned tables embedding > table not found error if first table does not exist":                                                    newerMissing,
	"Query/SingularSpec :: Requesting singular json object > when updating rows > raises an error for zero rows":                                                                                        newerWords,
	"Query/SingularSpec :: Requesting singular json object > when updating rows > raises an error for zero rows with return=rep":                                                                        newerWords,
	"Query/SingularSpec :: Requesting singular json object > when creating rows > raises an error regardless of return=minimal":                                                                         newerWords,
	"Query/SingularSpec :: Requesting singular json object > when creating rows > raises an error when creating zero entities with return=rep":                                                          newerWords,
	"Query/SingularSpec :: Requesting singular json object > when deleting rows > raises an error when attempting to delete multiple entities":                                                          newerWords,
	"Query/SingularSpec :: Requesting singular json object > when deleting rows > raises an error when attempting to delete multiple entities with return=rep":                                          newerWords,
	"Query/SingularSpec :: Requesting singular json object > when deleting rows > raises an error when deleting zero entities with return=rep":                                                          newerWords,
	"Query/SingularSpec :: Requesting singular json object > when calling a stored proc > fails for multiple rows":                                                                                      newerWords,
	"Query/UpdateSpec :: Patching record > to unknown uri > indicates no table found by returning 404":                                                                                                  newerMissing,
	"Query/UpdateSpec :: Patching record > PATCH with ?columns parameter > returns missing table error even if also has invalid ?columns":                                                               newerMissing,
}
