// Package records serves rows of tables and function calls, twice:
//
//	ALL /api/database/records/:tableName
//	ALL /api/database/rpc/:functionName
//
//	ALL /rest/v1/
//	ALL /rest/v1/:tableName
//	ALL /rest/v1/rpc/:functionName
//
// The first mount has the rules of the InsForge API: the schema parameter,
// empty strings in bodies, a body where PostgREST has none. It refuses a body
// that is neither a JSON object nor an array with 400 INVALID_INPUT, and
// answers 201 only when it created a row. The second is plain PostgREST as it
// answers behind a proxy that strips the prefix, with the OpenAPI document at
// its root; only failures of gates and limits keep the product's envelope. Both
// announce writes. It owns no table; the row-level security of the tables
// decides what a caller sees.
//
// Events: events.DataUpdate with a change of type "records" after every
// successful write to a table.
package records
