package sqlgen_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var (
	seed     = flag.Uint64("seed", 1, "seed of the generated requests")
	requests = flag.Int("requests", 3000, "number of generated requests")
)

// refusals are what Postgres may answer to a statement that is well formed:
// the caller asked for what is not there or does not fit. Never a syntax
// error (42601), a table that is missing from FROM or named twice (42P01,
// 42712), or a parameter that does not exist (42P02).
var refusals = map[string]string{
	"42703": "no such column", "42883": "no such function or operator", "42704": "no such type", "42846": "no such cast",
	"42804": "types do not match", "42803": "a column is not grouped", "42702": "a name means two columns", "42725": "a function means two",
	"42P10": "no constraint fits on_conflict", "428C9": "a generated column", "42P18": "a type cannot be determined", "22P02": "a constant is not of its type",
	"42701": "a column is named twice", "42809": "not a thing of this kind", "22021": "a path that is no text", "0A000": "Postgres cannot do that", "55000": "a view that cannot be written",
}

// words are all that this package writes outside quotes.
var words = setOf(strings.Fields(`
	SELECT FROM WHERE AND OR NOT AS ON TRUE INNER LEFT JOIN LATERAL GROUP ORDER BY LIMIT OFFSET WITH IS NULL DISTINCT UNKNOWN FALSE ASC DESC NULLS FIRST LAST
	ANY ALL EXISTS CAST like ilike INSERT INTO CONFLICT DO NOTHING UPDATE SET DELETE USING RETURNING VARIADIC EXCLUDED VALUES values false true null
	EXPLAIN FORMAT TEXT JSON ANALYZE VERBOSE SETTINGS BUFFERS WAL
	sum avg count max min json_agg row_to_json to_json to_jsonb json_strip_nulls COALESCE coalesce nullif unnest to_tsvector to_tsquery plainto_tsquery phraseto_tsquery
	websearch_to_tsquery string_agg json_object_keys substring length json_build_object ST_AsGeoJSON set_config current_setting json_array_elements
	json_to_recordset json_to_record jsonb_array_elements jsonb_to_recordset jsonb_to_record jsonb_build_object jsonb_agg
	json jsonb text int bigint pg_catalog
	_ h k val elem body json_data total_result_set page_total _postgrest_t pgrst_result pgrst_source pgrst_count pgrst_call pgrst_scalar pgrst_body
	pgrst_payload pgrst_json_defs pgrst_update_body pgrst_affected_rows`)...)

// typeWords are what a cast may hold beside a quoted name.
var typeWords = setOf(strings.Fields(`bigint bit boolean char character dec decimal double float int integer interval national nchar numeric precision
	real smallint time timestamp varchar varying with without zone year month day hour minute second to array`)...)

var (
	symbols = setOf("(", ")", ",", ".", "::", ":=", "*", "=", "<>", "@>", "<@", "&&", "<<", ">>", "&<", "&>", "-|-", ">=", ">", "<=", "<", "~", "~*",
		"||", "@@", "->", "->>", "#>>", "+", "-")
	constants = setOf("", "[]", "null", "{}", ",", "n", "type", "FeatureCollection", "features", "pgrst.inserted", "true", "0", "-1")
	internal  = setOf("pgrst_source", "pgrst_call", "pgrst_body", "pgrst_affected_rows", "count", "\ufffd")
)

func setOf(all ...string) map[string]bool {
	set := make(map[string]bool, len(all))
	for _, s := range all {
		set[s] = true
	}
	return set
}

// hostileSite is the hostile schema on a real server.
type hostileSite struct {
	snapshot *schema.Snapshot
	conn     *pgx.Conn
	// names and catalog are what the schema holds: its names, and the tokens of
	// the types, functions and defaults that Postgres itself has printed.
	names   map[string]bool
	catalog map[sqlToken]bool
}

func newHostileSite(t testing.TB) *hostileSite {
	t.Helper()
	// The context of a fuzz target ends before its inputs run.
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, pgtest.New(t).OwnerDSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) }) // the database goes next
	if _, err := conn.Exec(ctx, hostileDDL()); err != nil {
		t.Fatal(err)
	}
	s, err := schema.Load(ctx, conn, schema.Config{Schemas: []string{hostileSchema}})
	if err != nil {
		t.Fatal(err)
	}
	path := quote.Identifier(hostileSchema)
	if _, err := conn.Exec(ctx, `SELECT set_config('search_path', $1, false)`, path); err != nil {
		t.Fatal(err)
	}
	site := &hostileSite{snapshot: s, conn: conn, names: setOf(hostileSchema), catalog: map[sqlToken]bool{}}
	site.learn(t)
	return site
}

