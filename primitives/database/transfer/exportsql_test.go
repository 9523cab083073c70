package transfer_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/dbtest"
)

const everything = `{"includeFunctions":true,"includeSequences":true,"includeViews":true,"rowLimit":10000}`

// catalog describes schema public in ways that the export does not use itself,
// one line per fact. Names of identity sequences and oids stay out.
const catalog = `
	SELECT coalesce(string_agg(f, E'\n' ORDER BY f COLLATE "C"), '') FROM (
	  SELECT 'column ' || (to_jsonb(c) - 'table_catalog' - 'ordinal_position' - 'dtd_identifier' - 'domain_catalog' - 'udt_catalog' - 'collation_catalog')::text AS f
	    FROM information_schema.columns c WHERE table_schema = 'public'
	  UNION ALL SELECT 'constraint ' || conname || ' ' || conrelid::regclass || ' ' || contypid::regtype || ' ' || contype::text || convalidated || condeferrable || condeferred || conislocal || coninhcount || ' ' || pg_get_constraintdef(oid)
	    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
	  UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
	  UNION ALL SELECT 'policy ' || to_jsonb(p)::text FROM pg_policies p WHERE schemaname = 'public'
	  UNION ALL SELECT 'trigger ' || tgenabled::text || pg_get_triggerdef(g.oid) FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE c.relnamespace = 'public'::regnamespace AND NOT tgisinternal
	  UNION ALL SELECT 'rule ' || r.definition FROM pg_rules r WHERE schemaname = 'public'
	  UNION ALL SELECT 'sequence ' || to_jsonb(s)::text FROM (SELECT schemaname, sequencename, data_type, start_value, min_value, max_value, increment_by, cycle, cache_size, last_value FROM pg_sequences WHERE schemaname = 'public') s
	  UNION ALL SELECT 'view ' || viewname || definition FROM pg_views WHERE schemaname = 'public'
	  UNION ALL SELECT 'matview ' || matviewname || ispopulated || definition FROM pg_matviews WHERE schemaname = 'public'
	  UNION ALL SELECT 'relation ' || c.relname || ' ' || c.relkind::text || c.relpersistence::text || c.relrowsecurity || c.relforcerowsecurity || c.relreplident::text || coalesce(c.reloptions::text, '-') || coalesce(pg_get_expr(c.relpartbound, c.oid), '-')
	            || coalesce((SELECT string_agg(inhparent::regclass::text, ',' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = c.oid), '')
	            || ' ' || coalesce((SELECT string_agg(a::text, ',' ORDER BY a::text COLLATE "C") FROM unnest(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a WHERE a::text ~ '^(anon|authenticated)?='), '')
	    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind <> 'i'
	  UNION ALL SELECT 'function ' || p.oid::regprocedure || p.prokind::text || CASE p.prokind WHEN 'a' THEN '' ELSE pg_get_functiondef(p.oid) END
	            || (SELECT string_agg(a::text, ',' ORDER BY a::text COLLATE "C") FROM unnest(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a::text ~ '^(anon|authenticated)?=')
	    FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
	  UNION ALL SELECT 'label ' || enumtypid::regtype || row_number() OVER (PARTITION BY enumtypid ORDER BY enumsortorder) || enumlabel FROM pg_enum
	  UNION ALL SELECT 'attacl ' || attrelid::regclass || attname || attacl::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND attacl IS NOT NULL
	  UNION ALL SELECT 'type ' || typname || typtype::text || typnotnull || coalesce(typdefault, '-') || format_type(typbasetype, typtypmod) FROM pg_type WHERE typnamespace = 'public'::regnamespace
	  UNION ALL SELECT 'extension ' || extname FROM pg_extension
	) facts`

// rowsOf describes all rows of schema public.
const rowsOf = `
	SELECT coalesce(string_agg(x::text, E'\n' ORDER BY x::text COLLATE "C"), '') FROM (
	  SELECT c.relname, query_to_xml(format('SELECT t::text AS row FROM ONLY %s t ORDER BY 1', c.oid::regclass), true, true, '') AS rows
	    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'm')) x`

// grantor is the role that granted a right, which depends on who restored.
var grantor = regexp.MustCompile(`/(postgres|project_admin)`)

func describe(p product) []string {
	facts := dbtest.Value[string](p.Product, catalog)
	return strings.Split(grantor.ReplaceAllString(facts, ""), "\n")
}

func rich(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/rich.sql")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestAnExportRestoresEverything(t *testing.T) {
	t.Parallel()
	from := start(t)
	from.ExecAdmin(rich(t))
	sql := from.exportSQL(everything)

	to := start(t)
	for _, step := range []string{"in an empty database", "where everything is there already"} {
		if step != "in an empty database" {
			to.ExecAdmin(`TRUNCATE authors, posts, loops, events, animals, dogs, scratch, members`)
		}
		to.ExecAdmin(sql)
		if diff := cmp.Diff(describe(from), describe(to)); diff != "" {
			t.Fatalf("%s: the catalog differs (-from +to):\n%s\n%s", step, diff, sql)
		}
		if diff := cmp.Diff(dbtest.Value[string](from.Product, rowsOf), dbtest.Value[string](to.Product, rowsOf)); diff != "" {
			t.Fatalf("%s: rows differ (-from +to):\n%s", step, diff)
		}
		if diff := cmp.Diff(sql, to.exportSQL(everything)); diff != "" {
			t.Errorf("%s: the next export differs:\n%s", step, diff)
		}
	}
	if got, want := from.audited("EXPORT_DATABASE"), `[{"format": "sql"}]`; got != want {
		t.Errorf("audit: got %s, want %s", got, want)
	}
}
