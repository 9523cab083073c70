// Package guard holds what slows down or turns away callers who guess, flood
// or ask too often, and the rules that passwords must meet:
//
//   - Throttle bounds the guessing of users' passwords.
//   - Hasher hashes passwords, a few at a time, with clients taking turns.
//   - Cooldown spaces the mails that are requested for one address.
//   - PasswordRules are the requirements for a new password.
//
// Everything is kept in memory, bounded, and local to one process. The package
// is pure: it knows no tables, no routes and no users, only addresses, clients
// and the clock that it is given.
package guard
