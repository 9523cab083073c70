// Package secrets keeps the project's secrets: small values under a name,
// sealed with the encryption key, in table system.secrets.
//
// Deleting is soft (is_active), an expired secret counts as absent, and
// reserved secrets are managed by the product itself. A value leaves this
// package only as the result of a call that names it; it is never part of an
// error or a log line.
package secrets
