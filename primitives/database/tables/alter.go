package tables

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgerrcode"
)

// Changes are what to change about a table, applied in the order of the
// fields.
type Changes struct {
	DropForeignKeys []Name         `json:"dropForeignKeys,omitempty"`
	DropColumns     []Name         `json:"dropColumns,omitempty"`
	UpdateColumns   []ColumnUpdate `json:"updateColumns,omitempty"`
	AddColumns      []Column       `json:"addColumns,omitempty"`
	AddForeignKeys  []ForeignKey   `json:"addForeignKeys,omitempty"`
	RenameTable     *Renaming      `json:"renameTable,omitempty"`
}

// ColumnUpdate changes a column's default, its name, or both.
type ColumnUpdate struct {
	Name Name `json:"columnName"`
	// Default is nil to leave it, blank to drop it.
	Default *string `json:"defaultValue,omitempty"`
	// NewName is empty to leave it.
	NewName Name `json:"newColumnName,omitempty"`
}

// Renaming is a table's new name.
type Renaming struct {
	Name Name `json:"newTableName"`
}

// Alter applies changes to a table, all or none, and returns a line about each.
//
// It returns 404 DATABASE_NOT_FOUND for an unknown table or foreign key, 404
// DATABASE_FORBIDDEN for a change to an automatic column, 400
// DATABASE_VALIDATION_ERROR when no other column would be left or Postgres
// refuses, 400 DATABASE_CONSTRAINT_VIOLATION for a column that other objects
// depend on, and 400 DATABASE_DUPLICATE for a name that is taken.
func (s *Service) Alter(ctx context.Context, t Table, ch Changes) ([]string, error) {
	if name, ok := ch.automatic(); ok {
		return nil, automatic(http.StatusNotFound, name)
	}
	var p plan
	err := s.change(ctx, audit.Entry{Action: "UPDATE_TABLE", Details: struct {
		Schema     Name    `json:"schemaName"`
		Table      Name    `json:"tableName"`
		Operations Changes `json:"operations"`
	}{t.Schema, t.Name, ch}}, events.Change{Type: "table", Name: string(t.Name)}, func(tx pg.Tx) error {
		now, err := lock(ctx, tx, t)
		if err != nil {
			return err
		}
		if p, err = planChanges(t, now, ch); err != nil {
			return err
		}
		return run(ctx, tx, p.statements)
	})
	return p.operations, err
}

// automatic returns the first automatic column that ch would change.
func (ch Changes) automatic() (Name, bool) {
	touched := slices.Clone(ch.DropColumns)
	for _, u := range ch.UpdateColumns {
		touched = append(touched, u.Name, u.NewName)
	}
	for _, c := range ch.AddColumns {
		touched = append(touched, c.Name)
	}
	for _, k := range ch.AddForeignKeys {
		for _, c := range k.Columns {
			touched = append(touched, c.Source)
		}
	}
	i := slices.IndexFunc(touched, func(n Name) bool {
		_, ok := isAutomatic(n)
		return ok
	})
	if i < 0 {
		return "", false
	}
	return touched[i], true
}

// state is what a plan must know about a table.
type state struct {
	columns, foreignKeys, triggers []Name
}

// lock takes the table's exclusive lock, so that its state stays as read, and
// reads it. It returns 404 DATABASE_NOT_FOUND for an unknown table.
func lock(ctx context.Context, tx pg.Tx, t Table) (now state, err error) {
	// Finding comes first: locking a name that does not exist fails the
	// transaction with one of several codes, and would lock a view as well.
	oid, err := naming.Find(ctx, tx, t)
	if err != nil {
		return now, err
	}
	if _, err := tx.Exec(ctx, "LOCK TABLE "+t.SQL()+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		if pg.State(err) == pgerrcode.UndefinedTable { // dropped meanwhile
			return now, naming.NoTable(t).Because(err)
		}
		return now, err
	}
	err = tx.QueryRow(ctx, `
		SELECT ARRAY(SELECT attname::text FROM pg_attribute
		              WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped),
		       ARRAY(SELECT conname::text FROM pg_constraint
		              WHERE conrelid = $1 AND contype = 'f'),
		       ARRAY(SELECT tgname::text FROM pg_trigger
		              WHERE tgrelid = $1 AND NOT tgisinternal)`, oid).
		Scan(&now.columns, &now.foreignKeys, &now.triggers)
	return now, err
}

