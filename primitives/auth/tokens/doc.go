// Package tokens makes and checks the JSON Web Tokens of a project: access
// tokens, signed RS256 with the project's key pair, and refresh tokens, signed
// HS256 with the project's JWT secret.
//
// The key that checks a token is chosen by its header alone, before the
// signature is verified: RS256 with the kid of a known key uses that key, HS256
// uses the secret, and anything else ("none", RS256 with an unknown kid, HMAC
// with a public key) is refused. A refresh token is never accepted as an access
// token, or the other way round.
//
// A Verifier checks tokens of other issuers by PostgREST's rules, for the
// standalone query engine.
//
// It is the only package that imports the JWT library.
package tokens
