// Package database is the project's Postgres as the product offers it: one
// door to the packages below it, each of which serves a part of the interface.
//
//	records             rows by PostgREST's language, over engine
//	tables              creates, alters, drops and describes tables
//	catalog, rows       what else the database holds; the record editor
//	rawsql, changes     SQL of administrators; migrations and their dry run
//	transfer            export, import, bulk upsert
//	advisor             what is wrong with the schema, and the SQL that fixes it
//
// They do not know each other. What several of them need is in naming, refusal,
// session, sqltext and values; engine may be used by all.
//
// Routes: /api/database, /api/advisor, and the plain mount of client libraries
// of PostgREST. Each package documents its tables and events.
package database
