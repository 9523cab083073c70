package advisor

// accessRules are about tables, views and functions that callers of the API
// reach without policies, or bypassing them.
func accessRules() []rule {
	return []rule{
		{
			id: "rls-disabled", severity: Critical, category: Security,
			title: "Row-level security is off",
			find: rows(`
				SELECT NULL, t.name,
				       format('Row-level security of table %s is off: %s can use all of its rows.', t.name, t.who)
				         || CASE WHEN p.present THEN ' Its policies have no effect.'
				                 WHEN t.inherits THEN ' Policies of the table it belongs to count only for those who go through that table.'
				                 ELSE '' END,
				       format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', t.name)
				         || CASE WHEN p.present OR t.inherits THEN ''
				                 WHEN t.own_rows IS NOT NULL
				                 THEN format(E'\nCREATE POLICY own_rows ON %s FOR ALL TO authenticated\n  USING %s WITH CHECK %s;', t.name, t.own_rows, t.own_rows)
				                 ELSE E'\n-- Without a policy only administrators reach the rows: create those that the application needs.'
				            END
				  FROM ` + apiTables + `
				 CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid)) p(present)
				 WHERE NOT t.secured
				 ORDER BY t.name`),
		},
		{
			id: "rls-no-policy", severity: Critical, category: Security,
			title: "Row-level security without a policy",
			// Rows of a table that inherits are meant to be reached through its
			// parent, whose policies count then.
			find: rows(`
				SELECT NULL, t.name,
				       format('Row-level security of table %s is on and no policy lets anyone in: requests of users find no rows and cannot write any, without an error that says so.', t.name),
				       CASE WHEN t.own_rows IS NOT NULL
				            THEN format(E'CREATE POLICY own_rows ON %s FOR ALL TO authenticated\n  USING %s WITH CHECK %s;', t.name, t.own_rows, t.own_rows)
				            ELSE format(E'-- Create the policies that the application needs. Or, if only administrators should use the table, say so:\nREVOKE ALL ON TABLE %s FROM PUBLIC, anon, authenticated;', t.name)
				       END
				  FROM ` + apiTables + `
				 WHERE t.secured AND NOT t.inherits
				   AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND p.polpermissive)
				 ORDER BY t.name`),
		},
		{
			id: "rls-select-only", severity: Info, category: Security,
			title: "Policies for reading only",
			find: rows(`
				SELECT NULL, t.name,
				       format('All policies of table %s are for SELECT, though users have the right to write to it: every insert fails, and updates and deletes find no rows.', t.name),
				       format(E'-- If the table should be writable, create policies FOR INSERT, UPDATE or DELETE. If not, say so:\nREVOKE INSERT, UPDATE, DELETE ON TABLE %s FROM PUBLIC, anon, authenticated;', t.name)
				  FROM ` + apiTables + `
				 WHERE t.secured AND t.written
				   AND (SELECT bool_and(p.polcmd = 'r') FROM pg_policy p WHERE p.polrelid = t.oid AND p.polpermissive)
				 ORDER BY t.name`),
		},
		{
			id: "definer-view", severity: Critical, category: Security,
			title: "A view bypasses row-level security",
			// A view reads its tables with the rights of its owner, unless it is
			// set to use those of its reader; a materialized view read them when
			// it was refreshed. What it reads may itself be a view: one that uses
			// its reader's rights is safe under any view, but not under a
			// materialized one, whose owner was the reader.
			find: rows(`
				WITH RECURSIVE through AS (
				  SELECT c.oid AS view, format('%I.%I', n.nspname, c.relname) AS name, ` + who + ` AS who,
				         c.oid AS rel, c.relowner AS reader, c.relkind = 'm' AS stored, c.relkind = 'm' AS materialized
				    FROM pg_class c
				    JOIN pg_namespace n ON n.oid = c.relnamespace AND system.is_exposed_schema(n.nspname)
				    ` + reach + `
				   WHERE c.relkind IN ('v', 'm') AND reach.anybody
				     AND ` + notOfExtension + `
				     AND NOT ` + isInvoker + `
				  UNION
				  SELECT t.view, t.name, t.who, c.oid, CASE WHEN ` + isInvoker + ` THEN t.reader ELSE c.relowner END,
				         t.stored OR c.relkind = 'm', t.materialized
				    FROM through t
				    ` + readBy + ` AND c.relkind IN ('v', 'm') AND c.oid <> t.rel
				   WHERE t.stored OR NOT ` + isInvoker + `)
				SELECT NULL, t.name,
				       format('View %s reads %s with the rights of its owner, bypassing row-level security: %s sees all of its rows.',
				              t.name, string_agg(DISTINCT format('%I.%I', n.nspname, c.relname), ', '), t.who),
				       CASE WHEN t.materialized THEN format('REVOKE ALL ON TABLE %s FROM PUBLIC, anon, authenticated;', t.name)
				            ELSE format('ALTER VIEW %s SET (security_invoker = true);', t.name) END
				  FROM through t
				  JOIN pg_roles reader ON reader.oid = t.reader
				  ` + readBy + ` AND c.relkind IN ('r', 'p')
				  JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
				 WHERE NOT system.is_exposed_schema(n.nspname)
				    OR c.relrowsecurity
				       AND (reader.rolsuper OR reader.rolbypassrls
				            OR NOT c.relforcerowsecurity AND pg_has_role(t.reader, c.relowner, 'USAGE'))
				 GROUP BY t.name, t.materialized, t.who
				 ORDER BY t.name`),
		},
		{
			id: "foreign-table-exposed", severity: Critical, category: Security,
			title: "A foreign table is open to users",
			find: rows(`
				SELECT NULL, f.name,
				       format('%s can use all rows of foreign table %s: Postgres has no row-level security for foreign tables.', upper(left(f.who, 1)) || substr(f.who, 2), f.name),
				       format(E'-- Give users a view or a function that shows each of them their own rows.\nREVOKE ALL ON TABLE %s FROM PUBLIC, anon, authenticated;', f.name)
				  FROM (SELECT format('%I.%I', n.nspname, c.relname) AS name, ` + who + ` AS who
				          FROM pg_class c
				          JOIN pg_namespace n ON n.oid = c.relnamespace AND system.is_exposed_schema(n.nspname)
				          ` + reach + `
				         WHERE c.relkind = 'f' AND reach.anybody
				           AND ` + notOfExtension + `) f
				 ORDER BY f.name`),
		},
		{
			id: "dangerous-function", severity: Critical, category: Security,
			title: "Users can call a SECURITY DEFINER function",
			// Policies call functions as the user, so a function that a policy
			// needs keeps its grant; it must then fix its search path.
			find: rows(`
				SELECT NULL, f.name,
				       CASE WHEN f.in_policy
				            THEN format('Function %s, which a policy calls, runs with the rights of its owner, and its caller decides in which schemas it looks for tables and functions.', f.name)
				            ELSE format('Function %s runs with the rights of its owner, bypassing row-level security, and %s can call it.', f.name, f.who)
				       END,
				       CASE WHEN f.in_policy
				            THEN format('ALTER ROUTINE %s SET search_path = pg_catalog, %I, pg_temp;', f.name, f.nspname)
				            ELSE format(E'-- Or make it SECURITY INVOKER.\nREVOKE EXECUTE ON ROUTINE %s FROM PUBLIC, anon, authenticated;', f.name)
				       END
				  FROM (SELECT n.nspname,
				               format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name,
				               CASE WHEN has_schema_privilege('anon', n.oid, 'USAGE') AND has_function_privilege('anon', p.oid, 'EXECUTE')
				                    THEN 'anyone with the anon key' ELSE 'every signed-in user' END AS who,
				               EXISTS (SELECT FROM pg_depend d
				                        WHERE d.classid = 'pg_policy'::regclass
				                          AND d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid) AS in_policy,
				               EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%') AS fixed_path
				          FROM pg_proc p
				          JOIN pg_namespace n ON n.oid = p.pronamespace AND system.is_exposed_schema(n.nspname)
				         WHERE p.prosecdef
				           AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
				           AND NOT EXISTS (SELECT FROM pg_depend d
				                            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
				           AND EXISTS (SELECT FROM unnest(ARRAY['anon', 'authenticated']) role
				                        WHERE has_schema_privilege(role, n.oid, 'USAGE')
				                          AND has_function_privilege(role, p.oid, 'EXECUTE'))) f
				 WHERE NOT (f.in_policy AND f.fixed_path)
				 ORDER BY f.name`),
		},
	}
}

// readBy joins what relation t.rel, a view, reads, as c.
const readBy = `JOIN pg_rewrite w ON w.ev_class = t.rel
				  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
				  JOIN pg_class c ON c.oid = d.refobjid`
