package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// triggers emulates how dumps of data switch triggers off around the rows:
// ALTER TABLE … DISABLE TRIGGER ALL, or session_replication_role. In Postgres
// both require a superuser, since they also disable foreign keys, and rows
// that break one are never found.
//
// Here the rights that the owner of the tables has anyway are enough. The
// table's own triggers are disabled; foreign keys are deferred, so that rows
// may come before the rows they refer to, and Postgres checks them all before
// the commit. A table with pending checks cannot be altered or indexed, so
// triggers are enabled again when a statement may need them, or at the end.
type triggers struct {
	tx      pg.Tx
	replica bool // session_replication_role is replica
	tables  map[naming.Table]*quiet
	keys    []foreignKeyCheck // deferred ones
}

// quiet is a table whose triggers were disabled.
type quiet struct {
	off      bool     // they still are to be
	deferred bool     // its foreign keys are deferred
	restore  []string // statements that enable its triggers, once off is false
}

// foreignKeyCheck is a foreign key and when it is checked.
type foreignKeyCheck struct {
	table, constraint, name string // quoted; name is without the schema
	was                     string // DEFERRABLE or NOT DEFERRABLE
	deferred                bool   // as the key was found
	onUpdate, onDelete      string // as in pg_constraint
}

// What pg_constraint says of foreign keys that change no other rows.
const (
	noAction = "a"
	restrict = "r"
)

// task is what must happen before a statement runs; done reports whether that
// replaces the statement.
type task func(ctx context.Context) (done bool, err error)

// quietKinds are commands that do not depend on pending checks.
var quietKinds = []string{"SET", "RESET", "COMMENT", "GRANT", "REVOKE", "ANALYZE", "VACUUM", "LOCK"}

// before returns what must happen before a statement, or nil.
func (t *triggers) before(st step) task {
	if to, ok := switchesTriggers(st.Statement); ok {
		return func(ctx context.Context) (bool, error) { return true, t.alter(ctx, to) }
	}
	if role, ok := replicationRole(st.Statement); ok {
		return func(ctx context.Context) (bool, error) { return true, t.setReplica(ctx, role) }
	}
	if !t.replica && len(t.tables) == 0 {
		return nil
	}
	command := st.Command()
	table, filled := target(st.Statement)
	switch {
	case strings.HasPrefix(command, "CREATE ") && command != "CREATE INDEX" || slices.Contains(quietKinds, command) || setsSequence(st.Statement):
		return nil
	case filled && t.ready(table):
		return nil
	case filled:
		return func(ctx context.Context) (bool, error) { return false, t.fill(ctx, table) }
	case t.changes(st.Statement):
		return func(ctx context.Context) (bool, error) { return false, t.change(ctx, st) }
	}
	return func(ctx context.Context) (bool, error) { return false, t.settle(ctx) }
}

// changes reports whether a statement writes to tables whose triggers are off,
// other than by filling one.
func (t *triggers) changes(s sqltext.Statement) bool {
	for _, c := range sqltext.Changes([]sqltext.Statement{s}) {
		if c.Type != "records" || s.Command() == "TRUNCATE" {
			continue
		}
		if t.replica {
			return true
		}
		for table, q := range t.tables {
			if q.off && string(table.Name) == c.Name {
				return true
			}
		}
	}
	return false
}

// change prepares for a statement that changes or deletes rows. A foreign key
// that would change others in turn cannot be switched off.
func (t *triggers) change(ctx context.Context, st step) error {
	command := st.Command()
	table, ok := changed(st.Statement)
	if !ok {
		return fault.Invalid(fmt.Sprintf("Line %d: %s is not supported while triggers are switched off", st.Line, command)).
			Next("Only INSERT, COPY, and plain UPDATE and DELETE may come between switching triggers off and on. Move the statement. Nothing was imported.")
	}
	if err := t.fill(ctx, table); err != nil {
		return err
	}
	if q := t.tables[table]; q == nil || !q.off { // another of the same name is
		return nil
	}
	keys, err := t.keysOf(ctx, table, "confrelid")
	if err != nil {
		return err
	}
	for _, k := range keys {
		if action := map[string]string{"UPDATE": k.onUpdate, "DELETE": k.onDelete}[command]; action != noAction && action != restrict {
			return fault.Invalid(fmt.Sprintf("Line %d: %s would change rows of %s through foreign key %s, which does not happen in psql while triggers are switched off", st.Line, command, k.table, k.name)).
				Next("Move the statement to before the triggers are switched off, or drop the foreign key first. Nothing was imported.")
		}
	}
	return t.deferKeys(ctx, keys)
}

// changed returns the table that UPDATE or DELETE is about; ok is false for
// statements that begin otherwise.
func changed(s sqltext.Statement) (table naming.Table, ok bool) {
	c := firstOf(s, headTokens)
	if !c.pass("update") && !c.pass("delete", "from") {
		return table, false
	}
	c.pass("only")
	return c.table()
}

