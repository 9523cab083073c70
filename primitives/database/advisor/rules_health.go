package advisor

// healthRules are about the upkeep of tables and sequences.
func healthRules() []rule {
	return []rule{
		{
			id: "dead-tuples", severity: Info, category: Health,
			title: "Many dead rows",
			find: rows(`
				SELECT CASE WHEN s.n_dead_tup > s.n_live_tup THEN 'warning' END, ` + statName + `,
				       format('%s %% of the rows of table %s are dead (%s): queries read past them, and their space is not reused.',
				              round(100.0 * s.n_dead_tup / (s.n_live_tup + s.n_dead_tup)), ` + statName + `, s.n_dead_tup),
				       format('VACUUM (ANALYZE) %s;', ` + statName + `)
				  FROM ` + statTables + `
				 WHERE s.n_dead_tup >= @dead_tuples AND s.n_dead_tup >= 0.2 * (s.n_live_tup + s.n_dead_tup)
				 ORDER BY s.n_dead_tup DESC`),
		},
		{
			id: "stale-statistics", severity: Info, category: Health,
			title: "The planner's statistics of a table are missing or outdated",
			find: rows(`
				SELECT CASE WHEN a.never THEN 'warning' END, ` + statName + `,
				       CASE WHEN a.never
				            THEN format('Table %s has about %s rows and was never analyzed: the planner has to guess.', ` + statName + `, s.n_live_tup)
				            ELSE format('%s rows of table %s were changed since it was last analyzed: the planner works with outdated statistics.', s.n_mod_since_analyze, ` + statName + `)
				       END,
				       format('ANALYZE %s;', ` + statName + `)
				  FROM ` + statTables + `
				 CROSS JOIN LATERAL (SELECT s.last_analyze IS NULL AND s.last_autoanalyze IS NULL) a(never)
				 WHERE s.n_mod_since_analyze >= @stale_rows AND (a.never OR s.n_mod_since_analyze >= 0.5 * s.n_live_tup)
				 ORDER BY 2`),
		},
		{
			id: "sequence-exhaustion", severity: Warning, category: Health,
			title: "A sequence is running out of numbers",
			// The type of the column that owns the sequence may end before it does.
			find: rows(`
				SELECT CASE WHEN q.used >= 0.9 THEN 'critical' END, q.name,
				       format('%s %% of the numbers of sequence %s are used up; after %s, inserts fail.', trunc(100 * q.used, 1), q.name, q.most)
				         || coalesce(format(' Columns that refer to %s need the larger type too.', q.column_name), ''),
				       concat_ws(E'\n', q.widen, format('ALTER SEQUENCE %s AS bigint NO MAXVALUE;', q.name))
				  FROM (SELECT format('%I.%I', n.nspname, c.relname) AS name, m.most, o.column_name, o.widen,
				               (l.last - s.seqmin)::numeric / nullif(m.most::numeric - s.seqmin, 0) AS used
				          FROM pg_sequence s
				          JOIN pg_class c ON c.oid = s.seqrelid
				          JOIN pg_namespace n ON n.oid = c.relnamespace AND system.is_exposed_schema(n.nspname)
				          LEFT JOIN LATERAL (
				               SELECT CASE a.atttypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 END AS most,
				                      CASE WHEN a.atttypid IN ('int2'::regtype, 'int4'::regtype)
				                           THEN format('%I.%I.%I', tn.nspname, t.relname, a.attname) END AS column_name,
				                      CASE WHEN a.atttypid IN ('int2'::regtype, 'int4'::regtype)
				                           THEN format('ALTER TABLE %I.%I ALTER COLUMN %I TYPE bigint;', tn.nspname, t.relname, a.attname) END AS widen
				                 FROM pg_depend d
				                 JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
				                 JOIN pg_class t ON t.oid = a.attrelid
				                 JOIN pg_namespace tn ON tn.oid = t.relnamespace
				                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
				                  AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
				                LIMIT 1) o ON true
				         CROSS JOIN LATERAL (SELECT least(s.seqmax, o.most::bigint)) m(most)
				         CROSS JOIN LATERAL (
				               SELECT CASE WHEN has_sequence_privilege(c.oid, 'SELECT, USAGE') THEN pg_sequence_last_value(c.oid) END) l(last)
				         WHERE s.seqincrement > 0 AND NOT s.seqcycle
				           AND ` + notOfExtension + `) q
				 WHERE q.used >= @sequence::float8::numeric
				 ORDER BY q.used DESC, q.name`),
		},
		{
			id: "autovacuum-blocked", severity: Warning, category: Health,
			title: "A lock blocks autovacuum",
			// Maintenance takes such locks too, and says so by its progress.
			find: rows(`
				SELECT CASE WHEN bool_or(l.mode = 'AccessExclusiveLock') THEN 'critical' END, format('%I.%I', n.nspname, c.relname),
				       format('Session %s of %s (%s) has held %s on table %I.%I for %s: autovacuum cannot work on it.', ` + who3 + `, string_agg(DISTINCT l.mode, ', '), n.nspname, c.relname, ` + since(`a.xact_start`) + `)
				         || CASE WHEN bool_or(l.mode = 'AccessExclusiveLock') THEN ' Readers wait as well.' ELSE '' END,
				       ` + end(`pg_terminate_backend`) + `
				  FROM pg_locks l
				  JOIN pg_stat_activity a ON a.pid = l.pid AND a.backend_type = 'client backend'
				  JOIN pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'm')
				  JOIN pg_namespace n ON n.oid = c.relnamespace AND system.is_exposed_schema(n.nspname)
				 WHERE l.locktype = 'relation' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
				   AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
				   AND a.xact_start < clock_timestamp() - make_interval(secs => @lock_age)
				   AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum p WHERE p.pid = l.pid)
				   AND NOT EXISTS (SELECT FROM pg_stat_progress_analyze p WHERE p.pid = l.pid)
				   AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.pid = l.pid)
				   AND NOT EXISTS (SELECT FROM pg_stat_progress_cluster p WHERE p.pid = l.pid)
				 GROUP BY n.nspname, c.relname, a.pid, a.usename, a.application_name, a.xact_start, a.backend_start
				 ORDER BY a.xact_start`),
		},
	}
}

// The statistics s of the project's tables.
const (
	statTables = `pg_stat_user_tables s
				  JOIN pg_class c ON c.oid = s.relid AND system.is_exposed_schema(s.schemaname)
				   AND ` + notOfExtension
	statName = `format('%I.%I', s.schemaname, s.relname)`
)
