// Package standalone serves only the query engine, on any Postgres, under
// PostgREST's own settings: what a PostgREST process does. Its tests run
// PostgREST's conformance cases against it.
package standalone
