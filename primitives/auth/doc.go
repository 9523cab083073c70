// Package auth knows who is calling: users with their passwords and sessions,
// administrators, the project's keys, and the tokens that stand for them.
//
// It owns the tables of schema auth: users, user_providers, sessions, config,
// email_otps and those of sign-ins at other providers; and the meaning of the
// reserved secrets API_KEY, ANON_KEY and JWT_* that its Vault stores. It
// answers the routes below /api/auth and the JWKS document, satisfies
// rest.Authenticator, announces events.Users, and audits what administrators
// change.
//
// A project may put triggers on auth.users. They run with the rights of
// whoever changes a row, so this package never touches the table as the
// database owner: every statement runs as project_admin on a connection that
// is nothing more.
//
// # Sessions
//
// A session is a row: a family of refresh tokens of which one is good. A
// refresh exchanges it for its successor, which follows from the token and the
// project's secret, so that only a digest is kept and whoever asks twice gets
// the same: tabs that refresh at once, answers that were lost, a process that
// died before it answered. Whoever presents a token a minute after it was
// exchanged has a copy, or made one, and the session ends.
//
// Ending a session, by its user, an administrator, a new password or the end
// of the user, ends its refresh token in the database. Its access token names
// the session: GET /sessions/current and the routes about sessions ask the
// database; all others refuse it in the process that ended the session, and
// elsewhere, and after a restart, accept it for the rest of its 15 minutes.
//
// Users see and end theirs at /sessions, administrators those of a user at
// /users/:userId/sessions and their own at /admin/sessions. The key that signs
// access tokens is rotated at /keys/jwt/rotate.
//
// # Sign-in at other providers
//
// Package oauth talks to the providers. Here, a sign-in starts with a signed
// state that names the provider, the page of the application and its code
// challenge; nothing is stored until the browser comes back, when the state is
// used up. The application gets a code for five minutes, which whoever presents
// it first uses up, and a session for the code and its verifier.
//
// Accounts are linked to users by an address that the provider has verified,
// never by another, and an unverified user is handed over without the password,
// accounts, sessions and codes that it had: see signInWith. A password reset
// takes the accounts of an unverified user away too. Client secrets are kept by
// the Vault; tokens of providers are not kept at all.
//
// # Mailed secrets
//
// A code of six digits or the token of a link proves that somebody reads an
// address. There is one for each address and purpose, stored as a hash, and
// used up in the transaction of what it is used for. Three wrong codes end it.
// Links begin with the configured address of the product, whatever a request
// says of its host.
//
// Whether an address is somebody's is not to be learnt from a request for a
// mail: for each one, the same secret is made and the same row written, and the
// answer is given before a mail is sent, by Run, if there is a receiver. What
// becomes of that mail is logged, not told. Sign-up is the exception by
// contract: it tells that an address is taken, and waits for its mail. A code
// to sign in with goes to every address, so its answer waits too.
//
// Opening a link for verification verifies: clients of the contract expect the
// redirect at once. HEAD requests and browsers that read ahead use nothing up,
// and a link to a new password never does: the page that it leads to presents
// the token.
package auth