func (site *hostileSite) learn(t testing.TB) {
	printed := func(sql string) {
		all, err := tokens(sql)
		if err != nil {
			t.Fatalf("the catalog: %v", err)
		}
		for _, token := range all {
			site.catalog[token] = true
		}
	}
	site.snapshot.Tables(func(table *schema.Table) {
		site.names[table.Name.Name] = true
		for _, c := range table.Columns {
			site.names[c.Name] = true
			printed(c.Nominal)
			printed(c.Default)
			for _, pair := range [][2]string{{c.Nominal, "json"}, {"json", c.Nominal}, {"text", c.Nominal}} {
				if f, ok := site.snapshot.Cast(pair[0], pair[1]); ok {
					printed(f)
				}
			}
		}
	})
	site.snapshot.AllFunctions(func(f *schema.Function) {
		site.names[f.Name.Name] = true
		for _, p := range f.Parameters {
			site.names[p.Name] = true
			printed(p.Type)
			printed(p.Wide)
		}
	})
	for _, media := range []string{"text/hostile"} {
		if h, ok := site.snapshot.Handler(schema.Name{Schema: hostileSchema, Name: parentTable}, media); ok {
			site.names[h.Function.Name] = true
		}
	}
}

// statements are all statements of a request, nil when it is refused.
func (site *hostileSite) statements(c callText, o sqlgen.Options) (*request.Request, *plan.Plan, []sqlgen.Statement) {
	target := request.Target{Name: c.path}
	if name, ok := strings.CutPrefix(c.path, "/rpc/"); ok {
		target = request.Target{Kind: request.Function, Name: name}
	}
	r, err := request.Parse(c.method, c.query, parseHeader(c.header), target, request.Options{Schemas: site.snapshot.Schemas})
	if err != nil || r.Kind == request.Info || r.SetBody([]byte(c.body)) != nil {
		return nil, nil, nil
	}
	p, err := plan.Build(r, site.snapshot, plan.Options{Aggregates: true, PlanOutput: true, MaxRows: int64(len(c.query) % 3)})
	if err != nil {
		return r, nil, nil
	}
	q := sqlgen.Build(p, o)
	all := []sqlgen.Statement{q.Main}
	if q.Count != nil {
		all = append(all, *q.Count)
	}
	if p.Kind == request.Read {
		all = append(all, sqlgen.CountRows(p))
	}
	return r, p, all
}

// check returns what is wrong with the text of a statement.
func (site *hostileSite) check(r *request.Request, p *plan.Plan, s sqlgen.Statement) error {
	all, err := tokens(s.SQL)
	if err != nil {
		return err
	}
	said := namesOf(r)
	for n := range said {
		known, _, _ := strings.Cut(n, "\x00")
		said[known] = true
	}
	addAliases(said, p.Read)
	parameters, depth := 0, 0
	for i, token := range all {
		switch known := token.text; {
		case site.catalog[token]:
		case token.kind == word && (words[known] || typeWords[known]):
		case token.kind == identifier && (said[known] || site.names[known] || internal[known]):
		case token.kind == text && (constants[known] || site.names[known]):
		case token.kind == number:
		case token.kind == symbol && symbols[known]:
		case token.kind == parameter && known == fmt.Sprintf("$%d", parameters+1):
			parameters++
		case token.kind == parameter && slices.Contains(all[:i], token): // GROUP BY repeats what was selected
		default:
			return fmt.Errorf("the %s is neither ours nor a name", token)
		}
		switch {
		case token == sqlToken{symbol, "("}:
			depth++
		case token == sqlToken{symbol, ")"}:
			depth--
		}
	}
	if depth != 0 || parameters != len(s.Args) {
		return fmt.Errorf("%d open parentheses; %d parameters for %d values", depth, parameters, len(s.Args))
	}
	return nil
}

// addAliases adds the names that planning gives to embeds.
func addAliases(to map[string]bool, node *plan.Read) {
	for _, name := range []string{node.Alias, node.FromAlias} {
		known, _, _ := strings.Cut(name, "\x00")
		to[known] = true
	}
	for _, s := range node.Select {
		to[s.Lifted] = true
	}
	for _, c := range node.Children {
		addAliases(to, c)
	}
}

// prepare lets the server parse the statement. It returns the SQLSTATE of a
// refusal that is the caller's.
func (site *hostileSite) prepare(s sqlgen.Statement, p *plan.Plan) (state string, err error) {
	_, err = site.conn.PgConn().Prepare(context.Background(), "", s.SQL, nil)
	var refused *pgconn.PgError
	switch {
	case !errors.As(err, &refused):
		return "", err
	case refusals[refused.Code] != "", strings.HasPrefix(refused.Message, "relation "), refused.Code == "42712" && repeats(p.Read):
		return refused.Code, nil
	}
	return "", err
}

