// Package pg is the product's access to Postgres.
//
// There are two pools because there are two identities. The owner pool logs
// in as the database owner and holds the product's own tables; callers of
// AsOwner are reviewed one by one. The caller pool logs in as Authenticator,
// a role that owns nothing, has no rights of its own and may only SET ROLE to
// anon, authenticated and project_admin; all SQL that a caller brings in runs
// there, under row-level security. The product itself is a caller too, with
// the role of the project's administrator, where a project's triggers may run:
// AsProject.
//
// Transactions are visible in signatures (a Tx parameter), never hidden in a
// context. Work that must wait for the commit is attached with Tx.OnCommit,
// also on connections that no pool owns (Begin); a failure whose effects must
// stay is returned through Persist.
package pg
