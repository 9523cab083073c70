package transfer

import (
	"context"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// Each query returns an oid of $1 and the statement that makes it.
const (
	enumsQuery = `
	SELECT t.oid, format('CREATE TYPE %s AS ENUM (%s)', t.oid::regtype,
	              (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
	  FROM pg_type t WHERE t.oid = ANY ($1) AND t.typtype = 'e'`

	domainsQuery = `
	SELECT t.oid, format('CREATE DOMAIN %s AS %s%s%s%s%s', t.oid::regtype, format_type(t.typbasetype, t.typtypmod),
	              CASE WHEN t.typcollation NOT IN (0, b.typcollation)
	                   THEN (SELECT ' COLLATE ' || quote_ident(n.nspname) || '.' || quote_ident(l.collname)
	                           FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace WHERE l.oid = t.typcollation) END,
	              ' DEFAULT ' || coalesce(pg_get_expr(t.typdefaultbin, 0), quote_literal(t.typdefault)),
	              CASE WHEN t.typnotnull THEN ' NOT NULL' END,
	              (SELECT string_agg(format(' CONSTRAINT %I %s', c.conname, pg_get_constraintdef(c.oid)), '' ORDER BY c.conname)
	                 FROM pg_constraint c WHERE c.contypid = t.oid AND c.contype = 'c'))
	  FROM pg_type t JOIN pg_type b ON b.oid = t.typbasetype
	 WHERE t.oid = ANY ($1) AND t.typtype = 'd'`

	compositesQuery = `
	SELECT t.oid, format('CREATE TYPE %s AS (%s)', t.oid::regtype,
	              (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
	                        || CASE WHEN a.attcollation NOT IN (0, at.typcollation)
	                                THEN ' COLLATE ' || quote_ident(n.nspname) || '.' || quote_ident(l.collname) ELSE '' END, ', ' ORDER BY a.attnum)
	                 FROM pg_attribute a
	                 JOIN pg_type at ON at.oid = a.atttypid
	                 LEFT JOIN pg_collation l ON l.oid = a.attcollation
	                 LEFT JOIN pg_namespace n ON n.oid = l.collnamespace
	                WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped))
	  FROM pg_type t WHERE t.oid = ANY ($1) AND t.typtype = 'c'`

	rangesQuery = `
	SELECT t.oid, format('CREATE TYPE %s AS RANGE (SUBTYPE = %s, SUBTYPE_OPCLASS = %s%s%s, MULTIRANGE_TYPE_NAME = %s)',
	              t.oid::regtype, format_type(r.rngsubtype, NULL),
	              (SELECT quote_ident(n.nspname) || '.' || quote_ident(o.opcname)
	                 FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace WHERE o.oid = r.rngsubopc),
	              (SELECT ', COLLATION = ' || quote_ident(n.nspname) || '.' || quote_ident(l.collname)
	                 FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace WHERE l.oid = r.rngcollation),
	              ', SUBTYPE_DIFF = ' || nullif(r.rngsubdiff, 0)::regproc,
	              r.rngmultitypid::regtype)
	  FROM pg_type t JOIN pg_range r ON r.rngtypid = t.oid WHERE t.oid = ANY ($1)`

	functionsQuery = `
	SELECT p.oid, pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.oid = ANY ($1) AND p.prokind <> 'a'`

	aggregatesQuery = `
	SELECT p.oid, format('CREATE OR REPLACE AGGREGATE %I.%I (%s) (SFUNC = %s, STYPE = %s%s%s%s%s%s)', n.nspname, p.proname,
	              CASE WHEN p.pronargs = 0 THEN '*' ELSE pg_get_function_arguments(p.oid) END,
	              a.aggtransfn::regproc, format_type(a.aggtranstype, NULL),
	              ', FINALFUNC = ' || nullif(a.aggfinalfn, 0)::regproc || CASE WHEN a.aggfinalextra THEN ', FINALFUNC_EXTRA' ELSE '' END,
	              ', COMBINEFUNC = ' || nullif(a.aggcombinefn, 0)::regproc,
	              ', INITCOND = ' || quote_literal(a.agginitval),
	              CASE p.proparallel WHEN 's' THEN ', PARALLEL = SAFE' WHEN 'r' THEN ', PARALLEL = RESTRICTED' END,
	              CASE WHEN a.aggkind = 'h' THEN ', HYPOTHETICAL' END)
	  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_aggregate a ON a.aggfnoid = p.oid
	 WHERE p.oid = ANY ($1)`

	sequencesQuery = `
	SELECT s.seqrelid, format('CREATE SEQUENCE IF NOT EXISTS %s AS %s START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s%s',
	              s.seqrelid::regclass, format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
	              CASE WHEN s.seqcycle THEN ' CYCLE' END)
	  FROM pg_sequence s WHERE s.seqrelid = ANY ($1)`

	viewsQuery = `
	SELECT c.oid, format('CREATE %s %s%s AS%s%s',
	              CASE c.relkind WHEN 'v' THEN 'OR REPLACE VIEW' ELSE 'MATERIALIZED VIEW IF NOT EXISTS' END, c.oid::regclass,
	              (SELECT ' WITH (' || string_agg(quote_ident(split_part(o, '=', 1)) || '=' || quote_literal(substr(o, strpos(o, '=') + 1)), ', ') || ')'
	                 FROM unnest(c.reloptions) o),
	              E'\n' || rtrim(pg_get_viewdef(c.oid), ';'),
	              CASE c.relkind WHEN 'm' THEN E'\nWITH NO DATA' END)
	  FROM pg_class c WHERE c.oid = ANY ($1) AND c.relkind IN ('v', 'm')`
)

// Each query returns statements about the relations $1, in order.
const (
	ownersQuery = `
	SELECT format('ALTER SEQUENCE %s OWNED BY %s.%I', d.objid::regclass, d.refobjid::regclass, a.attname)
	  FROM pg_depend d
	  JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
	  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
	 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'
	   AND d.objid = ANY ($1) AND d.refobjid = ANY ($1)
	 ORDER BY 1`

	indexesQuery = `
	SELECT replace(regexp_replace(pg_get_indexdef(i.indexrelid), '^CREATE (UNIQUE )?INDEX ', 'CREATE \1INDEX IF NOT EXISTS '),
	               format(' ON ONLY %s ', i.indrelid::regclass), format(' ON %s ', i.indrelid::regclass))
	  FROM pg_index i
	  JOIN pg_class c ON c.oid = i.indexrelid
	 WHERE i.indrelid = ANY ($1) AND i.indisvalid AND NOT c.relispartition
	   AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
	 ORDER BY 1`

	replicaQuery = `
	SELECT format('ALTER TABLE ONLY %s REPLICA IDENTITY %s', c.oid::regclass, CASE c.relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END)
	  FROM pg_class c
	 WHERE c.oid = ANY ($1) AND c.relkind IN ('r', 'p') AND c.relreplident IN ('f', 'n')
	 ORDER BY 1`

	dropTriggersQuery = `
	SELECT format('DROP TRIGGER IF EXISTS %I ON %s', g.tgname, g.tgrelid::regclass)
	  FROM pg_trigger g
	  JOIN pg_class c ON c.oid = g.tgrelid
	 WHERE c.oid = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT g.tgisinternal AND g.tgparentid = 0
	 ORDER BY 1`

	triggersQuery = `
	SELECT s FROM (
	  SELECT g.tgrelid::regclass::text AS r, g.tgname, unnest(ARRAY[
	         format('DROP TRIGGER IF EXISTS %I ON %s', g.tgname, g.tgrelid::regclass),
	         pg_get_triggerdef(g.oid),
	         format('ALTER TABLE %s %s TRIGGER %I', g.tgrelid::regclass,
	                CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' END, g.tgname)]) AS s,
	         generate_series(1, 3) AS nth, g.tgenabled
	    FROM pg_trigger g
	   WHERE g.tgrelid = ANY ($1) AND NOT g.tgisinternal AND g.tgparentid = 0) x
	 WHERE s IS NOT NULL AND NOT (nth = 3 AND tgenabled = 'O')
	 ORDER BY r, tgname, nth`

	rulesQuery = `
	SELECT regexp_replace(rtrim(pg_get_ruledef(w.oid), ';'), '^CREATE RULE ', 'CREATE OR REPLACE RULE ')
	  FROM pg_rewrite w
	 WHERE w.ev_class = ANY ($1) AND w.rulename <> '_RETURN'
	 ORDER BY w.ev_class::regclass::text, w.rulename`

	rowSecurityQuery = `
	SELECT s FROM (
	  SELECT c.oid::regclass::text AS r, '' AS name, 1 AS nth, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', c.oid::regclass) AS s
	    FROM pg_class c WHERE c.oid = ANY ($1) AND c.relrowsecurity
	  UNION ALL
	  SELECT c.oid::regclass::text, '', 2, format('ALTER TABLE ONLY %s FORCE ROW LEVEL SECURITY', c.oid::regclass)
	    FROM pg_class c WHERE c.oid = ANY ($1) AND c.relforcerowsecurity
	  UNION ALL
	  SELECT p.polrelid::regclass::text, p.polname, 3, format('DROP POLICY IF EXISTS %I ON %s', p.polname, p.polrelid::regclass)
	    FROM pg_policy p WHERE p.polrelid = ANY ($1)
	  UNION ALL
	  SELECT p.polrelid::regclass::text, p.polname, 4, format('CREATE POLICY %I ON %s%s FOR %s TO %s%s%s', p.polname, p.polrelid::regclass,
	         CASE WHEN NOT p.polpermissive THEN ' AS RESTRICTIVE' END,
	         CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
	         (SELECT string_agg(CASE u.role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(u.role)) END, ', ') FROM unnest(p.polroles) u (role)),
	         ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
	         ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
	    FROM pg_policy p WHERE p.polrelid = ANY ($1)) x
	 ORDER BY r, nth < 3 DESC, name, nth`

	refreshQuery = `
	SELECT format('REFRESH MATERIALIZED VIEW %s', c.oid::regclass)
	  FROM unnest($1::oid[]) WITH ORDINALITY u (id, nth)
	  JOIN pg_class c ON c.oid = u.id
	 WHERE c.relkind = 'm' AND c.relispopulated
	 ORDER BY u.nth`
)

// loadDefinitions returns the statement that makes each object, except tables.
func loadDefinitions(ctx context.Context, tx pg.Tx, objects []*object) (map[*object]string, error) {
	byKind := map[kind][]uint32{}
	byOID := map[kind]map[uint32]*object{}
	for _, o := range objects {
		byKind[o.kind] = append(byKind[o.kind], o.oid)
		if byOID[o.kind] == nil {
			byOID[o.kind] = map[uint32]*object{}
		}
		byOID[o.kind][o.oid] = o
	}
	definitions := map[*object]string{}
	var batch pgx.Batch
	for _, q := range []struct {
		kind  kind
		query string
	}{
		{kindType, enumsQuery}, {kindType, domainsQuery}, {kindType, compositesQuery}, {kindType, rangesQuery},
		{kindFunction, functionsQuery}, {kindFunction, aggregatesQuery},
		{kindSequence, sequencesQuery}, {kindView, viewsQuery},
	} {
		batch.Queue(q.query, byKind[q.kind]).Query(func(rows pgx.Rows) error {
			var oid uint32
			var sql string
			_, err := pgx.ForEachRow(rows, []any{&oid, &sql}, func() error {
				if q.kind == kindType {
					sql = unlessThere(sql)
				}
				definitions[byOID[q.kind][oid]] = sql
				return nil
			})
			return err
		})
	}
	return definitions, tx.SendBatch(ctx, &batch).Close()
}