// repeats reports whether two embeds have one name.
func repeats(node *plan.Read) bool {
	names := map[string]bool{}
	for _, c := range node.Children {
		if repeats(c) || !c.IsSpread && names[c.Name()] {
			return true
		}
		names[c.Name()] = names[c.Name()] || !c.IsSpread
	}
	return false
}

// TestStatementsParseAndHoldNothingOfTheRequest generates requests with
// hostile names and values on a schema of hostile names. What becomes of them
// parses on the server, and outside quotes has only the words of this package
// and what Postgres itself printed.
func TestStatementsParseAndHoldNothingOfTheRequest(t *testing.T) {
	t.Parallel()
	site := newHostileSite(t)
	g := newGenerator(*seed, site.snapshot)
	t.Logf("-seed %d -requests %d", *seed, *requests)
	kinds, states := map[request.Kind]int{}, map[string]int{}
	planned, prepared := 0, 0
	for i := range *requests {
		c := g.next()
		o := sqlgen.Options{Count: strings.Contains(c.header, "count="), Aggregate: g.once(4), NoColumns: g.once(4), CountLimit: int64(g.IntN(2))}
		r, p, all := site.statements(c, o)
		if all != nil {
			planned++
			kinds[r.Kind]++
		}
		for _, s := range all {
			if err := site.check(r, p, s); err != nil {
				t.Fatalf("request %d %+v:\n%s\n%v", i, c, s.SQL, err)
			}
			state, err := site.prepare(s, p)
			if err != nil {
				t.Errorf("request %d %+v:\n%s\n%v", i, c, s.SQL, err)
			}
			states[state]++
			prepared++
		}
	}
	for _, state := range slices.Sorted(maps.Keys(states)) {
		t.Logf("%5d %s %s", states[state], state, refusals[state])
	}
	// The generator must not drift into requests that are refused early.
	if planned*2 < *requests || states[""]*3 < prepared {
		t.Errorf("of %d requests %d were planned; of %d statements %d were prepared", *requests, planned, prepared, states[""])
	}
	for _, kind := range []request.Kind{request.Read, request.Create, request.Update, request.Upsert, request.Delete, request.Call} {
		if kinds[kind] == 0 {
			t.Errorf("no request of kind %d was planned", kind)
		}
	}
}

// FuzzStatement wants the same of any request.
func FuzzStatement(f *testing.F) {
	for _, query := range []string{
		`select=*,"child\".\"\\"!"con\"str'aint"("$$")&"select"=gt.1&order=id.desc&limit=1`, `select="a\"b"->'x'::int&or=(a.eq."x\"",b.in.(1,2))`,
		"title=like(any).{a,b}&data->x->>0=eq.1", `select="child\"s"("a;","own'er"(*))&"child\"s"."a;"=eq.1`, "select=count(),year.sum()::int",
		`select="line%0Abreak"("te'xt")&order="line%0Abreak"("te'xt").asc.nullsfirst`, `select=..."line%0Abreak"(x:"select")`, "a=not.fts(english).x&select=", "and=(((((",
		"select=a::$$,b::$$", "select=a::text $$", `select=""`, `"%00"=eq.1`, "on_conflict=%22%22&columns=select",
	} {
		f.Add("GET", parentTable, query, "", "")
		f.Add("POST", parentTable, query, "Prefer: return=representation,missing=default,resolution=merge-duplicates", `[{"te'xt":"x","select":1}]`)
	}
	f.Add("PATCH", parentTable, `order="i\"d"&limit=1`, "Prefer: return=representation", `{"te'xt":"x"}`)
	f.Add("PUT", parentTable, `"i\"d"=eq.1`, "", `{"i\"d":1}`)
	f.Add("DELETE", "no such\x00table\"", "a=eq.1", "Accept: text/csv", "")
	f.Add("GET", `/rpc/f"()`, "a'=1&b\"=2", "Prefer: count=exact", "")
	f.Add("POST", `/rpc/var'iadic`, "", "", `{"va\"l":["x"]}`)
	f.Add("POST", `/rpc/whole "body`, "", "Content-Type: application/octet-stream", "\x00\xff")
	site := newHostileSite(f)
	f.Fuzz(func(t *testing.T, method, path, query, header, body string) {
		for _, aggregate := range []bool{false, true} {
			r, p, all := site.statements(callText{method, path, query, header, body}, sqlgen.Options{Count: true, Aggregate: aggregate})
			for _, s := range all {
				if err := site.check(r, p, s); err != nil {
					t.Fatalf("%s\n%v", s.SQL, err)
				}
				if _, err := site.prepare(s, p); err != nil {
					t.Fatalf("%s\n%v", s.SQL, err)
				}
			}
		}
	})
}
