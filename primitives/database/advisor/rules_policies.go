package advisor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// policyRules are about the expressions of policies.
func policyRules() []rule {
	return []rule{
		{
			id: "rls-permissive", severity: Warning, category: Security,
			title: "A policy allows everything",
			find:  findPermissive,
		},
		{
			id: "rls-policy-perf", severity: Warning, category: Performance,
			title: "A policy looks up the caller for every row",
			find:  findRepeatedCalls,
		},
		{
			id: "missing-rls-index", severity: Warning, category: Performance,
			title: "A policy filters by a column without an index",
			find:  findUnindexedColumns,
		},
	}
}

// policy is a policy of a table that the API serves, with row-level security
// on.
type policy struct {
	oid, table   uint32
	name         string // quoted
	tableName    string // with its schema, quoted
	relation     string // the table's bare name
	command      string // as in pg_policy: r, a, w, d, or * for all
	permissive   bool
	roles        []uint32 // 0 is everybody
	using, check string   // empty when there is none
	anon         bool     // anon is subject to it and may use the table
	used         bool     // so is anon or authenticated
	ownRows      *string
}

func (p *policy) object() string { return p.tableName + "." + p.name }

func policies(ctx context.Context, e examination) ([]policy, error) {
	rows, err := e.tx.Query(ctx, `
		SELECT p.oid, t.oid, quote_ident(p.polname), t.name, c.relname::text, p.polcmd::text, p.polpermissive, p.polroles,
		       coalesce(pg_get_expr(p.polqual, p.polrelid), ''), coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''),
		       t.anon AND subject.anon, t.anon AND subject.anon OR subject.authenticated, t.own_rows
		  FROM `+apiTables+`
		  JOIN pg_class c ON c.oid = t.oid
		  JOIN pg_policy p ON p.polrelid = t.oid
		 CROSS JOIN LATERAL (
		       SELECT bool_or(role = 0 OR role <> 0 AND pg_has_role('anon', role, 'USAGE')) AS anon,
		              bool_or(role = 0 OR role <> 0 AND pg_has_role('authenticated', role, 'USAGE')) AS authenticated
		         FROM unnest(p.polroles) role) subject
		 WHERE t.secured
		 ORDER BY t.name, p.polname`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p policy, err error) {
		err = row.Scan(&p.oid, &p.table, &p.name, &p.tableName, &p.relation, &p.command, &p.permissive, &p.roles,
			&p.using, &p.check, &p.anon, &p.used, &p.ownRows)
		return p, err
	})
}

// commands names what a policy is for, in a sentence.
var commands = map[string]string{"r": "read", "a": "insert", "w": "update", "d": "delete", "*": "read and write"}

func findPermissive(ctx context.Context, e examination) (found []finding, err error) {
	all, err := policies(ctx, e)
	if err != nil {
		return nil, err
	}
	for i := range all {
		p := &all[i]
		if !p.permissive || !p.used || !p.lets() || restricted(p, all) {
			continue
		}
		f := finding{object: p.object(), fix: p.replacement()}
		who := "every signed-in user"
		if p.anon {
			f.severity, who = Critical, "anyone with the anon key"
		}
		f.description = fmt.Sprintf("Policy %s of table %s is true for every row: %s can %s all of them.",
			p.name, p.tableName, who, commands[p.command])
		if p.command == "r" {
			f.description += " If the rows are meant to be public, ignore this finding as an accepted risk."
		}
		found = append(found, f)
	}
	return found, nil
}

// lets reports whether one of the policy's expressions is always true.
func (p *policy) lets() bool { return alwaysTrue(p.using) || alwaysTrue(p.check) }

// restricted reports whether a restrictive policy narrows what p allows.
func restricted(p *policy, all []policy) bool {
	return slices.ContainsFunc(all, func(r policy) bool {
		return r.table == p.table && !r.permissive && !r.lets() &&
			(r.command == "*" || r.command == p.command) &&
			(slices.Contains(r.roles, 0) || !slices.ContainsFunc(p.roles, func(role uint32) bool { return !slices.Contains(r.roles, role) }))
	})
}

// replacement is the SQL that closes a policy that is always true.
func (p *policy) replacement() string {
	if p.ownRows == nil {
		return fmt.Sprintf("-- Or ALTER it to a condition that selects the caller's rows.\nDROP POLICY %s ON %s;", p.name, p.tableName)
	}
	return p.alter(*p.ownRows, *p.ownRows)
}

// alter is the SQL that gives the policy other expressions. An empty one, and
// one that policies for the command cannot have, is left out.
func (p *policy) alter(using, check string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ALTER POLICY %s ON %s", p.name, p.tableName)
	if using != "" && p.command != "a" {
		fmt.Fprintf(&b, "\n  USING %s", parenthesized(using))
	}
	if check != "" && (p.command == "a" || p.command == "w" || p.command == "*") {
		fmt.Fprintf(&b, "\n  WITH CHECK %s", parenthesized(check))
	}
	return b.String() + ";"
}

// parenthesized puts an expression into the parentheses that a policy needs.
// Those of a sub-select are its own.
func parenthesized(expression string) string {
	if t := tokenize(expression); len(t) > 1 && t[0].is("(") && closing(t, 0) == len(t)-1 && !t[1].is("SELECT") {
		return expression
	}
	return "(" + expression + ")"
}

