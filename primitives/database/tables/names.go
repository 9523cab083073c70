package tables

import (
	"strings"

	"github.com/insforge/insforge-go/primitives/database/naming"
)

// Names of this package are those of all routes of the database.
type (
	// Name is the name of a schema, table, column or constraint.
	Name = naming.Name
	// Table is a schema-qualified table name.
	Table = naming.Table
)

// parseReference reads the table a foreign key points to: "schema.table", or
// "table" for one in public. A table whose name holds a dot needs its schema.
func parseReference(s string) (Table, error) {
	schema, name, qualified := strings.Cut(s, ".")
	if !qualified {
		schema, name = string(naming.Public), s
	}
	var t Table
	var err error
	if t.Schema, err = naming.Parse("referenceTable", schema); err != nil {
		return Table{}, err
	}
	t.Name, err = naming.Parse("referenceTable", name)
	return t, err
}
