package typegen

import (
	"maps"
	"slices"
	"strings"
)

// overloads are the functions of one name.
type overloads struct {
	name      string
	functions []*function
}

// functionsOf returns what a client can call or select in a schema, by name.
func (p *printer) functionsOf(schema string) []overloads {
	byName := map[string][]*function{}
	for _, f := range p.catalog.functions {
		if f.schema == schema && p.reachable(f) {
			byName[f.name] = append(byName[f.name], f)
		}
	}
	all := make([]overloads, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, overloads{name, byName[name]})
	}
	return all
}

// reachable reports whether the record layer can call a function, which takes
// names for its arguments or one that is the whole body, or select it as a
// field of a row.
func (p *printer) reachable(f *function) bool {
	named := !slices.ContainsFunc(f.arguments, func(a argument) bool { return a.name == "" })
	return named || p.body(f) != "" || p.computedField(f) != nil || p.computedRows(f) != nil
}

// body is the name of the type of the one unnamed argument that a call's body
// becomes, or "".
func (p *printer) body(f *function) string {
	if len(f.arguments) != 1 || f.arguments[0].name != "" {
		return ""
	}
	t := p.catalog.types[f.arguments[0].typ]
	if t == nil || t.schema != "pg_catalog" {
		return ""
	}
	switch t.name {
	case "json", "jsonb", "text", "bytea", "xml":
		return t.name
	}
	return ""
}

// taker is the table or view of the function's schema whose row is the only
// argument, or nil.
func (p *printer) taker(f *function) *relation {
	if len(f.arguments) != 1 {
		return nil
	}
	return p.served(f, f.arguments[0].typ)
}

// served is the table or view of the function's schema that a row type is of,
// or nil.
func (p *printer) served(f *function, typ uint32) *relation {
	t := p.catalog.types[typ]
	if t == nil || t.relation == 0 {
		return nil
	}
	r := p.catalog.byOID[t.relation]
	if r == nil || r.isComposite() || r.schema != f.schema {
		return nil
	}
	return r
}

// computedField is the relation whose rows the function gives a further field,
// or nil. A column of the same name hides it.
func (p *printer) computedField(f *function) *relation {
	r := p.taker(f)
	if r == nil || f.setOf || len(f.outputs) > 0 || p.served(f, f.returns) != nil || p.typeOf(f.returns) == "undefined" {
		return nil
	}
	if slices.ContainsFunc(r.columns, func(c column) bool { return c.name == f.name }) {
		return nil
	}
	return r
}

// computedRows is the relation from whose rows the function leads to rows of
// another, or nil.
func (p *printer) computedRows(f *function) *relation {
	if p.served(f, f.returns) == nil {
		return nil
	}
	return p.taker(f)
}

// signature is one way to call a function.
type signature struct{ args, returns, options string }

func (s signature) fields() []string {
	fields := []string{"Args: " + s.args, "Returns: " + s.returns}
	if s.options != "" {
		fields = append(fields, "SetofOptions: "+s.options)
	}
	return fields
}

func (p *printer) function(o overloads) {
	var signatures []signature
	for _, alike := range p.alike(o.functions) {
		if len(alike) == 1 {
			signatures = append(signatures, p.signature(alike[0]))
		} else {
			signatures = append(signatures, p.undecided(alike))
		}
	}
	if len(signatures) == 1 {
		section(p, key(o.name), signatures[0].fields(), p.line)
		return
	}
	p.line(key(o.name) + ":")
	p.depth++
	for _, s := range signatures {
		p.line("| " + object(s.fields()))
	}
	p.depth--
}

// alike groups overloads whose arguments have the same names, between which
// the record layer cannot choose. Computed fields are chosen by their row.
func (p *printer) alike(functions []*function) (groups [][]*function) {
	at := map[string]int{}
	for _, f := range functions {
		if p.computedField(f) != nil || p.computedRows(f) != nil {
			groups = append(groups, []*function{f})
			continue
		}
		names := make([]string, len(f.arguments))
		for i, a := range f.arguments {
			names[i] = a.name
		}
		slices.Sort(names)
		k := strings.Join(names, "\x00")
		if i, ok := at[k]; ok {
			groups[i] = append(groups[i], f)
			continue
		}
		at[k] = len(groups)
		groups = append(groups, []*function{f})
	}
	return groups
}

// undecided is the signature of overloads that cannot be distinguished: the
// result is a sentence that the compiler shows.
func (p *printer) undecided(functions []*function) signature {
	described := make([]string, len(functions))
	types := map[string][]string{}
	for i, f := range functions {
		args := make([]string, len(f.arguments))
		for j, a := range f.arguments {
			args[j] = strings.TrimSpace(a.name + " " + p.catalog.types[a.typ].name)
			if t := p.typeOf(a.typ); !slices.Contains(types[a.name], t) {
				types[a.name] = append(types[a.name], t)
			}
		}
		described[i] = f.name + "(" + strings.Join(args, ", ") + ")"
	}
	fields := make([]string, len(functions[0].arguments))
	for i, a := range functions[0].arguments {
		fields[i] = p.argument(a.name, strings.Join(types[a.name], " | "), a.optional)
	}
	message := "A call by names cannot choose between " + strings.Join(described, " and ") + ": rename one of them, or an argument"
	return signature{args: object(fields), returns: "{ error: true } & " + quote(message)}
}

func (p *printer) argument(name, typ string, optional bool) string {
	if optional {
		return key(name) + "?: " + typ
	}
	return key(name) + ": " + typ
}

func (p *printer) signature(f *function) signature {
	s := signature{args: p.args(f), returns: p.returns(f)}
	to := p.served(f, f.returns)
	if to == nil {
		return s
	}
	from, one := "*", !f.setOf
	if r := p.computedRows(f); r != nil {
		from, one = r.name, f.one
	}
	s.options = object([]string{
		"from: " + quote(from), "to: " + quote(to.name),
		"isOneToOne: " + boolean(one), "isSetofReturn: " + boolean(f.setOf),
	})
	return s
}

func boolean(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func (p *printer) args(f *function) string {
	if r := p.computedField(f); r != nil {
		return object([]string{`"": ` + p.rowOf(r)}) // how the clients know a computed field
	}
	switch p.body(f) {
	case "json", "jsonb":
		return "{ [key: string]: Json | undefined }"
	}
	if len(f.arguments) == 0 {
		return "never"
	}
	fields := make([]string, len(f.arguments))
	for i, a := range f.arguments {
		fields[i] = p.argument(a.name, p.typeOf(a.typ), a.optional)
	}
	return object(fields)
}

func (p *printer) returns(f *function) string {
	typ := p.typeOf(f.returns)
	if len(f.outputs) > 0 {
		fields := make([]string, len(f.outputs))
		for i, a := range f.outputs {
			fields[i] = key(a.name) + ": " + p.typeOf(a.typ)
		}
		typ = object(fields)
	}
	// The clients add the array where a computed relationship is to one row.
	if !f.setOf || f.one && p.computedRows(f) != nil {
		return typ
	}
	return array(typ)
}
