// Package respond writes answers in PostgREST's shape: statuses, headers,
// bodies and errors. It also holds what a body is made with: RowWriter, which
// writes rows as Postgres's own JSON functions would, and Spool, which keeps a
// body in memory or, when large, in a temporary file, so that neither memory
// nor a database connection depends on how fast the client reads.
package respond
