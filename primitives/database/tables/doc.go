// Package tables creates, describes, changes and drops the project's tables.
//
// Routes, all for administrators, below /api/database: GET and POST /tables,
// GET and PATCH /tables/:tableName/schema, DELETE /tables/:tableName. Each
// takes the query parameter schema, "public" by default.
//
// A table created here gets id, created_at and updated_at, a trigger that
// keeps the latter, and row-level security without policies: only
// administrators see its rows until a policy lets others in. It belongs to
// project_admin, so that role's default privileges apply.
//
// Every request is one transaction as project_admin: the change, its audit row
// and the notification that makes the record layer reload the catalog are
// committed together or not at all. No statement waits long for a lock,
// because all later readers of the table wait behind it.
//
// The package owns no tables. It announces events.DataUpdate of the database:
// a change of type "tables" when one is created or dropped, "table" when one
// is altered.
//
// Names keep their case. Those over 63 bytes, which Postgres would cut short,
// are refused, since the shortened name could be that of another object.
package tables
