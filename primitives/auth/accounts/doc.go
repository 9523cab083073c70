// Package accounts owns the users of a project, the ways in which they can
// sign in, and the settings of sign-up.
//
// Its tables are auth.users, auth.user_providers and auth.config; all SQL on
// users and their ways to sign in is in store_*.go. Functions that take a
// transaction are for the packages above, which combine them: a sign-in with
// another provider, for example, finds a user, links an account and ends
// sessions in one transaction. Deleting a user also ends sessions, which this
// package does not know, so package auth does it.
//
// A project may put triggers on auth.users. They run with the rights of the
// role that changes a row, so no statement touches the table as the database
// owner: all run as project_admin on a connection with no other rights.
//
// Routes: GET /api/auth/users and /users/:userId, /profiles/:userId,
// PATCH /profiles/current, GET and PUT /config. Changes of the settings are
// audited.
package accounts
