package advisor

import (
	"context"
	"fmt"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/jackc/pgerrcode"
)

// activityRules are about what the server is doing and has been doing. They
// never repeat the text of a running statement, which may hold values.
func activityRules() []rule {
	return []rule{
		{
			id: "connection-usage", severity: Warning, category: Performance,
			title: "Connections are running out",
			find: rows(`
				SELECT CASE WHEN n.used >= 0.95 * n.most THEN 'critical' END, 'connections',
				       format('%s of %s connections are in use; when they are all taken, requests fail.', n.used, n.most),
				       E'-- Shows who holds them; close idle ones, use a pool, or raise max_connections and restart.\nSELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC;'
				  FROM (SELECT count(*) AS used,
				               current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most
				          FROM pg_stat_activity WHERE backend_type = 'client backend') n
				 WHERE n.used >= @connections::float8 * n.most`),
		},
		{
			id: "idle-in-transaction", severity: Warning, category: Performance,
			title: "A transaction is open and idle",
			find: rows(`
				SELECT NULL, ` + session + `,
				       format('Session %s of %s (%s) has left its transaction open and idle for %s. It keeps its locks, and dead rows cannot be removed.', ` + who3 + `, ` + since(`a.state_change`) + `),
				       ` + end(`pg_terminate_backend`) + `
				  FROM pg_stat_activity a
				 WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
				   AND a.state IN ('idle in transaction', 'idle in transaction (aborted)')
				   AND a.state_change < clock_timestamp() - make_interval(secs => @idle_in_transaction)
				 ORDER BY a.state_change`),
		},
		{
			id: "low-cache-hit-ratio", severity: Warning, category: Performance,
			title: "Many reads miss the cache",
			find: rows(`
				SELECT CASE WHEN r.ratio < 0.9 THEN 'critical' END, quote_ident(current_database()),
				       format('%s %% of block reads were served from the cache of Postgres. Queries that read whole tables, or a cache that is too small, are the usual causes.', round(100 * r.ratio, 1)),
				       E'-- The tables that were read most; add indexes, or raise shared_buffers and restart.\nSELECT relid::regclass, heap_blks_read, idx_blks_read FROM pg_statio_user_tables ORDER BY heap_blks_read + coalesce(idx_blks_read, 0) DESC LIMIT 10;'
				  FROM (SELECT blks_hit::numeric / nullif(blks_hit + blks_read, 0) AS ratio, blks_hit + blks_read AS reads
				          FROM pg_stat_database WHERE datname = current_database()) r
				 WHERE r.reads >= @cache_min_reads AND r.ratio < @cache_hit_ratio::float8::numeric`),
		},
		{
			id: "long-running-query", severity: Warning, category: Performance,
			title: "A statement has been running for a long time",
			find: rows(`
				SELECT CASE WHEN a.query_start < clock_timestamp() - interval '30 minutes' THEN 'critical' END, ` + session + `,
				       format('A statement of session %s of %s (%s) has been running for %s.', ` + who3 + `, ` + since(`a.query_start`) + `),
				       ` + end(`pg_cancel_backend`) + `
				  FROM pg_stat_activity a
				 WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
				   AND a.state = 'active'
				   AND a.query_start < clock_timestamp() - make_interval(secs => @long_query)
				 ORDER BY a.query_start`),
		},
		{
			id: "slow-query", severity: Warning, category: Performance,
			title: "A statement is slow",
			find:  findSlowQueries,
		},
	}
}

// Fragments about the session a of pg_stat_activity.
const (
	session = `format('session %s', a.pid)`
	who3    = `a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no name')`
)

// since is how long ago a point in time was, in whole seconds.
func since(at string) string {
	return fmt.Sprintf(`date_trunc('second', clock_timestamp() - %s)`, at)
}

// end is the SQL that ends what the session does, or the session. A later
// session with the same number is left alone.
func end(function string) string {
	return fmt.Sprintf(`format('SELECT %s(pid) FROM pg_stat_activity WHERE pid = %%s AND backend_start = %%L;', a.pid, a.backend_start)`, function)
}

// findSlowQueries reads pg_stat_statements, wherever it is installed. Without
// it nothing is found. Its texts hold no values.
func findSlowQueries(ctx context.Context, e examination) ([]finding, error) {
	var schema string
	var major int
	err := e.tx.QueryRow(ctx, `
		SELECT coalesce((SELECT n.nspname::text FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace
		                  WHERE x.extname = 'pg_stat_statements'), ''),
		       current_setting('server_version_num')::int / 10000`).Scan(&schema, &major)
	if err != nil || schema == "" {
		return nil, err
	}
	explain := `EXPLAIN (GENERIC_PLAN)`
	if major < 16 { // parameters cannot be explained without values there
		explain = `-- Put values in the place of the parameters.\n-- EXPLAIN`
	}
	found, err := e.query(ctx, `
		SELECT NULL, format('query %s', q.queryid),
		       format('Called %s times, %s ms on average, %s ms at most: %s', q.calls, round(q.mean_exec_time), round(q.max_exec_time),
		              left(regexp_replace(q.query, '\s+', ' ', 'g'), 500)),
		       CASE WHEN length(q.query) <= 4000 AND q.query ~* '^\s*(select|insert|update|delete|merge|with|values)\y'
		            THEN E'-- Look at its plan: an index on what it filters and joins by is the usual fix.\n`+explain+`\n' || rtrim(q.query, E'; \n') || ';'
		            ELSE '-- Look at its plan with EXPLAIN: an index on what it filters and joins by is the usual fix.' END
		  FROM (SELECT queryid, min(query) AS query, sum(calls) AS calls, max(max_exec_time) AS max_exec_time,
		               sum(total_exec_time) / nullif(sum(calls), 0) AS mean_exec_time, sum(total_exec_time) AS total
		          FROM `+quote.Identifier(schema, "pg_stat_statements")+`
		         WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND queryid IS NOT NULL
		         GROUP BY queryid) q
		 WHERE q.calls >= @slow_query_calls AND q.mean_exec_time >= @slow_query::float8 * 1000
		 ORDER BY q.total DESC`, nil)
	if pg.State(err) == pgerrcode.ObjectNotInPrerequisiteState { // installed but not loaded by the server
		return nil, nil
	}
	return found, err
}
