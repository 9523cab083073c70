package typegen

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// typeOf is the TypeScript of a value as the record layer writes it.
func (p *printer) typeOf(oid uint32) string {
	t := p.catalog.types[oid]
	switch {
	case t == nil:
		return "unknown"
	case t.toJSON:
		return "Json"
	case t.base != 0:
		return p.typeOf(t.base)
	case t.element != 0:
		return array(p.typeOf(t.element))
	case t.kind == "e":
		return p.enum(t)
	case t.kind == "c":
		return p.row(t)
	case t.schema != "pg_catalog":
		return "string"
	}
	switch t.name {
	case "bool":
		return "boolean"
	case "int2", "int4", "int8", "float4", "float8", "numeric":
		return "number"
	case "json", "jsonb":
		return "Json"
	case "void":
		return "undefined"
	case "record":
		return anyRow
	}
	if t.kind == "p" {
		return "unknown"
	}
	return "string"
}

const anyRow = "Record<string, unknown>"

// array is the type of a list, in parentheses where the element needs them.
func array(element string) string {
	if strings.HasPrefix(element, `"`) {
		return "(" + element + ")[]"
	}
	return element + "[]"
}

// enum refers to an enumerated type, or lists the labels of one that is not
// in the file.
func (p *printer) enum(t *pgType) string {
	if p.has(t.schema) {
		return reference(t.schema, "Enums", t.name)
	}
	return labels(t)
}

func labels(t *pgType) string {
	if len(t.labels) == 0 {
		return "never"
	}
	quoted := make([]string, len(t.labels))
	for i, label := range t.labels {
		quoted[i] = quote(label)
	}
	return strings.Join(quoted, " | ")
}

// row is a value of a composite type: that of a table or view, or a standalone
// one.
func (p *printer) row(t *pgType) string {
	r := p.catalog.byOID[t.relation]
	switch {
	case r == nil:
		return anyRow
	case p.has(r.schema):
		return p.rowOf(r)
	}
	fields := make([]string, len(r.columns))
	for i, c := range r.columns {
		fields[i] = key(c.name) + ": " + p.readType(r, c)
	}
	return object(fields)
}

// rowOf refers to the row of a relation that is in the file.
func (p *printer) rowOf(r *relation) string {
	switch {
	case r.isComposite():
		return reference(r.schema, "CompositeTypes", r.name)
	case r.isView():
		return reference(r.schema, "Views", r.name) + `["Row"]`
	}
	return reference(r.schema, "Tables", r.name) + `["Row"]`
}

// readType is the type of a column in a row that was read.
func (p *printer) readType(r *relation, c column) string {
	if p.nullable(r, c) {
		return p.typeOf(c.typ) + " | null"
	}
	return p.typeOf(c.typ)
}

// nullable reports whether a column may be NULL. What a view shows may come
// from the empty side of a join, so nothing is known about it.
func (p *printer) nullable(r *relation, c column) bool {
	if r.isView() {
		return true
	}
	return !c.notNull && !p.domain(c.typ, func(t *pgType) bool { return t.notNull })
}

// domain reports whether a domain, or one that it is based on, satisfies the
// condition.
func (p *printer) domain(oid uint32, is func(*pgType) bool) bool {
	for t := p.catalog.types[oid]; t != nil && t.base != 0; t = p.catalog.types[t.base] {
		if is(t) {
			return true
		}
	}
	return false
}

func (p *printer) has(schema string) bool { return slices.Contains(p.schemas, schema) }

// reference is the type of an entry of the file.
func reference(schema, section, name string) string {
	return "Database[" + quote(schema) + "][" + quote(section) + "][" + quote(name) + "]"
}

// object is an object type on one line.
func object(fields []string) string {
	if len(fields) == 0 {
		return empty
	}
	return "{ " + strings.Join(fields, "; ") + " }"
}

// empty is the type of an object without keys.
const empty = "{ [_ in never]: never }"

var identifier = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)

// key is a name as the key of a type. Reserved words need no quotes there.
func key(name string) string {
	if identifier.MatchString(name) {
		return name
	}
	return quote(name)
}

// valueKey is a name as the key of an object literal, where __proto__ would be
// the prototype unless it is computed.
func valueKey(name string) string {
	if name == "__proto__" {
		return `["__proto__"]`
	}
	return key(name)
}

// quote is a string literal that ends where it should, whatever the name
// holds. JSON escapes quotes, backslashes and every line break that TypeScript
// knows.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("typegen: a string is not JSON: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}
