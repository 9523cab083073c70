// Package changes applies the migrations of a project and keeps account of
// them.
//
// Routes, all for administrators, below /api/database: GET and POST
// /migrations, POST /migrations/dry-run. The list may be asked for in pages,
// with limit and offset; whole, it is written as it is read.
//
// # A migration
//
// A migration is one transaction as project_admin, on the callers' login,
// which owns nothing: leaving that role gains nothing. First, before any of
// the project's SQL, the transaction takes the lock of migrations, writes its
// row in system.custom_migrations and its audit row, and has the record layer
// notified. Then it runs the statements one by one, each by the extended
// protocol, by which the server makes sure that it is a single command. So the
// SQL finds the rows written, has no right to change them, and cannot outlive
// or escape them: they and the changes are committed together or not at all.
// The guards of package sqltext refuse what would end the transaction.
//
// # A dry run
//
// A dry run does the same without writing any rows, has deferred constraints
// checked, rolls back, and reports. Values taken from sequences stay taken.
// It says what a look at the text tells about risks; what code inside
// functions does is not seen.
//
// # Sessions and bounds
//
// A connection on which foreign SQL ran is closed: settings, temporary tables,
// prepared statements, locks and channels of a session end with it. One
// migration or dry run goes at a time; others wait for a while. A text has 16
// MiB and 10,000 statements at most; a migration may take 10 minutes, a dry
// run 30 seconds, waiting for another transaction's lock 5 seconds. A session
// that resists being cancelled is terminated.
//
// The package owns the table system.custom_migrations and the function
// system.record_migration. It announces events.DataUpdate of the database: a
// change of type "migration" and what the text says it changes.
package changes
