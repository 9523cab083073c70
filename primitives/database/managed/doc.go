// Package managed tests what the migrations promise about SQL that is not the
// product's. It holds only tests.
//
// A managed table is one of the product's (storage.objects, realtime.channels)
// on which the project's admin writes policies and switches row-level security,
// in plain SQL, without owning it. A migration makes a table managed with
//
//	SELECT system.manage_policies('storage.objects');
//
// after the grants of the table. How that works and why it is safe is explained
// at the top of migrations/0007_managed_tables.sql.
//
// It also tests the promises about extensions (the admin creates those that
// Postgres trusts, and no other) and about auth.uid() and its siblings (the
// planner sees through them).
package managed
