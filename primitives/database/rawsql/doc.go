// Package rawsql runs SQL that administrators write.
//
// Routes, below /api/database: POST /advance/rawsql runs as project_admin,
// POST /advance/rawsql/unrestricted as the owner of the database. Both take
// {query, params?, explain?} and answer {rows, rowCount, fields}, typed by
// package values; several statements answer {"rows":[]}.
//
// # Who may do what
//
// rawsql logs in as the callers' login, which owns nothing and can only become
// one of the project's three roles. SQL that leaves its role, openly or inside
// a DO block, gains nothing by it. The guards of package sqltext are the same
// on both routes and are not a security boundary. Unrestricted SQL runs as the
// owner, as the contract has it: who can send it controls the database.
//
// # Sessions
//
// Every request has its own session, opened for it and closed after it.
// Nothing of a session can reach the next: settings, temporary tables,
// prepared statements, locks, channels, loaded libraries, open connections of
// extensions. DISCARD ALL would leave some of these behind, and what end users
// left could reach an administrator. Connecting costs 5 ms where DISCARD ALL
// takes 0.2; the shortest request takes 12 (two busy cores).
//
// All statements of a request are one transaction, with the audit row, the
// notification of the record layer and, for unrestricted DDL, the handover of
// new objects in public to project_admin. One statement that cannot run
// inside a transaction (VACUUM, CREATE INDEX CONCURRENTLY, unrestricted also a
// procedure that commits) is run again outside one after Postgres has
// refused it inside; its audit row follows in a transaction of its own.
//
// Before the product's own statements end the transaction, deferred
// constraints are checked and every setting is put back, so that nothing the
// caller left behind has a say in them. Restricted SQL that changed a role
// after all, even just the login's own password, is rolled back. (Package
// session does all of this, for migrations and imports too.)
//
// # Bounds
//
// A request holds at most 16 MiB of SQL and 10,000 statements; a result at most
// 100,000 rows and 64 MiB of JSON, of which one row may be a quarter. A larger
// result is refused and the transaction rolled back. A statement may run for
// 30 s and a request for 5 minutes; four requests run at once. Results are kept
// in memory up to 1 MiB, then in a temporary file, and are sent only after the
// commit, so that a failure at the last row is still an error. When the client
// disconnects, its statement is cancelled; if the statement ignores this, its
// session is terminated.
//
// The package owns the function
// system.reassign_public_objects_to_project_admin and no tables. It announces
// events.DataUpdate of the database with what the text says it changes.
package rawsql
