package schema

import "slices"

// Assemble makes a snapshot of the given parts, as a loaded one would be:
// columns can be found by name, relationships lead both ways and are in
// order. It is for tests of what plans with a snapshot.
func Assemble(schemas []string, tables []Table, forward []Relationship, functions []Function) *Snapshot {
	s := &Snapshot{
		Schemas: schemas, tables: map[Name]*Table{}, relations: map[relationKey][]Relationship{},
		functions: map[Name][]*Function{}, casts: map[[2]string]string{},
	}
	for _, t := range tables {
		t.AllPlain = !slices.ContainsFunc(t.Columns, func(c Column) bool { return !c.Plain })
		t.index()
		s.tables[t.Name] = &t
	}
	l := loader{config: Config{Schemas: schemas}, snapshot: s, rels: slices.Clone(forward)}
	l.addJunctions()
	l.addInverse()
	l.publish()
	for _, f := range functions {
		s.functions[f.Name] = append(s.functions[f.Name], &f)
	}
	return s
}
