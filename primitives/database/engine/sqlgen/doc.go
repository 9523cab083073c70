// Package sqlgen writes the SQL of a plan. It is pure and total: every plan
// has a statement.
//
// Names from the request appear only as quoted identifiers and values only
// as parameters. Type names of casts are the exception, as in PostgREST: the
// grammar admits letters, digits, blanks, '_' and '$' there. Type and function
// names that come from the catalog are printed by Postgres itself.
package sqlgen
