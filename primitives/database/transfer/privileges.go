package transfer

// privilegesQuery returns the statements that give callers the rights they
// have on the relations $1 and functions $2, where these differ from the
// defaults for new objects of project_admin. Rights on columns are always
// included.
const privilegesQuery = `
	WITH caller AS (
	  SELECT oid, quote_ident(rolname) AS name FROM pg_roles WHERE rolname IN ('anon', 'authenticated')
	  UNION ALL SELECT 0, 'PUBLIC'
	), admin AS (
	  SELECT oid FROM pg_roles WHERE rolname = 'project_admin'
	), object AS (
	  SELECT CASE c.relkind WHEN 'S' THEN 'S' ELSE 'r' END AS type, CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass AS name,
	         coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS acl
	    FROM pg_class c WHERE c.oid = ANY ($1)
	  UNION ALL
	  SELECT 'f', CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || p.oid::regprocedure, coalesce(p.proacl, acldefault('f', p.proowner))
	    FROM pg_proc p WHERE p.oid = ANY ($2)
	), given AS (
	  SELECT o.name, array_agg(DISTINCT k.name || ' ' || a.privilege_type || CASE WHEN a.is_grantable THEN ' *' ELSE '' END) AS rights
	    FROM object o, aclexplode(o.acl) a JOIN caller k ON k.oid = a.grantee
	   GROUP BY o.name
	), usual AS (
	  SELECT t.type, array_agg(DISTINCT k.name || ' ' || a.privilege_type || CASE WHEN a.is_grantable THEN ' *' ELSE '' END) AS rights
	    FROM (VALUES ('r'), ('S'), ('f')) t (type)
	    JOIN admin ON true
	    JOIN LATERAL (
	      SELECT x.* FROM aclexplode(coalesce(
	               (SELECT d.defaclacl FROM pg_default_acl d WHERE d.defaclrole = admin.oid AND d.defaclnamespace = 0 AND d.defaclobjtype = t.type::"char"),
	               acldefault(lower(t.type)::"char", admin.oid))) x
	      UNION ALL
	      SELECT x.* FROM pg_default_acl d, aclexplode(d.defaclacl) x
	       WHERE d.defaclrole = admin.oid AND d.defaclnamespace = 'public'::regnamespace AND d.defaclobjtype = t.type::"char") a ON true
	    JOIN caller k ON k.oid = a.grantee
	   GROUP BY t.type
	), changed AS (
	  SELECT o.name, coalesce(g.rights, '{}') AS rights
	    FROM object o
	    LEFT JOIN given g USING (name)
	    LEFT JOIN usual u ON u.type = o.type
	   WHERE coalesce(g.rights, '{}') <> coalesce(u.rights, '{}')
	)
	SELECT s FROM (
	  SELECT name, 1 AS nth, format('REVOKE ALL ON %s FROM PUBLIC, anon, authenticated', name) AS s FROM changed
	  UNION ALL
	  SELECT c.name, 2, format('GRANT %s ON %s TO %s%s', string_agg(split_part(r, ' ', 2), ', ' ORDER BY r), c.name, split_part(r, ' ', 1),
	         CASE split_part(r, ' ', 3) WHEN '*' THEN ' WITH GRANT OPTION' ELSE '' END)
	    FROM changed c, unnest(c.rights) r
	   GROUP BY c.name, split_part(r, ' ', 1), split_part(r, ' ', 3)
	  UNION ALL
	  SELECT 'TABLE ' || t.attrelid::regclass, 3, format('GRANT %s (%I) ON %s TO %s', a.privilege_type, t.attname, t.attrelid::regclass, k.name)
	    FROM pg_attribute t, aclexplode(t.attacl) a JOIN caller k ON k.oid = a.grantee
	   WHERE t.attrelid = ANY ($1) AND t.attnum > 0 AND NOT t.attisdropped) x
	 ORDER BY name, nth, s`
