// Package auth knows who is calling: users with their passwords and sessions,
// administrators, the project's keys, and the tokens that stand for them.
//
// It owns the tables auth.users, auth.user_providers and auth.config, and the
// meaning of the reserved secrets API_KEY, ANON_KEY and JWT_* that its Vault
// stores. It answers the routes below /api/auth and the JWKS document,
// satisfies rest.Authenticator, announces events.Users, and audits the
// deletion of users.
//
// A project may put triggers on auth.users. They run with the rights of
// whoever changes a row, so this package never touches the table as the
// database owner: every statement runs as project_admin on a connection that
// is nothing more.
package auth