// plan is the statements for a set of changes and a line about each change.
type plan struct {
	statements, operations []string
}

func planChanges(t Table, now state, ch Changes) (plan, error) {
	for _, name := range ch.DropForeignKeys {
		if !slices.Contains(now.foreignKeys, name) {
			return plan{}, noForeignKey(t, name)
		}
	}
	if !ch.leavesColumn(now.columns) {
		return plan{}, noUserColumn()
	}
	p := plan{operations: []string{}}
	p.drop(t, ch)
	for _, u := range ch.UpdateColumns {
		p.update(t, u)
	}
	p.add(t, ch)
	if ch.RenameTable != nil {
		p.rename(t, ch.RenameTable.Name, now.triggers)
	}
	return p, nil
}

// leavesColumn reports whether a column besides the automatic ones is left. A
// table that never had one may still be changed otherwise.
func (ch Changes) leavesColumn(columns []Name) bool {
	if len(ch.DropColumns) == 0 || len(ch.AddColumns) > 0 {
		return true
	}
	gone := slices.Concat(ch.DropColumns, automaticNames())
	return slices.ContainsFunc(columns, func(n Name) bool { return !slices.Contains(gone, n) })
}

// drop and add put their clauses into one statement each: a table is
// rewritten once, however many columns need it.
func (p *plan) drop(t Table, ch Changes) {
	var clauses []string
	for _, name := range ch.DropForeignKeys {
		clauses = append(clauses, "DROP CONSTRAINT "+name.SQL())
		p.note("Dropped foreign key: %s", name)
	}
	for _, name := range ch.DropColumns {
		clauses = append(clauses, "DROP COLUMN "+name.SQL())
		p.note("Dropped column: %s", name)
	}
	p.alter(t, clauses)
}

func (p *plan) update(t Table, u ColumnUpdate) {
	switch {
	case u.Default == nil:
	case blank(*u.Default):
		p.alter(t, []string{"ALTER COLUMN " + u.Name.SQL() + " DROP DEFAULT"})
		p.note("Dropped default value of column: %s", u.Name)
	default:
		p.alter(t, []string{"ALTER COLUMN " + u.Name.SQL() + " SET DEFAULT " + defaultSQL(*u.Default)})
		p.note("Changed default value of column: %s", u.Name)
	}
	if u.NewName != "" && u.NewName != u.Name {
		p.alter(t, []string{"RENAME COLUMN " + u.Name.SQL() + " TO " + u.NewName.SQL()})
		p.note("Renamed column: %s to %s", u.Name, u.NewName)
	}
}

func (p *plan) add(t Table, ch Changes) {
	var clauses []string
	for _, c := range ch.AddColumns {
		clauses = append(clauses, "ADD COLUMN "+c.definition())
		p.note("Added column: %s", c.Name)
	}
	for _, k := range ch.AddForeignKeys {
		clauses = append(clauses, "ADD "+k.definition())
		p.note("Added foreign key: %s", k.constraint())
	}
	p.alter(t, clauses)
}

// rename renames the table, and the trigger that carries its name.
func (p *plan) rename(t Table, name Name, triggers []Name) {
	p.alter(t, []string{"RENAME TO " + name.SQL()})
	p.note("Renamed table: %s to %s", t.Name, name)
	before, after := triggerName(t.Name), triggerName(name)
	if slices.Contains(triggers, before) && !slices.Contains(triggers, after) {
		p.statements = append(p.statements, "ALTER TRIGGER "+before.SQL()+
			" ON "+Table{Schema: t.Schema, Name: name}.SQL()+" RENAME TO "+after.SQL())
	}
}

func (p *plan) alter(t Table, clauses []string) {
	if len(clauses) > 0 {
		p.statements = append(p.statements, "ALTER TABLE "+t.SQL()+" "+strings.Join(clauses, ", "))
	}
}

func (p *plan) note(format string, names ...any) {
	p.operations = append(p.operations, fmt.Sprintf(format, names...))
}
