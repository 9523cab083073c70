// Package engine answers HTTP requests on tables and functions with
// PostgREST's language, from one database round trip each.
//
// A request goes through stages whose types differ, so none can be skipped:
//
//	request.Parse   what the caller said            pure
//	plan.Build      what that means in this schema  pure
//	sqlgen.Build    the SQL                         pure
//	execute         the only stage with a connection
//	respond.Write   status, headers, body
//
// execute sends the settings of the transaction (role, claims, search path),
// the statement and, where asked for, the count in one write, as one implicit
// transaction: Postgres commits at the Sync that ends it, and nothing is
// answered before. The forms that must decide after seeing the result, or that
// need an isolation level, open the transaction explicitly.
//
// What the first three stages made of a request is kept for the next of the same
// shape (memory.go): neither who is asking is part of it nor what columns are
// compared with.
//
// The connection is given back before the answer is written: a slow client
// holds memory or a temporary file, never a connection.
package engine
