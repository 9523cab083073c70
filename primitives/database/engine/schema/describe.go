package schema

import (
	"cmp"
	"slices"
)

// Description is a snapshot in a form that encodes as JSON.
type Description struct {
	Tables        []*Table       `json:"dbTables"`
	Relationships []Relationship `json:"dbRelationships"`
	Functions     []*Function    `json:"dbRoutines"`
	Timezones     int            `json:"dbTimezones"`
}

// Describe lists the parts of the snapshot in order. They must not be changed.
func (s *Snapshot) Describe() Description {
	d := Description{Timezones: len(s.timezones)}
	for _, t := range s.tables {
		d.Tables = append(d.Tables, t)
	}
	slices.SortFunc(d.Tables, func(a, b *Table) int { return compareNames(a.Name, b.Name) })
	for _, all := range s.relations {
		d.Relationships = append(d.Relationships, all...)
	}
	slices.SortFunc(d.Relationships, compareRelationships)
	for _, overloads := range s.functions {
		d.Functions = append(d.Functions, overloads...)
	}
	slices.SortFunc(d.Functions, func(a, b *Function) int {
		return cmp.Or(compareNames(a.Name, b.Name), compareFunctions(a, b))
	})
	return d
}
