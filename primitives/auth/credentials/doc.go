// Package credentials holds the credentials that belong to a project rather
// than to a user: its API key, its anon key and the keys that sign access
// tokens.
//
// They are the reserved secrets API_KEY, ANON_KEY and JWT_*, which a Vault
// stores; the package owns their meaning and no table. A snapshot of them is
// kept in memory, so that requests are checked without touching the database,
// and is replaced when a key is rotated, here or by another process on the
// same database. It refuses everything until Seed or Reload has loaded one.
//
// The package does not know whether an access token's session has ended; see
// package sessions.
//
// Routes: POST /api/auth/tokens/anon, POST /api/auth/keys/jwt/rotate and the
// JWKS documents at /.well-known/jwks.json and /api/.well-known/jwks.json.
// Rotations are audited.
package credentials
