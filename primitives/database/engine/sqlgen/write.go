package sqlgen

import (
	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// bodyName is the alias of the payload's rows.
const bodyName = "pgrst_body"

// payload writes the rows of a JSON body, with the columns' types, as a FROM
// clause. limitOne takes the first of them only.
func (w *writer) payload(body []byte, isObject bool, fields []plan.Field, limitOne, defaults bool) {
	source, elements, record := "pgrst_payload.json_data", "json_array_elements", "json_to_recordset"
	if isObject {
		record = "json_to_record"
	}
	w.s("FROM (SELECT ")
	w.arg(body)
	if defaults {
		w.s("::jsonb")
		source, elements, record = "pgrst_json_defs.val", "jsonb_array_elements", "jsonb"+record[len("json"):]
	} else {
		w.s("::json")
	}
	w.s(" AS json_data) pgrst_payload, ")
	if defaults {
		w.defaults(fields, isObject)
	}
	w.s("LATERAL (SELECT ")
	list(w, ", ", fields, func(f plan.Field) {
		if f.Transform == "" {
			w.ident(f.Name)
			return
		}
		w.s(f.Transform, "(")
		w.ident(f.Name)
		w.s(") AS ")
		w.ident(f.Name)
	})
	w.s(" FROM ")
	switch {
	case len(fields) == 0 && isObject:
		w.s("(values(1)) _ ")
	case len(fields) == 0:
		w.s(elements, "(", source, ") _ ")
	default:
		w.s(record, "(", source, ") AS _(")
		list(w, ", ", fields, func(f plan.Field) {
			w.ident(f.Name)
			w.s(" ", f.Type)
		})
		w.s(") ")
		if limitOne {
			w.s("LIMIT 1")
		}
	}
	w.s(") ", bodyName)
}

// defaults lays the columns' defaults under the payload.
func (w *writer) defaults(fields []plan.Field, isObject bool) {
	build := func() {
		w.s("jsonb_build_object(")
		first := true
		for _, f := range fields {
			if f.Default == "" {
				continue
			}
			if !first {
				w.s(", ")
			}
			first = false
			w.literal(f.Name)
			w.s(", ", f.Default)
		}
		w.s(")")
	}
	if isObject {
		w.s("LATERAL (SELECT ")
		build()
		w.s(" || pgrst_payload.json_data AS val) pgrst_json_defs, ")
		return
	}
	w.s("LATERAL (SELECT jsonb_agg(")
	build()
	w.s(" || elem) AS val FROM jsonb_array_elements(pgrst_payload.json_data) elem) pgrst_json_defs, ")
}

// mutation writes the statement; returning writes its RETURNING list, and is
// nil without one.
func (w *writer) mutation(m *plan.Mutation, returning func()) {
	switch m.Kind {
	case plan.Insert:
		w.insert(m)
	case plan.Update:
		if len(m.Columns) == 0 {
			w.emptyUpdate(m, returning)
			return
		}
		w.update(m)
	case plan.Delete:
		w.delete(m)
	}
	if returning != nil {
		w.s(" RETURNING ")
		returning()
	}
}

// countInsert counts a row as inserted or, on conflict, takes it back.
func (w *writer) countInsert(inserted bool) {
	sign, never := "+", "0"
	if !inserted {
		sign, never = "-", "-1"
	}
	w.s("set_config('pgrst.inserted', (coalesce(nullif(current_setting('pgrst.inserted', true), '')::int, 0) ",
		sign, " 1)::text, true) <> '", never, "'")
}

func (w *writer) insert(m *plan.Mutation) {
	w.s("INSERT INTO ")
	w.name(m.Table)
	if len(m.Columns) > 0 {
		w.s("(")
		list(w, ", ", m.Columns, func(f plan.Field) { w.ident(f.Name) })
		w.s(")")
	}
	if m.Values != nil && !m.CountsInserts() {
		// The parameters have the types of the columns, so that the server
		// reads the texts as it would read them in JSON, without the JSON.
		w.s(" VALUES (")
		w.values = len(w.args) + 1
		list(w, ", ", m.Values, func(text []byte) { w.arg(text) })
		w.s(")")
	} else {
		w.insertPayload(m)
	}
	if m.Upsert && len(m.OnConflict) > 0 {
		w.onConflict(m)
	}
}

// insertPayload writes the rows that Postgres takes out of the body.
func (w *writer) insertPayload(m *plan.Mutation) {
	w.s(" SELECT ")
	body := schema.Name{Name: bodyName}
	list(w, ", ", m.Columns, func(f plan.Field) { w.column(body, f.Name) })
	w.s(" ")
	w.payload(m.Body, m.Object, m.Columns, false, m.Defaults)
	var conditions []func()
	if m.CountsInserts() {
		conditions = append(conditions, func() { w.countInsert(true) })
	}
	if m.Put {
		conditions = append(conditions, w.conditions(body, m.Where)...)
	}
	w.where(conditions)
}

func (w *writer) onConflict(m *plan.Mutation) {
	w.s(" ON CONFLICT(")
	list(w, ", ", m.OnConflict, func(c string) { w.ident(c) })
	if !m.Merge || len(m.Columns) == 0 {
		w.s(") DO NOTHING")
		return
	}
	w.s(") DO UPDATE SET ")
	list(w, ", ", m.Columns, func(f plan.Field) {
		w.ident(f.Name)
		w.s(" = EXCLUDED.")
		w.ident(f.Name)
	})
	w.s(" WHERE ")
	w.countInsert(false)
}

// emptyUpdate is an update that sets nothing: no row, with the right columns.
func (w *writer) emptyUpdate(m *plan.Mutation, returning func()) {
	w.s("SELECT ")
	if returning == nil {
		w.s("NULL")
	} else {
		returning()
	}
	w.s(" FROM ")
	w.name(m.Table)
	w.s(" WHERE false")
}

func (w *writer) update(m *plan.Mutation) {
	body := schema.Name{Name: bodyName}
	if m.Range.IsAll() && m.Values != nil {
		w.s("UPDATE ")
		w.name(m.Table)
		w.s(" SET ")
		w.values = len(w.args) + 1
		for i, f := range m.Columns {
			if i > 0 {
				w.s(", ")
			}
			w.ident(f.Name)
			w.s(" = ")
			w.arg(m.Values[i])
		}
		w.where(w.conditions(m.Table, m.Where))
		return
	}
	if m.Range.IsAll() {
		w.s("UPDATE ")
		w.name(m.Table)
		w.s(" SET ")
		list(w, ", ", m.Columns, func(f plan.Field) {
			w.ident(f.Name)
			w.s(" = ")
			w.column(body, f.Name)
		})
		w.s(" ")
		w.payload(m.Body, m.Object, m.Columns, false, m.Defaults)
		w.where(w.conditions(m.Table, m.Where))
		return
	}
	w.s("WITH pgrst_update_body AS (SELECT ")
	list(w, ", ", m.Columns, func(f plan.Field) { w.column(body, f.Name) })
	w.s(" ")
	w.payload(m.Body, m.Object, m.Columns, true, m.Defaults)
	w.s("), ")
	w.affected(m)
	w.s(" UPDATE ")
	w.name(m.Table)
	w.s(" SET ")
	list(w, ", ", m.Columns, func(f plan.Field) {
		w.ident(f.Name)
		w.s(" = (SELECT ")
		w.ident(f.Name)
		w.s(" FROM pgrst_update_body)")
	})
	w.s(" FROM pgrst_affected_rows")
	w.where(w.affectedRows(m))
}

func (w *writer) delete(m *plan.Mutation) {
	if m.Range.IsAll() {
		w.s("DELETE FROM ")
		w.name(m.Table)
		w.where(w.conditions(m.Table, m.Where))
		return
	}
	w.s("WITH ")
	w.affected(m)
	w.s(" DELETE FROM ")
	w.name(m.Table)
	w.s(" USING pgrst_affected_rows")
	w.where(w.affectedRows(m))
}

// affected selects the rows that a limited update or delete may touch, by
// the columns it is ordered by.
func (w *writer) affected(m *plan.Mutation) {
	w.s("pgrst_affected_rows AS (SELECT ")
	list(w, ", ", m.Order, func(o plan.Order) { w.column(m.Table, o.Field.Name) })
	w.s(" FROM ")
	w.name(m.Table)
	w.where(w.conditions(m.Table, m.Where))
	w.order(m.Table, m.Order)
	w.window(m.Range)
	w.s(")")
}

func (w *writer) affectedRows(m *plan.Mutation) []func() {
	var out []func()
	for _, o := range m.Order {
		out = append(out, func() {
			w.column(m.Table, o.Field.Name)
			w.s(" = ")
			w.column(schema.Name{Name: "pgrst_affected_rows"}, o.Field.Name)
		})
	}
	return out
}
