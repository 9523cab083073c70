package advisor

// grantRules are about rights that callers of the API should not have.
func grantRules() []rule {
	return []rule{
		{
			id: "unbounded-grant", severity: Warning, category: Security,
			title: "Rights beyond reading and writing rows",
			find:  rows(excessOnTables + ` UNION ALL ` + excessOnSchemas + ` UNION ALL ` + excessByDefault + ` UNION ALL ` + excessOfRoles + ` ORDER BY 2`),
		},
		{
			id: "system-table-exposed", severity: Critical, category: Security,
			title: "A table of the product is open to users",
			find: rows(`
				SELECT NULL, t.name,
				       format('Table %s belongs to the product, and %s can use all of its rows: row-level security is off.', t.name, t.who),
				       format('REVOKE ALL ON TABLE %s FROM PUBLIC, anon, authenticated;', t.name)
				  FROM (SELECT format('%I.%I', n.nspname, c.relname) AS name, ` + who + ` AS who
				          FROM pg_class c
				          JOIN pg_namespace n ON n.oid = c.relnamespace
				           AND NOT system.is_exposed_schema(n.nspname) AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
				          ` + reach + `
				         WHERE c.relkind IN ('r', 'p') AND NOT c.relrowsecurity AND reach.anybody
				           AND ` + notOfExtension + `) t
				 ORDER BY t.name`),
		},
	}
}

// Rights that no client with the anon key or a user's token needs. TRUNCATE is
// not subject to row-level security; TRIGGER and CREATE let a user's code run in
// the transactions of others.
const (
	// callers are the roles of the API, PUBLIC included, as oid and as name.
	callers = `(SELECT 0::oid AS oid, 'PUBLIC' AS name
	             UNION ALL SELECT oid, rolname::text FROM pg_roles WHERE rolname IN ('anon', 'authenticated')) caller`

	excessOnTables = `
	(SELECT NULL AS severity, r.name,
	        format('%s: %s on %s. Row-level security does not restrict these rights.',
	               string_agg(DISTINCT r.caller, ', '), string_agg(DISTINCT r.privilege, ', '), r.name),
	        concat_ws(E'\n',
	          CASE WHEN bool_or(r.grantable) THEN format('REVOKE GRANT OPTION FOR ALL ON TABLE %s FROM anon, authenticated CASCADE;', r.name) END,
	          CASE WHEN bool_or(r.excess) THEN format('REVOKE %s ON TABLE %s FROM PUBLIC, anon, authenticated CASCADE;', string_agg(DISTINCT r.privilege_type, ', ') FILTER (WHERE r.excess), r.name) END)
	   FROM (SELECT format('%I.%I', n.nspname, c.relname) AS name, caller.name AS caller, a.privilege_type, a.is_grantable AS grantable,
	                a.privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') AS excess,
	                a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS privilege
	           FROM pg_class c
	           JOIN pg_namespace n ON n.oid = c.relnamespace AND system.is_exposed_schema(n.nspname)
	          CROSS JOIN LATERAL aclexplode(c.relacl) a
	           JOIN ` + callers + ` ON caller.oid = a.grantee
	          WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
	            AND (a.is_grantable OR a.privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))
	            AND ` + notOfExtension + `) r
	  GROUP BY r.name)`

	excessOnSchemas = `
	(SELECT 'critical', format('%I', n.nspname),
	        format('%s may create objects in schema %I, and so shadow the functions and operators of others.', string_agg(caller.name, ', '), n.nspname),
	        format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, anon, authenticated;', n.nspname)
	   FROM pg_namespace n
	  CROSS JOIN LATERAL aclexplode(n.nspacl) a
	   JOIN ` + callers + ` ON caller.oid = a.grantee
	  WHERE a.privilege_type = 'CREATE' AND system.is_exposed_schema(n.nspname)
	  GROUP BY n.nspname)`

	// Rights on tables that do not exist yet.
	excessByDefault = `
	(SELECT NULL, format('default privileges of %I%s', d.owner, ' in ' || d.schema),
	        format('Tables that %I will create%s give %s to %s.', d.owner, ' in schema ' || d.schema,
	               string_agg(DISTINCT d.privilege_type, ', '), string_agg(DISTINCT d.caller, ', ')),
	        format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE %s ON TABLES FROM %s;', d.owner, ' IN SCHEMA ' || d.schema,
	               string_agg(DISTINCT d.privilege_type, ', '), string_agg(DISTINCT d.caller, ', '))
	   FROM (SELECT pg_get_userbyid(f.defaclrole) AS owner, quote_ident(n.nspname) AS schema, caller.name AS caller, a.privilege_type
	           FROM pg_default_acl f
	           LEFT JOIN pg_namespace n ON n.oid = f.defaclnamespace
	          CROSS JOIN LATERAL aclexplode(f.defaclacl) a
	           JOIN ` + callers + ` ON caller.oid = a.grantee
	          WHERE f.defaclobjtype = 'r' AND (n.oid IS NULL OR system.is_exposed_schema(n.nspname))
	            AND a.privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')) d
	  GROUP BY d.owner, d.schema)`

	// Attributes and memberships that give the roles more rights than they
	// should have.
	excessOfRoles = `
	(SELECT 'critical', format('%I', r.rolname),
	        format('Role %I is %s.', r.rolname, concat_ws(', ',
	          CASE WHEN r.rolsuper THEN 'a superuser' END,
	          CASE WHEN r.rolbypassrls THEN 'not subject to row-level security' END,
	          CASE WHEN r.rolcreaterole THEN 'allowed to create roles' END,
	          CASE WHEN r.rolcreatedb THEN 'allowed to create databases' END,
	          'a member of ' || m.names)),
	        concat_ws(E'\n',
	          CASE WHEN r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb
	               THEN format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;', r.rolname) END,
	          CASE WHEN m.names IS NOT NULL THEN format('REVOKE %s FROM %I;', m.names, r.rolname) END)
	   FROM pg_roles r
	  CROSS JOIN LATERAL (
	         SELECT string_agg(quote_ident(g.rolname), ', ' ORDER BY g.rolname) AS names
	           FROM pg_auth_members a
	           JOIN pg_roles g ON g.oid = a.roleid
	          WHERE a.member = r.oid) m
	  WHERE r.rolname IN ('anon', 'authenticated')
	    AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR m.names IS NOT NULL))`
)