func findRepeatedCalls(ctx context.Context, e examination) (found []finding, err error) {
	all, err := policies(ctx, e)
	if err != nil {
		return nil, err
	}
	for i := range all {
		p := &all[i]
		using, inUsing := wrapCalls(p.using)
		check, inCheck := wrapCalls(p.check)
		if !inUsing && !inCheck {
			continue
		}
		found = append(found, finding{
			object: p.object(),
			description: fmt.Sprintf("Policy %s of table %s looks up the caller for every row that it checks. "+
				"In a sub-select, as in (SELECT auth.uid()), the function is called once per statement.", p.name, p.tableName),
			fix: p.alter(using, check),
		})
	}
	return found, nil
}

// indexed reports whether an index helps to find rows of the table by these
// columns: its first columns are these, in any order, and it holds all rows
// that have them. Its parameters are the oid of the table and an array of
// attribute numbers.
const indexed = `EXISTS (
	  SELECT FROM pg_index i
	    JOIN pg_class ic ON ic.oid = i.indexrelid
	    JOIN pg_am am ON am.oid = ic.relam AND am.amname IN ('btree', 'hash')
	   WHERE i.indrelid = %[1]s AND i.indisvalid AND i.indnkeyatts >= cardinality(%[2]s)
	     AND (i.indkey::int2[])[0:cardinality(%[2]s) - 1] @> %[2]s
	     AND (i.indpred IS NULL
	          OR pg_get_expr(i.indpred, i.indrelid) = ANY (
	               SELECT format('(%%I IS NOT NULL)', col.attname)
	                 FROM pg_attribute col WHERE col.attrelid = i.indrelid AND col.attnum = ANY (%[2]s))))`

// createIndex is the SQL that makes one on those columns. It has a name, the
// one that Postgres would choose, so that two findings about the same columns
// do not lead to two indexes.
const createIndex = `(
	  SELECT format('CREATE INDEX %%sON %%I.%%I (%%s);',
	                CASE WHEN EXISTS (SELECT FROM pg_class taken WHERE taken.relnamespace = tn.oid AND taken.relname = named.index)
	                     THEN '' ELSE format('IF NOT EXISTS %%I ', named.index) END,
	                tn.nspname, tc.relname, named.columns)
	    FROM pg_class tc
	    JOIN pg_namespace tn ON tn.oid = tc.relnamespace
	   CROSS JOIN LATERAL (
	         SELECT (tc.relname || '_' || string_agg(col.attname, '_' ORDER BY array_position(%[2]s, col.attnum)) || '_idx')::name AS index,
	                string_agg(quote_ident(col.attname), ', ' ORDER BY array_position(%[2]s, col.attnum)) AS columns
	           FROM pg_attribute col WHERE col.attrelid = tc.oid AND col.attnum = ANY (%[2]s)) named
	   WHERE tc.oid = %[1]s)`

func findUnindexedColumns(ctx context.Context, e examination) ([]finding, error) {
	all, err := policies(ctx, e)
	if err != nil {
		return nil, err
	}
	// What the policies compare with the caller, one column per row.
	var oids []uint32
	var tables, names []string
	var casts []bool
	for i := range all {
		p := &all[i]
		for _, c := range append(ownerColumns(p.using), ownerColumns(p.check)...) {
			if c.qualifier == "" {
				c.qualifier = p.relation
			}
			oids, tables, names, casts = append(oids, p.oid), append(tables, c.qualifier), append(names, c.name), append(casts, c.cast)
		}
	}
	// Postgres knows which columns a policy depends on; the name in the
	// expression may be an alias, which counts when it leaves one candidate.
	const arg = `c.oid`
	return e.query(ctx, `
		SELECT DISTINCT NULL, `+columnName+`,
		       format('Policies compare column %s with the caller, and no index begins with it: every query reads the whole table.', `+columnName+`),
		       `+fmt.Sprintf(createIndex, arg, `ARRAY[a.attnum]`)+`
		  FROM (SELECT u.cast, d.refobjid, d.refobjsubid, rank() OVER (PARTITION BY u.policy, u.name, u.qualifier ORDER BY dc.relname <> u.qualifier) AS place,
		               count(*) OVER (PARTITION BY u.policy, u.name, u.qualifier, dc.relname <> u.qualifier) AS candidates
		          FROM unnest(@policies::oid[], @qualifiers::text[], @names::text[], @casts::boolean[]) u(policy, qualifier, name, "cast")
		          JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = u.policy
		           AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
		          JOIN pg_class dc ON dc.oid = d.refobjid
		          JOIN pg_attribute da ON da.attrelid = d.refobjid AND da.attnum = d.refobjsubid AND da.attname = u.name) k
		  JOIN pg_class c ON c.oid = k.refobjid AND c.relkind IN ('r', 'p')
		  JOIN pg_namespace n ON n.oid = c.relnamespace AND system.is_exposed_schema(n.nspname)
		  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.refobjsubid
		 WHERE k.place = 1 AND k.candidates = 1
		   AND (NOT k.cast OR a.atttypid = 'varchar'::regtype)
		   AND NOT `+fmt.Sprintf(indexed, arg, `ARRAY[a.attnum]`)+`
		 ORDER BY 2`,
		map[string]any{"policies": oids, "qualifiers": tables, "names": names, "casts": casts})
}

// columnName is the full name of column a of table c in schema n.
const columnName = `format('%I.%I.%I', n.nspname, c.relname, a.attname)`
