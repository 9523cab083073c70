// Package oauth signs people in at other providers: OAuth 2.0 and OpenID
// Connect as a client, or relying party.
//
// It describes the built-in providers, finds custom ones by their discovery
// document, makes the address that a browser is sent to, and turns the code
// that comes back, or an ID token of a phone, into an Account: who that is,
// and whether the provider vouches for the e-mail address. What an Account
// means for the project, it does not know: no routes, no database.
//
// Everything that a provider sends is foreign. Calls are bounded in time,
// size and redirects; addresses that came from a configuration are called by
// https only and never within the server's own network, unless a setting
// allows it; ID tokens count only with an asymmetric signature by a key of
// the issuer, for this client, in time and with the nonce of the attempt.
// Access and refresh tokens are used for the one look at the profile and then
// dropped: nothing in the product needs them later, so nothing can leak them.
package oauth
