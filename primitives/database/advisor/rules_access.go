package advisor

// accessRules are about tables, views and functions that callers of the API
// reach without, or past, policies.
func accessRules() []rule {
	return []rule{
		{
			id: "rls-disabled", severity: Critical, category: Security,
			title: "Row-level security is off",
			find: rows(`
				SELECT NULL, t.name,
				       format('Row-level security of table %s is off: %s can use all of its rows.', t.name, t.who)
				         || CASE WHEN p.present THEN ' Its policies have no effect.' ELSE '' END,
				       format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', t.name)
				         || CASE WHEN p.present THEN ''
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
				       format('Row-level security of table %s is on and no policy lets anybody in: requests of users find no rows and cannot write any, without an error that says so.', t.name),
				       CASE WHEN t.own_rows IS NOT NULL
				            THEN format(E'CREATE POLICY own_rows ON %s FOR ALL TO authenticated\n  USING %s WITH CHECK %s;', t.name, t.own_rows, t.own_rows)
				            ELSE format(E'-- Create the policies that the application needs. Or, if only administrators shall use the table, say so:\nREVOKE ALL ON TABLE %s FROM PUBLIC, anon, authenticated;', t.name)
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
				       format(E'-- If the table shall be written to, create policies FOR INSERT, UPDATE or DELETE. If not, say so:\nREVOKE INSERT, UPDATE, DELETE ON TABLE %s FROM PUBLIC, anon, authenticated;', t.name)
				  FROM ` + apiTables + `
				 WHERE t.secured AND t.written
				   AND (SELECT bool_and(p.polcmd = 'r') FROM pg_policy p WHERE p.polrelid = t.oid AND p.polpermissive)
				 ORDER BY t.name`),
		},
		{
			id: "definer-view", severity: Critical, category: Security,
			title: "A view goes past row-level security",
			// A view reads its tables with the rights of its owner, unless it is
			// told to use those of its reader; a materialized view has done so.
			find: rows(`
				SELECT NULL, v.name,
				       format('View %s reads %s with the rights of its owner, past row-level security: %s sees all of its rows.', v.name, string_agg(DISTINCT v.source, ', '), v.who),
				       CASE WHEN v.stored THEN format('REVOKE ALL ON TABLE %s FROM PUBLIC, anon, authenticated;', v.name)
				            ELSE format('ALTER VIEW %s SET (security_invoker = true);', v.name) END
				  FROM (SELECT format('%I.%I', n.nspname, c.relname) AS name, c.relkind = 'm' AS stored, ` + who + ` AS who,
				               format('%I.%I', sn.nspname, s.relname) AS source
				          FROM pg_class c
				          JOIN pg_namespace n ON n.oid = c.relnamespace AND system.is_exposed_schema(n.nspname)
				          JOIN pg_roles owner ON owner.oid = c.relowner
				          ` + reach + `
				          JOIN pg_rewrite w ON w.ev_class = c.oid
				          JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
				          JOIN pg_class s ON s.oid = d.refobjid AND s.relkind IN ('r', 'p')
				          JOIN pg_namespace sn ON sn.oid = s.relnamespace AND sn.nspname !~ '^pg_' AND sn.nspname <> 'information_schema'
				         WHERE c.relkind IN ('v', 'm') AND reach.anybody
				           AND ` + notOfExtension + `
				           AND NOT coalesce((SELECT option_value::boolean FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker'), false)
				           AND (NOT system.is_exposed_schema(sn.nspname)
				                OR s.relrowsecurity
				                   AND (owner.rolsuper OR owner.rolbypassrls
				                        OR NOT s.relforcerowsecurity AND pg_has_role(c.relowner, s.relowner, 'USAGE')))) v
				 GROUP BY v.name, v.stored, v.who
				 ORDER BY v.name`),
		},
		{
			id: "dangerous-function", severity: Critical, category: Security,
			title: "Users can call a SECURITY DEFINER function",
			// Policies call functions as the user, so a function that a policy
			// needs keeps its grant; it must then fix its search path.
			find: rows(`
				SELECT NULL, f.name,
				       CASE WHEN f.in_policy
				            THEN format('Function %s, which a policy calls, runs with the rights of its owner, and whoever calls it decides in which schemas it looks for tables and functions.', f.name)
				            ELSE format('Function %s runs with the rights of its owner, past row-level security, and %s can call it.', f.name, f.who)
				       END,
				       CASE WHEN f.in_policy
				            THEN format('ALTER ROUTINE %s SET search_path = pg_catalog, %I, pg_temp;', f.name, f.nspname)
				            ELSE format(E'-- Or make it SECURITY INVOKER.\nREVOKE EXECUTE ON ROUTINE %s FROM PUBLIC, anon, authenticated;', f.name)
				       END
				  FROM (SELECT n.nspname,
				               format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name,
				               CASE WHEN has_schema_privilege('anon', n.oid, 'USAGE') AND has_function_privilege('anon', p.oid, 'EXECUTE')
				                    THEN 'everybody who has the anon key' ELSE 'every signed-in user' END AS who,
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
