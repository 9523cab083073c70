package sqlgen

import (
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
)

// Statement is one SQL statement with its parameters in text form; nil is
// NULL.
type Statement struct {
	SQL  string
	Args [][]byte
}

type writer struct {
	sql  strings.Builder
	args [][]byte
	// values is Query.values.
	values int
}

func (w *writer) statement() Statement { return Statement{w.sql.String(), w.args} }

func (w *writer) s(parts ...string) {
	for _, p := range parts {
		w.sql.WriteString(p)
	}
}

// arg adds a parameter and writes its placeholder.
func (w *writer) arg(value []byte) {
	w.args = append(w.args, value)
	w.sql.WriteByte('$')
	w.sql.WriteString(strconv.Itoa(len(w.args)))
}

func (w *writer) text(value string) { w.arg([]byte(value)) }

// nameless replaces a name without characters, which would be a syntax error
// where a caller expects to hear that nothing has that name.
const nameless = "\ufffd"

// ident writes a quoted identifier. Like Postgres's own clients, it ends at
// a zero byte, which no name can have.
func (w *writer) ident(name string) {
	if i := strings.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	if name == "" {
		name = nameless
	}
	quote.WriteIdentifier(&w.sql, name)
}

func (w *writer) name(n schema.Name) {
	if n.Schema != "" {
		w.ident(n.Schema)
		w.sql.WriteByte('.')
	}
	w.ident(n.Name)
}

// column writes a column, or all of them for *.
func (w *writer) column(table schema.Name, column string) {
	if column != "*" {
		w.member(table, column)
		return
	}
	w.name(table)
	w.s(".*")
}

// member writes a column, whatever its name.
func (w *writer) member(table schema.Name, column string) {
	w.name(table)
	w.sql.WriteByte('.')
	w.ident(column)
}

// list calls f for each element, with separators between.
func list[T any](w *writer, separator string, all []T, f func(T)) {
	for i, v := range all {
		if i > 0 {
			w.s(separator)
		}
		f(v)
	}
}

// literal writes a string constant. It is for names from the catalog only.
func (w *writer) literal(text string) { w.s(quote.Literal(text)) }

func (w *writer) field(table schema.Name, f plan.Field) {
	switch {
	case f.FullRow:
		w.name(table)
		return
	case len(f.Path) == 0:
		w.column(table, f.Name)
		return
	case f.ToJSON:
		w.s("to_jsonb(")
		w.member(table, f.Name)
		w.s(")")
	default:
		w.member(table, f.Name)
	}
	for _, step := range f.Path {
		w.s("->")
		if step.Text {
			w.s(">")
		}
		w.text(step.Key)
		if step.Index {
			w.s("::int")
		}
	}
}

// rendered is a field through its output cast. It returns the field.
func (w *writer) rendered(table schema.Name, f plan.Field) string {
	if f.Transform == "" {
		return w.written(func() { w.field(table, f) })
	}
	w.s(f.Transform, "(")
	defer w.s(")")
	return w.written(func() { w.field(table, f) })
}

// cast writes a cast around what f writes.
func (w *writer) cast(to string, f func()) {
	if to == "" {
		f()
		return
	}
	w.s("CAST( ")
	f()
	w.s(" AS ")
	w.typeName(to)
	w.s(" )")
}

func (w *writer) aggregate(name, cast string, f func()) {
	if name == "" {
		f()
		return
	}
	w.cast(cast, func() {
		w.s(name, "(")
		f()
		w.s(")")
	})
}

func (w *writer) as(alias string) {
	if alias != "" {
		w.s(" AS ")
		w.ident(alias)
	}
}

// written returns what f writes.
func (w *writer) written(f func()) string {
	start := w.sql.Len()
	f()
	return w.sql.String()[start:]
}

// selectItem returns what to group by, empty for an aggregate. It is the column
// itself where that is selected unchanged or through its output cast, whose
// JSON cannot be grouped.
func (w *writer) selectItem(table schema.Name, s plan.Select) (term string) {
	column := ""
	term = w.written(func() {
		w.aggregate(s.Aggregate, s.AggregateCast, func() {
			w.cast(s.Cast, func() {
				if s.Aggregate == "count" && s.Cast == "" && s.Field.Name == "*" && len(s.Field.Path) == 0 && !s.Field.FullRow {
					w.s("*")
					return
				}
				column = w.rendered(table, s.Field)
			})
		})
	})
	w.as(s.Alias)
	switch {
	case s.Aggregate != "":
		return ""
	case len(s.Field.Path) == 0 && (s.Cast == "" || s.Alias == ""):
		return column
	}
	return term
}

// arrayLiteral is a Postgres array constant of the values.
func arrayLiteral(values []string) []byte {
	b := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		for j := 0; j < len(v); j++ {
			if v[j] == '"' || v[j] == '\\' {
				b = append(b, '\\')
			}
			b = append(b, v[j])
		}
		b = append(b, '"')
	}
	return append(b, '}')
}

