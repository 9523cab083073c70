package typegen

import (
	"bytes"
	_ "embed"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

const header = `// Made by "insforge gen types typescript". Make it again when the schema changes.

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]

`

// helpers are the types that pick one table or enum out of Database.
//
//go:embed helpers.ts
var helpers string

// printer writes one file.
type printer struct {
	catalog       *catalog
	schemas       []string // not empty
	relationships func(origin schema.Name, target string) ([]schema.Relationship, bool)

	out   bytes.Buffer
	depth int
}

func (p *printer) file() []byte {
	p.out.WriteString(header)
	p.block("export type Database = {", "}", func() {
		for _, name := range p.schemas {
			p.block(key(name)+": {", "}", func() { p.schema(name) })
		}
	})
	p.out.WriteString("\ntype DefaultSchema = " + quote(p.schemas[0]) + "\n")
	p.out.WriteString(helpers)
	p.constants()
	return p.out.Bytes()
}

func (p *printer) line(text string) {
	p.out.WriteString(strings.Repeat("  ", p.depth) + text + "\n")
}

func (p *printer) block(head, tail string, body func()) {
	p.line(head)
	p.depth++
	body()
	p.depth--
	p.line(tail)
}

// section writes named entries.
func section[T any](p *printer, name string, entries []T, write func(T)) {
	if len(entries) == 0 {
		p.line(name + ": " + empty)
		return
	}
	p.block(name+": {", "}", func() {
		for _, e := range entries {
			write(e)
		}
	})
}

func (p *printer) schema(name string) {
	in := func(is func(*relation) bool) []*relation {
		found := slices.DeleteFunc(slices.Clone(p.catalog.relations), func(r *relation) bool {
			return r.schema != name || !is(r)
		})
		slices.SortFunc(found, func(a, b *relation) int { return strings.Compare(a.name, b.name) })
		return found
	}
	section(p, "Tables", in((*relation).isTable), p.relation)
	section(p, "Views", in((*relation).isView), p.relation)
	section(p, "Functions", p.functionsOf(name), p.function)
	section(p, "Enums", p.enumsOf(name), func(t *pgType) { p.line(key(t.name) + ": " + labels(t)) })
	section(p, "CompositeTypes", in((*relation).isComposite), func(r *relation) {
		section(p, key(r.name), r.columns, func(c column) { p.line(key(c.name) + ": " + p.readType(r, c)) })
	})
}

func (p *printer) enumsOf(schema string) (found []*pgType) {
	for _, t := range p.catalog.types {
		if t.kind == "e" && t.schema == schema {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b *pgType) int { return strings.Compare(a.name, b.name) })
	return found
}

// relation writes a table or view. Tables always have an Insert and an Update,
// because the clients' types want them; a view has those that it supports.
func (p *printer) relation(r *relation) {
	p.block(key(r.name)+": {", "}", func() {
		p.rowType(r)
		if r.insertable || r.isTable() {
			section(p, "Insert", r.writable(r.insertable), func(c column) { p.line(p.insertField(r, c)) })
		}
		if r.updatable || r.isTable() {
			section(p, "Update", r.writable(r.updatable), func(c column) { p.line(p.updateField(r, c)) })
		}
		p.relationshipsOf(r)
	})
}

// writable are the columns of a relation that takes rows, none of one that
// does not.
func (r *relation) writable(takes bool) []column {
	if !takes {
		return nil
	}
	return r.columns
}

// rowType writes the columns and after them the computed fields, which can be
// selected like columns.
func (p *printer) rowType(r *relation) {
	fields := make([]string, 0, len(r.columns))
	for _, c := range r.columns {
		fields = append(fields, key(c.name)+": "+p.readType(r, c))
	}
	for _, f := range p.catalog.functions {
		if p.computedField(f) == r {
			fields = append(fields, key(f.name)+": "+p.typeOf(f.returns)+" | null")
		}
	}
	section(p, "Row", fields, p.line)
}

func (p *printer) insertField(r *relation, c column) string {
	if c.computed || !c.writable && !r.freeInsert {
		return key(c.name) + "?: never"
	}
	nullable := p.nullable(r, c)
	if nullable || c.hasDefault || c.identity || p.domain(c.typ, func(t *pgType) bool { return t.hasDefault }) {
		return key(c.name) + "?: " + p.readType(r, c)
	}
	return key(c.name) + ": " + p.readType(r, c)
}

func (p *printer) updateField(r *relation, c column) string {
	if c.computed || !c.writable && !r.freeUpdate {
		return key(c.name) + "?: never"
	}
	return key(c.name) + "?: " + p.readType(r, c)
}

// relationshipsOf writes the foreign keys of a table, or those that a view
// shows, to relations of its own schema: a row of another cannot be embedded.
func (p *printer) relationshipsOf(r *relation) {
	all, _ := p.relationships(schema.Name{Schema: r.schema, Name: r.name}, r.schema)
	own := slices.DeleteFunc(slices.Clone(all), func(rel schema.Relationship) bool { return !rel.Refers })
	slices.SortStableFunc(own, func(a, b schema.Relationship) int { return strings.Compare(a.Constraint, b.Constraint) })
	if len(own) == 0 {
		p.line("Relationships: []")
		return
	}
	p.block("Relationships: [", "]", func() {
		for _, rel := range own {
			p.block("{", "},", func() { p.relationship(rel) })
		}
	})
}

func (p *printer) relationship(rel schema.Relationship) {
	var here, there []string
	for _, pair := range rel.Columns {
		here, there = append(here, quote(pair[0])), append(there, quote(pair[1]))
	}
	p.line("foreignKeyName: " + quote(rel.Constraint))
	p.line("columns: [" + strings.Join(here, ", ") + "]")
	if rel.Cardinality == schema.OneToOne {
		p.line("isOneToOne: true")
	} else {
		p.line("isOneToOne: false")
	}
	p.line("referencedRelation: " + quote(rel.Foreign.Name))
	p.line("referencedColumns: [" + strings.Join(there, ", ") + "]")
}

// constants writes the labels of all enumerated types as values.
func (p *printer) constants() {
	p.block("export const Constants = {", "} as const", func() {
		for _, name := range p.schemas {
			p.block(valueKey(name)+": {", "},", func() {
				enums := p.enumsOf(name)
				if len(enums) == 0 {
					p.line("Enums: {},")
					return
				}
				p.block("Enums: {", "},", func() {
					for _, t := range enums {
						quoted := make([]string, len(t.labels))
						for i, label := range t.labels {
							quoted[i] = quote(label)
						}
						p.line(valueKey(t.name) + ": [" + strings.Join(quoted, ", ") + "],")
					}
				})
			})
		}
	})
}
