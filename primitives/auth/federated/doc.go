// Package federated signs users in with accounts at other providers, and keeps
// the configuration of those providers. Package oauth talks to the providers.
//
// A sign-in starts with a signed state that names the provider, the page of the
// application and its code challenge. Nothing is stored until the browser comes
// back, when the state is used up. The application gets a code to exchange for a
// session; see sessions.IssueCode. Mobile applications present an ID token
// instead.
//
// Accounts are linked to users by an address that the provider has verified, and
// by no other. A user whose address was never verified loses the password,
// accounts, sessions and codes it had when it is linked; see signInWith.
//
// Its tables are auth.oauth_configs, auth.custom_oauth_configs and
// auth.oauth_spent_states. A Vault keeps client secrets; providers' tokens are
// not kept at all. Changes of the configuration are audited.
//
// Routes: all below /api/auth/oauth, and POST /api/auth/id-token.
package federated
