package tables

import (
	"strings"

	"github.com/insforge/insforge-go/primitives/database/naming"
)

// Action is what happens to a row when the row it points to is deleted or
// changed.
type Action string

func actionNames() []string {
	return []string{"CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"}
}

// actionOf decodes pg_constraint.confdeltype and confupdtype.
func actionOf(code string) Action {
	switch code {
	case "c":
		return "CASCADE"
	case "n":
		return "SET NULL"
	case "d":
		return "SET DEFAULT"
	case "r":
		return "RESTRICT"
	}
	return "NO ACTION"
}

// ForeignKey ties columns of a table to those of another.
type ForeignKey struct {
	// Table is the other table as the client wrote it: "users" (of public)
	// or "auth.users".
	Table    string       `json:"referenceTable"`
	Columns  []ColumnPair `json:"referenceColumns"`
	OnDelete Action       `json:"onDelete"`
	OnUpdate Action       `json:"onUpdate"`

	target Table
}

// ColumnPair is one column of a foreign key and the one it points to.
type ColumnPair struct {
	Source Name `json:"sourceColumn"`
	Target Name `json:"referenceColumn"`
}

// constraint returns the name of the key's constraint.
func (k ForeignKey) constraint() Name {
	parts := []string{"fk"}
	for _, c := range k.Columns {
		parts = append(parts, string(c.Source))
	}
	parts = append(parts, strings.ReplaceAll(k.Table, ".", "_"))
	for _, c := range k.Columns {
		parts = append(parts, string(c.Target))
	}
	return naming.Fit(strings.Join(parts, "_"))
}

// definition returns the key as CREATE TABLE and ADD expect it.
func (k ForeignKey) definition() string {
	sources, targets := make([]string, len(k.Columns)), make([]string, len(k.Columns))
	for i, c := range k.Columns {
		sources[i], targets[i] = c.Source.SQL(), c.Target.SQL()
	}
	return "CONSTRAINT " + k.constraint().SQL() +
		" FOREIGN KEY (" + strings.Join(sources, ", ") + ")" +
		" REFERENCES " + k.target.SQL() + " (" + strings.Join(targets, ", ") + ")" +
		" ON DELETE " + string(k.OnDelete) +
		" ON UPDATE " + string(k.OnUpdate)
}
