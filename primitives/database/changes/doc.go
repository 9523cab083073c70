// Package changes applies the migrations of a project and keeps a record of
// them.
//
// Routes, all for administrators, below /api/database: GET and POST
// /migrations, POST /migrations/dry-run. The list can be paged with limit and
// offset; without them it is streamed whole.
//
// # A migration
//
// A migration is one transaction as project_admin, on the callers' login,
// which owns nothing: leaving that role gains nothing. First, before any of
// the project's SQL, the transaction takes the lock of migrations, writes its
// row in system.custom_migrations and its audit row, and notifies the record
// layer. Then it runs the statements one by one with the extended protocol, so
// that the server checks that each is a single command. The SQL therefore finds
// the rows written and has no right to change them: they and the changes are
// committed together or not at all. The guards of package sqltext refuse what
// would end the transaction.
//
// # A dry run
//
// A dry run does the same without writing any rows, checks deferred
// constraints, rolls back, and reports. Values taken from sequences stay taken.
// It reports the risks that the text shows; it cannot see what code inside
// functions does.
//
// # Sessions and bounds
//
// Each migration and dry run has a session of its own (package session), and
// one runs at a time; others wait for a while. The SQL may have 16 MiB and
// 10,000 statements; a migration may take 10 minutes, a dry run 30 seconds, and
// a statement waits 5 seconds for another transaction's lock. A session that
// ignores being cancelled is terminated.
//
// The package owns the table system.custom_migrations and the function
// system.record_migration. It announces events.DataUpdate of the database: a
// change of type "migration" and what the text says it changes.
package changes
