// Package auth identifies callers: users with their passwords and sessions,
// administrators, the project's keys, and the tokens that stand for them.
//
// It puts its concerns together. Each is a package of its own that imports only
// packages below it:
//
//	auth                  sign-in, sign-up, deleting users
//	federated   mailed    other providers; codes and links in mails
//	sessions              opening, refreshing, ending; administrators
//	accounts              users and settings
//	credentials           API key, anon key, signing keys
//	guard   redirect      throttles, hashing, password rules; where browsers go
//	tokens  keys  oauth   formats and protocols
//
// Their doc comments name their tables of schema auth and their routes; each
// mounts its own. This package serves POST and DELETE /api/auth/users, POST
// /sessions and GET /public-config, implements rest.Authenticator, announces
// events.Users, and audits the deletion of users.
package auth
