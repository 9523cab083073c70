// Package schema holds what the engine knows about the database: an immutable
// Snapshot of the exposed tables, columns, keys, relationships and functions,
// and the Cache that loads and replaces it.
//
// A reload runs alongside requests and swaps one pointer at its end, so it
// never blocks or fails a request that the old snapshot can serve. A request
// that does not find something waits with Cache.Miss, at most for a snapshot
// taken after the call: an object made a moment ago by the same client is
// found.
//
// How relationships are derived (views through their base columns, junctions,
// computed relationships) follows PostgREST's SchemaCache.hs.
package schema
