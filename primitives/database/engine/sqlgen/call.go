package sqlgen

import (
	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// call writes the query of a function call.
func (w *writer) call(c *plan.Call) {
	f := c.Function
	w.s("SELECT ")
	switch {
	case !f.Composite:
		w.s("pgrst_call.pgrst_scalar")
	case len(c.Returning) == 0:
		w.s("*")
	default:
		list(w, ", ", c.Returning, func(name string) { w.column(schema.Name{Name: "pgrst_call"}, name) })
	}
	w.s(" ")
	switch {
	case c.Positional:
		w.s("FROM ")
		w.invoke(f, func() { w.positional(c) })
	case len(c.Params) == 0:
		w.s("FROM ")
		w.invoke(f, func() {})
	case c.IsDirect:
		w.s("FROM ")
		w.invoke(f, func() { list(w, ", ", c.Params, func(p schema.Parameter) { w.direct(c, p) }) })
	default:
		w.named(c)
	}
}

func (w *writer) invoke(f *schema.Function, arguments func()) {
	if f.Composite {
		w.name(f.Name)
		w.s("(")
		arguments()
		w.s(") pgrst_call")
		return
	}
	w.s("(SELECT ")
	w.name(f.Name)
	w.s("(")
	arguments()
	w.s(") pgrst_scalar) pgrst_call")
}

func (w *writer) positional(c *plan.Call) {
	body := c.Body
	if !c.HasBody {
		body = nil
	}
	typ := c.Params[0].Type
	if typ == "bytea" && body != nil {
		// Text form of a parameter: hexadecimal.
		const hex = "0123456789abcdef"
		encoded := make([]byte, 2, 2+2*len(body))
		copy(encoded, `\x`)
		for _, b := range body {
			encoded = append(encoded, hex[b>>4], hex[b&15])
		}
		body = encoded
	}
	w.arg(body)
	w.s("::", typ)
}

func (w *writer) direct(c *plan.Call, p schema.Parameter) {
	w.parameter(p)
	a := c.Direct[p.Name]
	if a.Variadic {
		w.arg(arrayLiteral(a.Values))
	} else {
		w.text(a.Value)
	}
	w.s("::", p.Wide)
}

func (w *writer) parameter(p schema.Parameter) {
	if p.Variadic {
		w.s("VARIADIC ")
	}
	w.ident(p.Name)
	w.s(" := ")
}

// named passes the members of a JSON object.
func (w *writer) named(c *plan.Call) {
	fields := make([]plan.Field, len(c.Params))
	for i, p := range c.Params {
		fields[i] = plan.Field{Name: p.Name, Type: p.Wide}
	}
	w.payload(c.Body, startsObject(c.Body), fields, true, false)
	w.s(", LATERAL ")
	w.invoke(c.Function, func() {
		list(w, ", ", c.Params, func(p schema.Parameter) {
			w.parameter(p)
			w.column(schema.Name{Name: bodyName}, p.Name)
		})
	})
}

func startsObject(body []byte) bool {
	for _, b := range body {
		switch b {
		case ' ', '\t', '\n', '\r':
			continue
		}
		return b == '{'
	}
	return false
}
