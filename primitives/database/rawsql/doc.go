// Package rawsql runs SQL that administrators write.
//
// Routes, below /api/database: POST /advance/rawsql runs as project_admin,
// POST /advance/rawsql/unrestricted as the owner of the database. Both take
// {query, params?, explain?} and answer {rows, rowCount, fields}, typed as
// package values does; a text of several statements answers {"rows":[]}.
//
// # Who may do what
//
// rawsql logs in as the callers' login, which owns nothing and may only
// become one of the project's three roles. What a caller's SQL does to leave
// its role, in plain sight or in a DO block, ends there. The guards of
// package sqltext are identical on both routes and no boundary. Unrestricted
// SQL is the owner's, by contract: whoever may send it has the database.
//
// # Sessions
//
// Every request has a session of its own, opened for it and closed after it.
// Nothing of a session can reach the next: settings, temporary tables,
// prepared statements, locks, channels, loaded libraries, open connections of
// extensions. DISCARD ALL would leave some of these, and what end users left
// behind could reach an administrator. Connecting costs 5 ms, where DISCARD
// ALL takes 0.2; the least request takes 12 (two busy cores).
//
// All statements of a request are one transaction, with the audit row, the
// notification of the record layer and, for unrestricted DDL, the handover of
// new objects in public to project_admin. One statement that cannot run
// inside a transaction (VACUUM, CREATE INDEX CONCURRENTLY, unrestricted also a
// procedure that commits) is run again outside of one after Postgres has
// refused it inside; its audit row follows in a transaction of its own.
//
// Before the product's own statements end the transaction, deferred
// constraints are checked and every setting is put back, so that nothing the
// caller left behind has a say in them. Restricted SQL that changed a role
// after all, be it the login's own password, is rolled back. SQL that is ended
// by a timeout it set itself is a 400; by ours, the contract's 500. (Package
// session does all of this, for migrations and imports too.)
//
// # Bounds
//
// A text has 16 MiB and 10,000 statements at most, a result 100,000 rows and
// 64 MiB as JSON, of which a row may be a quarter; a larger one is refused and
// the transaction rolled back. A statement has 30 s, a request 5 minutes, and
// four run at once. Results are kept in memory up to 1 MiB, then in a temporary
// file, and sent only after the commit: a failure at the last row is still an
// error. A client that goes away takes its statement with it. What resists
// being cancelled (SQL can) has its session terminated.
//
// The package owns the function
// system.reassign_public_objects_to_project_admin and no tables. It announces
// events.DataUpdate of the database with what the text says it changes.
package rawsql
