// Package oauth signs users in with other providers, as a client (relying
// party) of OAuth 2.0 and OpenID Connect.
//
// It describes the built-in providers, finds custom ones by their discovery
// document, builds the URL that a browser is sent to, and turns the code that
// comes back, or a mobile application's ID token, into an Account: who it is,
// and whether the provider vouches for the e-mail address. It does not know what
// an Account means for the project: it has no routes and no database.
//
// Nothing that a provider sends is trusted. Calls are bounded in time, size and
// redirects. Configured addresses are called over https only, and never within
// the server's own network unless a setting allows it. ID tokens need an
// asymmetric signature by a key of the issuer, this client as audience, a valid
// time and the nonce of the attempt. Access and refresh tokens are used once, to
// read the profile, and then dropped: nothing needs them later, so nothing can
// leak them.
package oauth