// ready reports whether fill would do nothing.
func (t *triggers) ready(table naming.Table) bool {
	q := t.tables[table]
	return q == nil && !t.replica || q != nil && q.off && q.deferred
}

// fill prepares a table for rows.
func (t *triggers) fill(ctx context.Context, table naming.Table) error {
	q := t.tables[table]
	switch {
	case q != nil && q.off:
		return t.postpone(ctx, table, q)
	case t.replica:
		return t.silence(ctx, table)
	}
	return t.settle(ctx)
}

// alter replaces ALTER TABLE … TRIGGER ALL.
func (t *triggers) alter(ctx context.Context, to switching) error {
	q := t.tables[to.table]
	if !to.on {
		if q != nil && q.deferred { // it may have pending checks
			if err := t.settle(ctx); err != nil {
				return err
			}
		}
		if _, err := t.tx.Exec(ctx, "ALTER TABLE "+to.table.SQL()+" DISABLE TRIGGER USER", pgx.QueryExecModeExec); err != nil {
			return err
		}
		return t.postpone(ctx, to.table, t.note(to.table, &quiet{off: true}))
	}
	if q == nil {
		q = t.note(to.table, &quiet{})
	}
	q.off, q.restore = false, []string{"ALTER TABLE " + to.table.SQL() + " ENABLE TRIGGER USER"}
	if !q.deferred {
		return t.settle(ctx)
	}
	return nil
}

// setReplica replaces SET session_replication_role.
func (t *triggers) setReplica(ctx context.Context, replica bool) error {
	t.replica = replica
	if replica {
		return nil
	}
	for _, q := range t.tables {
		q.off = q.off && len(q.restore) == 0
	}
	return t.settle(ctx)
}

// note remembers what was done to a table.
func (t *triggers) note(table naming.Table, q *quiet) *quiet {
	if t.tables == nil {
		t.tables = map[naming.Table]*quiet{}
	}
	t.tables[table] = q
	return q
}

// partsOf is the table $1 with its partitions.
const partsOf = `
	WITH RECURSIVE part AS (
	  SELECT pg_catalog.to_regclass($1)::oid AS oid
	  UNION
	  SELECT i.inhrelid
	    FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid
	    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition
	)`

// silence disables those triggers of a table that do not fire while
// session_replication_role is replica, and enables those that fire only then.
func (t *triggers) silence(ctx context.Context, table naming.Table) error {
	var off, on []string
	err := t.tx.QueryRow(ctx, partsOf+`, own AS (
		  SELECT n.nspname, c.relname, g.tgname, g.tgenabled = 'R' AS replica
		    FROM part JOIN pg_catalog.pg_trigger g ON g.tgrelid = part.oid
		    JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
		    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		    LEFT JOIN pg_catalog.pg_trigger p ON p.oid = g.tgparentid
		   WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'R')
		     AND (p.oid IS NULL OR p.tgrelid NOT IN (SELECT oid FROM part WHERE oid IS NOT NULL))
		)
		SELECT ARRAY(SELECT pg_catalog.format('ALTER TABLE %I.%I %s TRIGGER %I', nspname, relname, CASE WHEN replica THEN 'ENABLE ALWAYS' ELSE 'DISABLE' END, tgname) FROM own),
		       ARRAY(SELECT pg_catalog.format('ALTER TABLE %I.%I %s TRIGGER %I', nspname, relname, CASE WHEN replica THEN 'ENABLE REPLICA' ELSE 'ENABLE' END, tgname) FROM own)`,
		pgx.QueryExecModeExec, table.SQL()).Scan(&off, &on)
	if err != nil {
		return err
	}
	for _, sql := range off {
		if _, err := t.tx.Exec(ctx, sql, pgx.QueryExecModeExec); err != nil {
			return err
		}
	}
	return t.postpone(ctx, table, t.note(table, &quiet{off: true, restore: on}))
}

// postpone defers the foreign keys of a table.
func (t *triggers) postpone(ctx context.Context, table naming.Table, q *quiet) error {
	if q.deferred {
		return nil
	}
	keys, err := t.keysOf(ctx, table, "conrelid")
	if err != nil {
		return err
	}
	q.deferred = true
	return t.deferKeys(ctx, keys)
}

// keysOf returns the foreign keys of a table and its partitions (end conrelid)
// or those that refer to them (confrelid). In place of inherited ones it
// returns those of the partitioned table that they come from.
func (t *triggers) keysOf(ctx context.Context, table naming.Table, end string) ([]foreignKeyCheck, error) {
	rows, err := t.tx.Query(ctx, partsOf+`, key AS (
		  SELECT k.oid, k.conparentid FROM part JOIN pg_catalog.pg_constraint k ON k.`+end+` = part.oid WHERE k.contype = 'f'
		  UNION
		  SELECT p.oid, p.conparentid FROM key JOIN pg_catalog.pg_constraint p ON p.oid = key.conparentid
		)
		SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.format('%I.%I', n.nspname, k.conname), pg_catalog.quote_ident(k.conname),
		       CASE WHEN k.condeferrable THEN 'DEFERRABLE' ELSE 'NOT DEFERRABLE' END, k.condeferred, k.confupdtype::text, k.confdeltype::text
		  FROM key JOIN pg_catalog.pg_constraint k USING (oid)
		  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
		  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		 WHERE k.conparentid = 0`, pgx.QueryExecModeExec, table.SQL())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (k foreignKeyCheck, err error) {
		return k, row.Scan(&k.table, &k.constraint, &k.name, &k.was, &k.deferred, &k.onUpdate, &k.onDelete)
	})
}

