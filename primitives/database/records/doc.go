// Package records serves rows of tables and function calls:
//
//	ALL /records/:tableName
//	ALL /rpc/:functionName
//
// It is the mount of the query engine with the rules of the InsForge API: the
// schema parameter, empty strings in bodies, a body where PostgREST has none,
// and the event after a write. It owns no table; row-level security of the
// tables that are asked for decides what a caller sees.
//
// Events: events.DataUpdate with a change of type "records" after every
// successful write to a table.
package records
