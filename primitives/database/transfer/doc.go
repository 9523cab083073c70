// Package transfer moves whole tables in and out of a project's database.
//
// Routes, all for administrators, below /api/database/advance:
//
//	POST /export        tables of schema public as SQL that restores, or JSON
//	POST /import        a file of SQL, in one transaction as project_admin
//	POST /bulk-upsert   rows of a CSV or JSON file into one table
//
// An export reads as the database owner in one snapshot: row-level security
// does not apply. Its SQL creates everything that the chosen tables need
// (types, functions, sequences), in an order that works, and each statement can
// be run again where the object already exists. Imports and bulk upserts run as
// the caller, on a connection that is thrown away afterwards: whatever the file
// does to its session ends with it.
//
// Imports take files as pg_dump, psql users and migration tools write them.
// Statements that mean nothing in a project (owners, settings and limits of the
// server, schema public, extensions of the product, BEGIN and COMMIT, lines for
// psql) are passed over and listed in the answer; see judge. A file that needs
// roles or extensions that do not exist is refused before anything runs, with
// an error that names them all; see needs. A file may disable triggers around
// its rows: the owner's own triggers are disabled, and foreign keys are checked
// before the commit; see triggers. Role service_role exists for the grants and
// policies of Supabase projects (migration 0013).
//
// A bulk upsert keeps the values that a file gives to identity columns and
// moves their sequences past these. JSON with half a surrogate pair is refused,
// as on every route (rest.LoneSurrogate).
//
// Memory does not grow with what is moved: answers and uploads wait in
// temporary files, statements and rows are read one by one.
//
// The package owns no tables. It audits EXPORT_DATABASE, IMPORT_DATABASE and
// BULK_UPSERT in the transaction of the transfer and announces
// events.DataUpdate of the database after imports and upserts.
package transfer
