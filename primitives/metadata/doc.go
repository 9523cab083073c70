// Package metadata describes a project: its parts at a glance, its keys, its
// id and how to reach its database. It owns no table and asks other packages
// for what it reports.
//
// All its routes, below /api/metadata, are for administrators:
//
//	GET /                             all parts, as JSON or Markdown
//	GET /auth /database /storage /functions /realtime
//	GET /api-key /anon-key /project-id
//	GET /database-connection-string /database-password
//	GET /:tableName                   the definition of one table
//
// Clients take the presence of a part for the presence of the feature: what
// is not there is left out, never null or empty, except for the parts that
// every project has.
package metadata