func (w *writer) filter(table schema.Name, f *plan.Filter) {
	op := &f.Op
	if f.EmbedAlias != "" {
		w.ident(f.EmbedAlias)
		if op.Not {
			w.s(" IS DISTINCT FROM NULL")
			return
		}
		w.s(" IS NOT DISTINCT FROM NULL")
		return
	}
	if op.Not {
		w.s("NOT ")
	}
	// Only the bare column is compared: the cast is applied to the value.
	if f.Field.ToVector {
		w.s("to_tsvector(")
		if op.Language != "" {
			w.text(op.Language)
			w.s(", ")
		}
		w.field(table, f.Field)
		w.s(")")
	} else {
		w.field(table, f.Field)
	}
	switch op.Kind {
	case request.OpSimple:
		w.s(" ", op.Operator, " ")
		w.operand(f.Field, op.Value)
	case request.OpQuant:
		w.quantified(f)
	case request.OpIs:
		w.s(" IS ", op.Value)
	case request.OpDistinct:
		w.s(" IS DISTINCT FROM ")
		w.text(op.Value)
	case request.OpIn:
		w.in(f)
	case request.OpFullText:
		w.s(" @@ ", op.Operator, "(")
		if op.Language != "" {
			w.text(op.Language)
			w.s(", ")
		}
		w.text(op.Value)
		w.s(")")
	}
}

// operand is a value through the cast that reads the column's domain.
func (w *writer) operand(f plan.Field, value string) {
	if f.Transform == "" {
		w.text(value)
		return
	}
	w.s(f.Transform, "(")
	w.text(value)
	w.s(")")
}

func (w *writer) quantified(f *plan.Filter) {
	field, value := f.Field, f.Op.Value
	if f.Op.Operator == "like" || f.Op.Operator == "ilike" {
		// A pattern need not be a value of the domain.
		field.Transform, value = "", strings.ReplaceAll(value, "*", "%")
	}
	w.s(" ", f.Op.Operator, " ")
	switch f.Op.Quant {
	case request.QuantNone:
		w.operand(field, value)
		return
	case request.QuantAny:
		w.s("ANY(")
	case request.QuantAll:
		w.s("ALL(")
	}
	w.array(field, []byte(value))
	w.s(")")
}

// array is an array constant, its elements through the cast that reads the
// column's domain.
func (w *writer) array(f plan.Field, values []byte) {
	if f.Transform == "" {
		w.arg(values)
		return
	}
	w.s("(SELECT ", f.Transform, "(unnest(")
	w.arg(values)
	w.s("::text[])))")
}

func (w *writer) in(f *plan.Filter) {
	values := f.Op.Values
	if len(values) == 1 && values[0] == "" {
		w.s(" = ANY('{}')")
		return
	}
	w.s(" = ANY (")
	w.array(f.Field, arrayLiteral(values))
	w.s(")")
}

func (w *writer) logic(table schema.Name, l plan.Logic, filter func(schema.Name, *plan.Filter)) {
	if l.Filter != nil {
		filter(table, l.Filter)
		return
	}
	if l.Not {
		w.s("NOT ")
	}
	separator := " AND "
	if l.Or {
		separator = " OR "
	}
	w.s("(")
	list(w, separator, l.Children, func(c plan.Logic) { w.logic(table, c, filter) })
	w.s(")")
}

func (w *writer) join(j plan.Join) {
	w.column(j.Left.Relation, j.Left.Column)
	w.s(" = ")
	w.column(j.Right.Relation, j.Right.Column)
}

// where writes a WHERE clause of the given conditions, or nothing.
func (w *writer) where(conditions []func()) {
	if len(conditions) == 0 {
		return
	}
	w.s(" WHERE ")
	list(w, " AND ", conditions, func(f func()) { f() })
}

func (w *writer) conditions(table schema.Name, all []plan.Logic) []func() {
	out := make([]func(), 0, len(all))
	for _, l := range all {
		out = append(out, func() { w.logic(table, l, w.filter) })
	}
	return out
}

func (w *writer) order(table schema.Name, terms []plan.Order) {
	if len(terms) == 0 {
		return
	}
	w.s(" ORDER BY ")
	list(w, ", ", terms, func(o plan.Order) {
		if o.Relation != "" {
			w.field(schema.Name{Name: o.Relation}, o.Field)
		} else {
			w.field(table, o.Field)
		}
		for _, word := range []string{o.Direction, o.Nulls} {
			if word != "" {
				w.s(" ", word)
			}
		}
	})
}

// window writes LIMIT and OFFSET. The limit is a number in the text: a plan for
// any parameters must know it, or Postgres plans every request again.
func (w *writer) window(r request.Range) {
	if r.IsAll() {
		return
	}
	if rows, ok := r.Limit(); ok {
		w.s(" LIMIT ", strconv.FormatInt(rows, 10))
	}
	if r.First != 0 {
		w.s(" OFFSET ")
		w.text(strconv.FormatInt(r.First, 10))
	}
}