// deferKeys defers those foreign keys that are not deferred yet.
func (t *triggers) deferKeys(ctx context.Context, keys []foreignKeyCheck) error {
	for _, k := range keys {
		if k.deferred {
			continue
		}
		sql := "ALTER TABLE " + k.table + " ALTER CONSTRAINT " + k.name + " DEFERRABLE INITIALLY DEFERRED"
		if _, err := t.tx.Exec(ctx, sql, pgx.QueryExecModeExec); err != nil {
			return err
		}
		// An earlier settle may have made it immediate for the transaction.
		if _, err := t.tx.Exec(ctx, "SET CONSTRAINTS "+k.constraint+" DEFERRED", pgx.QueryExecModeExec); err != nil {
			return err
		}
		t.keys = append(t.keys, k)
	}
	return nil
}

// end does what is left to do at the end of the file.
func (t *triggers) end(ctx context.Context) error { return t.setReplica(ctx, false) }

// settle runs the pending checks of foreign keys, makes the keys what they
// were, and enables the triggers that are due.
func (t *triggers) settle(ctx context.Context) error {
	if len(t.keys) > 0 {
		names := make([]string, len(t.keys))
		for i, k := range t.keys {
			names[i] = k.constraint
		}
		if _, err := t.tx.Exec(ctx, "SET CONSTRAINTS "+strings.Join(names, ", ")+" IMMEDIATE", pgx.QueryExecModeExec); err != nil {
			return unsound(err)
		}
	}
	for _, k := range t.keys {
		if _, err := t.tx.Exec(ctx, "ALTER TABLE "+k.table+" ALTER CONSTRAINT "+k.name+" "+k.was, pgx.QueryExecModeExec); err != nil {
			return err
		}
	}
	t.keys = nil
	for table, q := range t.tables {
		q.deferred = false
		if q.off {
			continue
		}
		for _, sql := range q.restore {
			if _, err := t.tx.Exec(ctx, sql, pgx.QueryExecModeExec); err != nil {
				return err
			}
		}
		delete(t.tables, table)
	}
	return nil
}

// unsound is the answer to rows that break a foreign key.
func unsound(err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != pgerrcode.ForeignKeyViolation {
		return err
	}
	text := e.Message
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return fault.Invalid("The rows imported while triggers were off break a foreign key: " + text).
		Next("Add the missing rows, or leave out those that refer to them. Nothing was imported.").Because(err)
}

// switching is ALTER TABLE … DISABLE or ENABLE TRIGGER ALL.
type switching struct {
	table naming.Table
	on    bool
}

func switchesTriggers(s sqltext.Statement) (to switching, ok bool) {
	if s.Command() != "ALTER TABLE" {
		return to, false
	}
	c := startOf(s)
	c.pass("alter", "table")
	c.pass("if", "exists")
	c.pass("only")
	if to.table, ok = c.table(); !ok {
		return to, false
	}
	to.on = c.pass("enable")
	if !to.on && !c.pass("disable") {
		return to, false
	}
	return to, c.pass("trigger", "all") && c.end()
}

const replicaSetting = "session_replication_role"

// replicationRole recognises SET and RESET of session_replication_role, to
// replica or to what it is otherwise.
func replicationRole(s sqltext.Statement) (replica, ok bool) {
	command := s.Command()
	if command != "SET" && command != "RESET" {
		return false, false
	}
	c := startOf(s)
	if c.pass("reset") {
		return false, strings.ToLower(c.name()) == replicaSetting && c.end()
	}
	c.pass("set")
	if !c.pass("local") {
		c.pass("session")
	}
	if strings.ToLower(c.name()) != replicaSetting || !c.pass("to") && !c.punct("=") {
		return false, false
	}
	switch value := strings.ToLower(strings.Trim(c.value(), "'")); {
	case !c.end():
	case value == "replica":
		return true, true
	case value == "origin", value == "default", value == "local":
		return false, true
	}
	return false, false
}

// setsSequence recognises SELECT setval(…), which follows the rows in dumps.
func setsSequence(s sqltext.Statement) bool {
	if s.Command() != "SELECT" {
		return false
	}
	c := startOf(s)
	c.pass("select")
	if c.pass("pg_catalog") {
		c.punct(".")
	}
	return c.pass("setval")
}
