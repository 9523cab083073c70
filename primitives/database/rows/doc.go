// Package rows is the record editor of the dashboard: it reads and writes
// single rows of any table, with values typed by their columns.
//
// Routes, all for administrators, below /api/database/admin/tables/:tableName:
// GET, POST, PATCH and DELETE /records, GET /records/lookup. Each takes the
// query parameter schema, "public" by default.
//
// Every request is one transaction as project_admin, who bypasses row-level
// security. Column names are looked up in the table, never trusted; values are
// parameters, sent as text and read by the column's type.
//
// A row is named by its primary key, or by any of its columns where it has
// none. Answers show times in milliseconds, so a time in a key means the whole
// of its millisecond; a key that then matches several rows is refused.
//
// The package owns no tables. It announces events.DataUpdate of the database
// with a change of type "records".
package rows
