package sqlgen

import (
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// Output is the shape of a statement's result.
type Output uint8

// The shapes.
const (
	// Columns: the plain rows; the JSON is written from them.
	Columns Output = iota
	// Rows: one column, the JSON of a row or value; NULL is null.
	Rows
	// Records: the plain rows; the CSV is written from their text.
	Records
	// Body: one row of total, number of rows and the finished body, in
	// binary. total is NULL unless it was asked for.
	Body
	// Tag: no rows; the number of rows is in the command tag.
	Tag
	// Location: the primary key's columns as text, for the Location header.
	Location
	// Explain: lines of an execution plan.
	Explain
)

// Query is what is sent for a plan.
type Query struct {
	Main   Statement
	Output Output
	// Count is the statement that counts the rows without their range; nil
	// when Main has the total or it was not asked for.
	Count *Statement
	// values is where Main's parameters have a mutation's Values, one after
	// the other: 1 is the first, 0 says that they are not there.
	values int
}

// WithValues returns the statements of a plan that differs from q's only in
// the mutation's Values. ok is false if q does not have them as parameters.
func (q Query) WithValues(values [][]byte) (_ Query, ok bool) {
	if q.values == 0 {
		return q, false
	}
	q.Main.Args = slices.Clone(q.Main.Args)
	copy(q.Main.Args[q.values-1:], values)
	return q, true
}

// Options choose between equivalent forms.
type Options struct {
	// Count adds the total.
	Count bool
	// CountLimit stops counting after so many rows; 0 does not.
	CountLimit int64
	// Aggregate lets Postgres build the whole body.
	Aggregate bool
	// NoColumns lets Postgres build every row's JSON.
	NoColumns bool
}

// usualLength holds most statements, so that they are written without copying.
const usualLength = 512

// Build writes the statements of p.
func Build(p *plan.Plan, o Options) Query {
	switch {
	case p.Media.Media == request.Plan:
		return explain(p, o)
	case p.Kind == request.Read:
		return read(p, o)
	case p.Kind == request.Call:
		return call(p, o)
	}
	return mutate(p, o)
}

// CountRows is the query whose rows a count counts, for EXPLAIN.
func CountRows(p *plan.Plan) Statement {
	var w writer
	w.s("EXPLAIN (FORMAT JSON) ")
	w.countRows(p.Read)
	return w.statement()
}

func read(p *plan.Plan, o Options) Query {
	var w writer
	w.sql.Grow(usualLength)
	q := Query{Output: output(p, o)}
	switch q.Output {
	case Columns:
		w.columns(p)
	case Rows:
		w.rows(p, func() { w.read(p) })
	case Records:
		w.read(p)
	default:
		w.s("WITH pgrst_result AS ( ")
		w.read(p)
		w.s(" ) ")
		w.body(p, nil)
	}
	q.Main = w.statement()
	if o.Count {
		count := count(p, o.CountLimit)
		q.Count = &count
	}
	return q
}

func count(p *plan.Plan, limit int64) Statement {
	var w writer
	w.s("SELECT count(*) FROM (")
	w.countRows(p.Read)
	if limit > 0 {
		w.window(request.Range{First: 0, Last: limit - 1})
	}
	w.s(") pgrst_count")
	return w.statement()
}

// output chooses the cheapest shape for p's rendering.
func output(p *plan.Plan, o Options) Output {
	switch p.Rendering {
	case plan.RenderJSON, plan.RenderObject:
		switch {
		case o.Aggregate:
			return Body
		case !o.NoColumns && flat(p):
			return Columns
		}
		return Rows
	case plan.RenderStripped, plan.RenderObjectStripped:
		if !o.Aggregate {
			return Rows
		}
	case plan.RenderCSV:
		if !o.Aggregate {
			return Records
		}
	}
	return Body
}

// flat reports whether every row is a row of one table whose JSON can be written
// from text. What the snapshot does not know is seen in the result's types.
func flat(p *plan.Plan) bool {
	if len(p.Read.Children) > 0 || p.Call != nil || len(p.Read.Select) == 0 {
		return false
	}
	if p.Mutation != nil {
		return len(p.Read.Order) == 0 && !slices.ContainsFunc(p.Read.Select, func(s plan.Select) bool { return !known(p.Table, s) })
	}
	for _, s := range p.Read.Select {
		if s.Field.Name == "*" && s.Aggregate == "" && p.Table != nil && !p.Table.AllPlain {
			return false
		}
	}
	return true
}

// known reports whether the type of a select item is certain before the statement
// runs. A write must not be repeated because its result turns out to have an
// unexpected type.
func known(t *schema.Table, s plan.Select) bool {
	if s.Aggregate != "" || s.Cast != "" || s.Field.Transform != "" {
		return false
	}
	return t != nil && (s.Field.Name == "*" || t.Column(s.Field.Name) != nil)
}

// columns is a flat read.
func (w *writer) columns(p *plan.Plan) {
	r := p.Read
	ref := reference(r)
	w.s("SELECT ")
	var terms []string
	grouped := r.Grouped()
	list(w, ", ", r.Select, func(s plan.Select) {
		if term := w.plainItem(p, ref, s); grouped && term != "" {
			terms = append(terms, term)
		}
	})
	w.from(r)
	w.where(w.conditions(ref, r.Where))
	if grouped {
		w.groupBy(terms)
	}
	w.order(ref, r.Order)
	w.window(r.Range)
}

// plainItem is a select item whose text is, or becomes by to_json, JSON. It
// returns what to group by.
func (w *writer) plainItem(p *plan.Plan, ref schema.Name, s plan.Select) (term string) {
	bare := s.Cast == "" && s.Aggregate == "" && len(s.Field.Path) == 0 && s.Field.Transform == ""
	c := p.Table.Column(s.Field.Name)
	if !bare || c == nil || c.Plain {
		return w.selectItem(ref, s)
	}
	w.s("to_json(")
	term = w.written(func() { w.column(ref, s.Field.Name) })
	w.s(")")
	if s.Alias == "" {
		s.Alias = s.Field.Name
	}
	w.as(s.Alias)
	return term
}

// rows wraps a query so that every row is one JSON value.
func (w *writer) rows(p *plan.Plan, query func()) {
	value := "row_to_json(_postgrest_t)"
	if p.Call != nil && !p.Call.Function.Composite {
		value = "to_json(_postgrest_t.pgrst_scalar)"
	}
	if p.Rendering == plan.RenderStripped || p.Rendering == plan.RenderObjectStripped {
		value = "json_strip_nulls(" + value + ")"
	}
	w.s("SELECT ", value, " FROM (")
	query()
	w.s(") _postgrest_t")
}

// body selects total, number of rows and body of pgrst_result.
func (w *writer) body(p *plan.Plan, total func()) {
	w.s("SELECT ")
	if total == nil {
		w.s("null::bigint")
	} else {
		total()
	}
	w.s(" AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, ")
	w.rendering(p)
	w.s(" AS body FROM (SELECT * FROM pgrst_result) _postgrest_t")
}

func (w *writer) rendering(p *plan.Plan) {
	var f *schema.Function
	if p.Call != nil {
		f = p.Call.Function
	}
	row := "_postgrest_t"
	if f != nil && !f.Composite {
		row = "_postgrest_t.pgrst_scalar"
	}
	one := f != nil && !f.SetOf
	switch p.Rendering {
	case plan.RenderNothing:
		w.s("''::text")
	case plan.RenderJSON:
		w.jsonBody(row, one, false)
	case plan.RenderStripped:
		w.jsonBody(row, one, true)
	case plan.RenderObject:
		w.jsonBody(row, true, false)
	case plan.RenderObjectStripped:
		w.jsonBody(row, true, true)
	case plan.RenderCSV:
		w.s("(SELECT coalesce(string_agg(k, ','), '') FROM json_object_keys((SELECT row_to_json(h) FROM pgrst_result h LIMIT 1)) k)",
			" || E'\\n' || coalesce(string_agg(substring(_postgrest_t::text, 2, length(_postgrest_t::text) - 2), E'\\n'), '')")
	case plan.RenderGeoJSON:
		w.s("json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(ST_AsGeoJSON(_postgrest_t)::json), '[]'))")
	case plan.RenderCustom:
		if p.Handler.Cast {
			w.s("(SELECT ")
			w.name(p.Handler.Function)
			w.s("(", plan.ScalarName, ") FROM pgrst_result LIMIT 1)")
			return
		}
		w.name(p.Handler.Function)
		w.s("(", row)
		if p.Handler.Target != (schema.Name{}) && row == "_postgrest_t" {
			w.s("::")
			w.name(p.Handler.Target)
		}
		w.s(")")
	}
}

func (w *writer) jsonBody(row string, one, strip bool) {
	w.s("coalesce(")
	if strip {
		w.s("json_strip_nulls(")
	}
	w.s("json_agg(", row, ")")
	if one {
		w.s("->0")
	}
	if strip {
		w.s(")")
	}
	if one {
		w.s(", 'null')")
		return
	}
	w.s(", '[]')")
}

func call(p *plan.Plan, o Options) Query {
	var w writer
	q := Query{Output: output(p, o)}
	if o.Count {
		// The total is that of the same call.
		q.Output = Body
	}
	w.s("WITH ", plan.SourceName, " AS (")
	w.call(p.Call)
	w.s(") ")
	switch q.Output {
	case Rows:
		w.rows(p, func() { w.read(p) })
		q.Main = w.statement()
		return q
	case Records:
		w.read(p)
		q.Main = w.statement()
		return q
	}
	w.s(", pgrst_result AS ( ")
	w.read(p)
	w.s(" ) ")
	var total func()
	if o.Count {
		total = func() {
			w.s("(SELECT pg_catalog.count(*) FROM (")
			w.countRows(p.Read)
			w.s(") pgrst_count)")
		}
	}
	w.body(p, total)
	q.Main = w.statement()
	return q
}

func mutate(p *plan.Plan, o Options) Query {
	var w writer
	m := p.Mutation
	q := Query{}
	switch {
	case o.Aggregate:
		q.Output = Body
		w.returned(p, Body)
	case p.Rendering == plan.RenderNothing && len(m.Returning) == 0:
		q.Output = Tag
		w.mutation(m, nil)
	case p.Rendering == plan.RenderNothing:
		q.Output = Location
		w.mutation(m, func() { w.location(m) })
	default:
		q.Output = output(p, o)
		w.returned(p, q.Output)
	}
	q.Main, q.values = w.statement(), w.values
	return q
}

// location returns the primary key as text.
func (w *writer) location(m *plan.Mutation) {
	if len(m.PK) == 0 {
		w.s("1")
		return
	}
	list(w, ", ", m.PK, func(name string) {
		w.s("to_json(")
		w.column(m.Table, name)
		w.s(")#>>'{}' AS ")
		w.ident(name)
	})
}

// named is the select list with the columns of the snapshot in place of *.
func named(p *plan.Plan) []plan.Select {
	var out []plan.Select
	for _, s := range p.Read.Select {
		if s.Field.Name != "*" {
			out = append(out, s)
			continue
		}
		for _, c := range p.Table.Columns {
			out = append(out, plan.Select{Field: plan.Field{Name: c.Name, Type: c.Nominal}})
		}
	}
	return out
}

func (w *writer) returned(p *plan.Plan, out Output) {
	m := p.Mutation
	if out == Columns {
		w.mutation(m, func() {
			list(w, ", ", named(p), func(s plan.Select) { w.plainItem(p, m.Table, s) })
		})
		return
	}
	w.s("WITH ", plan.SourceName, " AS (")
	w.mutation(m, func() {
		if len(m.Returning) == 0 {
			w.s("1")
			return
		}
		list(w, ", ", m.Returning, func(name string) { w.column(m.Table, name) })
	})
	w.s(") ")
	switch out {
	case Rows:
		w.rows(p, func() { w.read(p) })
		return
	case Records:
		w.read(p)
		return
	}
	w.s(", pgrst_result AS ( ")
	if p.Rendering == plan.RenderNothing {
		// What the caller selects may not be among what is returned.
		w.s("SELECT * FROM ", plan.SourceName)
	} else {
		w.read(p)
	}
	w.s(" ) ")
	w.body(p, nil)
}

// explain asks for the execution plan of the form in which Postgres builds
// the body, whose cost is all of the request's.
func explain(p *plan.Plan, o Options) Query {
	inner := *p
	inner.Media = *p.Media.For
	o.Aggregate = true
	q := Build(&inner, o)
	format := "TEXT"
	if p.Media.PlanJSON {
		format = "JSON"
	}
	options := ""
	for _, name := range p.Media.PlanOptions {
		options += ", " + strings.ToUpper(name)
	}
	q.Main.SQL = "EXPLAIN (FORMAT " + format + options + ") " + q.Main.SQL
	return Query{Main: q.Main, Output: Explain}
}
