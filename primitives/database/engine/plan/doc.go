// Package plan resolves what a caller said against a schema snapshot: names
// become columns with types, embeds become joins. It is pure; a request that
// cannot be satisfied gets PostgREST's error (PGRST1xx and PGRST2xx).
//
// The stages and their order follow PostgREST's Plan.hs, since they decide
// which of several errors a caller sees.
package plan
