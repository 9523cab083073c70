package advisor

import "fmt"

// indexRules are about indexes that are missing or useless.
func indexRules() []rule {
	return []rule{
		{
			id: "missing-fk-index", severity: Warning, category: Performance,
			title: "A foreign key has no index",
			// A foreign key of a partitioned table is one finding, and so are two
			// on the same columns.
			find: rows(`
				SELECT NULL, k.name,
				       format('No index begins with the columns of foreign key %s (%s): deleting a row of %s, and joining with it, reads the whole table.', k.name, k.columns, k.target),
				       k.fix
				  FROM (SELECT DISTINCT ON (k.conrelid, k.columns)
				               format('%I.%I.%I', n.nspname, c.relname, k.conname) AS name,
				               (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY array_position(k.conkey, a.attnum))
				                  FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey)) AS columns,
				               format('%I.%I', tn.nspname, t.relname) AS target,
				               ` + fmt.Sprintf(createIndex, `c.oid`, `k.conkey`) + ` AS fix
				          FROM (SELECT *, ARRAY(SELECT unnest(conkey) ORDER BY 1) AS columns
				                  FROM pg_constraint WHERE contype = 'f' AND conparentid = 0) k
				          JOIN pg_class c ON c.oid = k.conrelid
				          JOIN pg_namespace n ON n.oid = c.relnamespace AND system.is_exposed_schema(n.nspname)
				          JOIN pg_class t ON t.oid = k.confrelid
				          JOIN pg_namespace tn ON tn.oid = t.relnamespace
				         WHERE NOT ` + fmt.Sprintf(indexed, `c.oid`, `k.conkey`) + `
				           AND ` + notOfExtension + `
				         ORDER BY k.conrelid, k.columns, k.conname) k
				 ORDER BY k.name`),
		},
		{
			id: "unused-index", severity: Info, category: Performance,
			title: "An index is not used",
			// Small indexes are not used because reading the table is faster; those
			// of constraints and foreign keys serve even if no query uses them.
			find: rows(`
				SELECT NULL, format('%I.%I', n.nspname, ic.relname),
				       format('Index %I of table %I.%I was not used by any of the %s reads of the table since its statistics began. Each write keeps it up to date, and it takes about %s.',
				              ic.relname, n.nspname, c.relname, s.seq_scan + coalesce(s.idx_scan, 0), pg_size_pretty(ic.relpages * 8192::bigint)),
				       format('DROP INDEX %I.%I;', n.nspname, ic.relname)
				  FROM pg_stat_user_indexes x
				  JOIN pg_index i ON i.indexrelid = x.indexrelid
				  JOIN pg_class ic ON ic.oid = x.indexrelid AND NOT ic.relispartition AND ic.relpages >= @unused_index_pages
				  JOIN pg_class c ON c.oid = x.relid
				  JOIN pg_namespace n ON n.oid = c.relnamespace AND system.is_exposed_schema(n.nspname)
				  JOIN pg_stat_user_tables s ON s.relid = x.relid
				 WHERE x.idx_scan = 0
				   AND s.seq_scan + coalesce(s.idx_scan, 0) >= @unused_index_scans
				   AND NOT i.indisunique AND NOT i.indisexclusion AND NOT i.indisreplident AND i.indisvalid
				   AND NOT EXISTS (SELECT FROM pg_constraint k
				                    WHERE k.conrelid = i.indrelid AND k.contype = 'f'
				                      AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
				   AND ` + notOfExtension + `
				 ORDER BY ic.relpages DESC, 2`),
		},
		{
			id: "duplicate-index", severity: Warning, category: Performance,
			title: "Two indexes are the same",
			// Kept is the one that does most: a primary key, then one that foreign
			// keys refer to, then a constraint, then a unique index.
			find: rows(`
				SELECT NULL, format('%I.%I', d.nspname, d.relname),
				       format('Index %I of table %I.%I is the same as %I. Each write keeps both up to date.', d.relname, d.nspname, d.table_name, d.kept),
				       CASE WHEN d.conname IS NULL THEN format('DROP INDEX %I.%I;', d.nspname, d.relname)
				            ELSE format('ALTER TABLE %I.%I DROP CONSTRAINT %I;', d.nspname, d.table_name, d.conname) END
				  FROM (SELECT n.nspname, c.relname AS table_name, ic.relname, k.conname, i.indisunique, i.indisreplident, i.indimmediate, i.indnullsnotdistinct,
				               fk.refers,
				               first_value(ic.relname) OVER same AS kept,
				               first_value(i.indimmediate) OVER same AS kept_immediate,
				               first_value(i.indnullsnotdistinct) OVER same AS kept_nulls,
				               row_number() OVER same AS place
				          FROM pg_index i
				          JOIN pg_class ic ON ic.oid = i.indexrelid AND NOT ic.relispartition
				          JOIN pg_class c ON c.oid = i.indrelid
				          JOIN pg_namespace n ON n.oid = c.relnamespace AND system.is_exposed_schema(n.nspname)
				          LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u')
				         CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_constraint f WHERE f.conindid = i.indexrelid AND f.contype = 'f')) fk(refers)
				         WHERE i.indisvalid AND NOT i.indisexclusion
				           AND ` + notOfExtension + `
				        WINDOW same AS (
				          PARTITION BY i.indrelid, ic.relam, i.indnkeyatts, i.indkey::text, i.indclass::text, i.indcollation::text, i.indoption::text,
				                       pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)
				          ORDER BY i.indisprimary DESC, fk.refers DESC, k.oid IS NULL, i.indisunique DESC, i.indisreplident DESC, i.indexrelid
				          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) d
				 WHERE d.place > 1 AND NOT d.refers AND NOT d.indisreplident
				   AND (NOT d.indisunique OR d.kept_immediate >= d.indimmediate AND d.kept_nulls >= d.indnullsnotdistinct)
				 ORDER BY 2`),
		},
	}
}
