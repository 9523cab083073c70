// Package advisor examines the project's database for holes in its access
// rules, missing or useless indexes and poor health, and explains each
// finding together with the SQL that fixes it.
//
// Routes, all for administrators, below /api/advisor: POST /scan, GET /latest,
// GET /issues, GET and POST /suppressions, DELETE /suppressions/:id.
//
// A scan starts only on request and runs in the background, on a connection of
// its own that holds an advisory lock: one scan at a time per database,
// however many processes serve it. Each rule is a read-only transaction with a
// time limit; one that fails is named in the scan's error message and the
// others go on. Rules read Postgres's catalog and statistics, never the
// project's rows, and run none of its code: the search path is pg_catalog, and
// expressions of policies are read as text.
//
// To add a rule, add one element to one of the lists in rules_*.go: its name,
// severity, category, title and the query that returns its findings. Objects of
// the product's own schemas and of extensions are left out, except by the rule
// that guards the product's tables.
//
// The package owns system.advisor_scans, system.advisor_findings and
// system.advisor_suppressions, and announces no events.
package advisor
