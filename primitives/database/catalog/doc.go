// Package catalog lists what a database has besides its tables: schemas,
// functions, indexes, policies and triggers.
//
// Routes, all for administrators, below /api/database: GET /schemas,
// /functions, /indexes, /policies, /triggers. All but the first take the query
// parameter schema, "public" by default; an unknown schema is empty.
//
// The package owns no tables and changes nothing.
package catalog
