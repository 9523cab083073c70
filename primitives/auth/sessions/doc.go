// Package sessions owns sessions: it opens and refreshes them, hands their
// tokens to clients, and ends them. It also owns the sessions of
// administrators, and the codes that are exchanged for a session.
//
// # Families
//
// A session is a row of auth.sessions: a family of refresh tokens, one of which
// is valid. A refresh exchanges it for its successor, which is derived from the
// token and the project's secret. So only a digest is stored, and a client that
// presents a token twice gets the same successor: tabs that refresh at the same
// time, answers that were lost, a process that died before it answered. A token
// that is presented more than a minute after its exchange must have been
// copied, so the session ends.
//
// # Ending
//
// When a session ends, by its user, an administrator, a new password or the
// deletion of the user, the refresh token is void at once. The access token
// names the session: GET /sessions/current and the routes about sessions ask
// the database; all other routes refuse it in the process that ended the
// session, while other processes, and this one after a restart, accept it until
// it expires, 15 minutes at most.
//
// # Clients
//
// Functions take a Client, a plain value. Browsers keep the refresh token in a
// cookie that a CSRF token protects, other clients get it in the body. A
// client that opens a session becomes known to guard.Throttle.
//
// # Codes
//
// A browser carries a code to an application, which exchanges it for a session.
// A code is stored as a digest in auth.oauth_codes and is valid for five minutes.
// The first attempt to exchange it uses it up, with or without the right
// verifier.
//
// Routes: GET and DELETE /api/auth/sessions, GET /sessions/current, DELETE
// /sessions/:sessionId, POST /refresh, POST /logout, those of
// administrators below /admin, and the sessions of a user below
// /users/:userId/sessions. Sessions that administrators end are audited, and so
// is the reuse of a refresh token.
package sessions
