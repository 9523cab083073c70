// Package engine answers HTTP requests on tables and functions with
// PostgREST's language, from one database round trip each.
//
// A request goes through stages, each of which hands on a value of its own type,
// so that none can be skipped and none changes what another made:
//
//	incoming      the request and who sent it
//	asked         what it says                     parse.go: request.Parse   pure
//	planned       what that means in this schema   plan.go: plan.Build       pure
//	sqlgen.Query  the SQL                          execute.go: sqlgen.Build  pure
//	intake        what Postgres answered           execute.go: transaction
//	              status, headers, body            serve.go: respond.Write
//
// A transaction is the only stage with a connection. It sends the settings
// (role, claims, search path), the statement and, where asked for, the count in
// one write, as one implicit transaction: Postgres commits at the Sync that ends
// it, and nothing is answered before. Forms that must decide after seeing the
// result, or that need an isolation level, open the transaction explicitly.
//
// What the pure stages made from a request is kept for the next of the same
// shape (memory.go): it includes neither the caller nor the values that columns
// are compared with.
//
// The connection is returned before the answer is written: a slow client holds
// memory or a temporary file, never a connection.
package engine
