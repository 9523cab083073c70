package advisor

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// rule finds one kind of problem.
type rule struct {
	id       string
	severity Severity // of findings that do not say otherwise
	category Category
	title    string
	find     func(context.Context, examination) ([]finding, error)
}

// allRules are the rules in the order in which they run.
func allRules() []rule {
	return slices.Concat(accessRules(), grantRules(), policyRules(), indexRules(), activityRules(), healthRules())
}

// finding is one problem.
type finding struct {
	rule     *rule
	severity Severity
	// object names what is concerned, the same in every scan, quoted as SQL
	// wants it.
	object      string
	description string
	// fix is SQL; a comment where no statement helps.
	fix string
}

// maxObject is the number of characters that a suppression may name.
const maxObject = 500

// fill adds what the rule knows.
func (f *finding) fill(r *rule) {
	f.rule = r
	f.severity = cmp.Or(f.severity, r.severity)
	if object := []rune(f.object); len(object) > maxObject {
		f.object = string(object[:maxObject])
	}
}

// examination is what a rule works with: a read-only transaction of the
// database owner.
type examination struct {
	tx     pgx.Tx
	limits map[string]any
}

// arguments are the limits by the names that queries use; durations in seconds.
func (l Limits) arguments() map[string]any {
	seconds := func(d time.Duration) float64 { return d.Seconds() }
	return map[string]any{
		"connections":         l.Connections,
		"cache_hit_ratio":     l.CacheHitRatio,
		"cache_min_reads":     l.CacheMinReads,
		"idle_in_transaction": seconds(l.IdleInTransaction),
		"long_query":          seconds(l.LongQuery),
		"lock_age":            seconds(l.LockAge),
		"slow_query":          seconds(l.SlowQuery),
		"slow_query_calls":    l.SlowQueryCalls,
		"unused_index_pages":  l.UnusedIndexPages,
		"unused_index_scans":  l.UnusedIndexScans,
		"dead_tuples":         l.DeadTuples,
		"stale_rows":          l.StaleRows,
		"sequence":            l.Sequence,
	}
}

// query runs SQL in which limits are parameters by name (@dead_tuples), as are
// more. It has four columns of text: severity, NULL for that of the rule;
// object; description; fix.
func (e examination) query(ctx context.Context, sql string, more map[string]any) ([]finding, error) {
	args := pgx.NamedArgs{}
	for name, value := range e.limits {
		args[name] = value
	}
	for name, value := range more {
		args[name] = value
	}
	// One more than is listed, so that the scan can say that there are more.
	args["most"] = maxFindings + 1
	rows, err := e.tx.Query(ctx, `SELECT * FROM (`+sql+`) found LIMIT @most`, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (f finding, err error) {
		var severity *Severity
		err = row.Scan(&severity, &f.object, &f.description, &f.fix)
		if severity != nil {
			f.severity = *severity
		}
		return f, err
	})
}

// rows makes the find of a rule that is one query.
func rows(sql string) func(context.Context, examination) ([]finding, error) {
	return func(ctx context.Context, e examination) ([]finding, error) { return e.query(ctx, sql, nil) }
}

// Fragments of the rules' queries. Roles anon and authenticated exist in every
// project.
const (
	// notOfExtension leaves out relation c where an extension made it.
	notOfExtension = `NOT EXISTS (
	         SELECT FROM pg_depend d
	          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

	// isInvoker reports whether view c reads with the rights of its reader.
	isInvoker = `coalesce((SELECT option_value::boolean FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker'), false)`

	// reach is what the API's callers may do with relation c in schema n:
	// whether anon may use it, whether anyone may, and whether anyone may
	// write to it.
	reach = `CROSS JOIN LATERAL (
	         SELECT coalesce(bool_or(r.role = 'anon' AND (r.reads OR r.writes)), false) AS anon,
	                coalesce(bool_or(r.reads OR r.writes), false) AS anybody,
	                coalesce(bool_or(r.writes), false) AS written
	           FROM (SELECT role,
	                        has_any_column_privilege(role, c.oid, 'SELECT') AS reads,
	                        has_any_column_privilege(role, c.oid, 'INSERT, UPDATE')
	                          OR has_table_privilege(role, c.oid, 'DELETE') AS writes
	                   FROM unnest(ARRAY['anon', 'authenticated']) role
	                  WHERE has_schema_privilege(role, n.oid, 'USAGE')) r) reach`

	// who names those callers in a sentence.
	who = `CASE WHEN reach.anon THEN 'anyone with the anon key' ELSE 'every signed-in user' END`

	// apiTables are the tables t that the API serves to anyone but
	// administrators, partitions and children among them: each can be read under
	// its own name, where the policies of its parent do not count. own_rows is
	// the condition of a policy by which users have their own rows; NULL for a
	// table without a column that says whose a row is.
	apiTables = `(
	  SELECT c.oid,
	         format('%I.%I', n.nspname, c.relname) AS name,
	         c.relrowsecurity AS secured,
	         EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid) AS inherits,
	         reach.anon, reach.written, ` + who + ` AS who,
	         '(' || quote_ident(o.attname) || ' = (SELECT auth.uid()))' AS own_rows
	    FROM pg_class c
	    JOIN pg_namespace n ON n.oid = c.relnamespace AND system.is_exposed_schema(n.nspname)
	    ` + reach + `
	    LEFT JOIN LATERAL (
	         SELECT a.attname
	           FROM pg_attribute a
	          CROSS JOIN LATERAL (
	                SELECT EXISTS (
	                  SELECT FROM pg_constraint k
	                   WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum]
	                     AND k.confrelid = 'auth.users'::regclass)) fk(found)
	          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'uuid'::regtype
	            AND (fk.found OR a.attname IN ('user_id', 'owner_id', 'author_id', 'created_by', 'owner'))
	          ORDER BY a.attname <> 'user_id', NOT fk.found, a.attnum
	          LIMIT 1) o ON true
	   WHERE c.relkind IN ('r', 'p') AND reach.anybody
	     AND ` + notOfExtension + `) t`
)
