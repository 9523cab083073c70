// Package respond writes answers in PostgREST's shape: statuses, headers,
// bodies and errors. It also holds RowWriter, which writes rows as Postgres's
// own JSON functions would.
package respond
