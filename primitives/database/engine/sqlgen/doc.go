// Package sqlgen writes the SQL of a plan. It is pure and total: every plan
// has a statement.
//
// Names from the request appear only as quoted identifiers and values only as
// parameters. The type of a cast is also a quoted identifier, or one of the
// types that SQL spells as keywords, from a closed list. Type and function
// names that come from the catalog are printed by Postgres itself.
package sqlgen
