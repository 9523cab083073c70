package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/database/refusal"
	"github.com/insforge/insforge-go/primitives/database/values"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Upsert says what to do with a file of records.
type Upsert struct {
	Table naming.Table
	// Key is the column that identifies existing rows; "" only inserts.
	Key naming.Name
	// Filename ends with .csv or .json.
	Filename string
	Size     int64
}

// Upserted is what an upsert did.
type Upserted struct {
	Affected, Total int64
	// Behind says, for each sequence that could not be moved past the values of
	// the file, what to do about it.
	Behind []string
}

// targetTable is the table to write, with its writable columns.
type targetTable struct {
	naming.Table
	columns []*columnInfo
	byName  map[string]*columnInfo
}

// columnInfo is a column that can be written.
type columnInfo struct {
	name  string
	index int // among the table's
	// sqlType is the column's type, without domains: their constraints are
	// checked when the row is written, not for columns that a record lacks.
	sqlType string
	kind    values.Type
	// always says that the column is GENERATED ALWAYS AS IDENTITY.
	always bool
	// sequence is where the values of the column come from, 0 for nowhere.
	sequence uint32
}

func (t *targetTable) column(name string) (*columnInfo, error) {
	if c := t.byName[name]; c != nil {
		return c, nil
	}
	return nil, fault.Invalid(fmt.Sprintf("Table %q has no column %q that can be written", string(t.Name), shown(name))).
		Next("GET /api/database/tables/:tableName/schema lists the columns. Names are case-sensitive.")
}

// names returns the table's columns, quoted.
func (t *targetTable) names() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return quote.Identifiers(names)
}

// Upsert writes the records of a file as the caller in ctx, all of them or
// none.
//
// It returns 400 INVALID_INPUT for anything wrong with the file and for what
// Postgres refuses, naming the record (and the column where known), 503
// DATABASE_INTERNAL_ERROR when another transaction is in the way, and 507
// when the database's disk is full.
func (s *Service) Upsert(ctx context.Context, file io.Reader, u Upsert) (done Upserted, err error) {
	leave, err := s.turn(ctx)
	if err != nil {
		return done, err
	}
	defer leave()
	err = s.within(ctx, func(tx pg.Tx) (audit.Entry, error) {
		tx.OnCommit(func() {
			s.deps.Events.Publish(events.DataUpdate{Resource: events.Database, Changes: []events.Change{
				{Type: "records", Name: string(u.Table.Schema) + "." + string(u.Table.Name)},
			}})
		})
		done, err = upsert(ctx, tx, file, u)
		var key *naming.Name
		if u.Key != "" {
			key = &u.Key
		}
		return audit.Entry{Module: audit.Database, Action: "BULK_UPSERT", Details: map[string]any{
			"schemaName": u.Table.Schema, "table": u.Table.Name, "filename": u.Filename, "fileSize": u.Size,
			"upsertKey": key, "rowsAffected": done.Affected, "totalRecords": done.Total,
		}}, translateUpsert(err)
	})
	if err != nil {
		return Upserted{}, translateUpsert(err)
	}
	return done, nil
}

func upsert(ctx context.Context, tx pg.Tx, file io.Reader, u Upsert) (done Upserted, err error) {
	t, err := loadTarget(ctx, tx, u.Table)
	if err != nil {
		return done, err
	}
	if u.Key != "" {
		if _, err := t.column(string(u.Key)); err != nil {
			return done, err
		}
	}
	in, err := openRecords(file, u.Filename, t)
	if err != nil {
		return done, err
	}
	w := &writer{tx: tx, table: t, key: string(u.Key)}
	if err := w.stage(ctx, in); err != nil {
		return done, err
	}
	for set := range w.text.sets {
		n, err := w.write(ctx, set)
		if err != nil {
			return done, err
		}
		done.Affected += n
	}
	done.Total = int64(w.text.count)
	done.Behind, err = w.advance(ctx)
	return done, err
}

func openRecords(file io.Reader, name string, t *targetTable) (records, error) {
	if strings.HasSuffix(strings.ToLower(name), ".csv") {
		return newCSV(file, t)
	}
	return newJSON(file, t)
}

// loadTarget reads the columns that can be written: all but generated ones.
func loadTarget(ctx context.Context, tx pg.Tx, name naming.Table) (*targetTable, error) {
	oid, err := naming.Find(ctx, tx, name)
	if fault.Is(err, fault.DatabaseNotFound) {
		return nil, fault.Invalid(message(err)).Next("GET /api/database/tables lists the tables of a schema. Names are case-sensitive.")
	}
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
		WITH RECURSIVE base AS (
		  SELECT a.attnum, a.attname, a.atttypid AS type, a.atttypmod AS typmod, a.attidentity = 'a' AS always,
		         coalesce(pg_get_serial_sequence($1::oid::regclass::text, a.attname)::regclass::oid, 0) AS sequence
		    FROM pg_attribute a
		   WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
		  UNION ALL
		  SELECT b.attnum, b.attname, t.typbasetype, CASE WHEN b.typmod = -1 THEN t.typtypmod ELSE b.typmod END, b.always, b.sequence
		    FROM base b JOIN pg_type t ON t.oid = b.type
		   WHERE t.typtype = 'd'
		)
		SELECT b.attname::text, format_type(b.type, b.typmod), b.type, t.typelem, b.always, b.sequence
		  FROM base b JOIN pg_type t ON t.oid = b.type
		 WHERE t.typtype <> 'd'
		 ORDER BY b.attnum`, oid)
	if err != nil {
		return nil, err
	}
	t := &targetTable{Table: name, byName: map[string]*columnInfo{}}
	t.columns, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*columnInfo, error) {
		c := &columnInfo{}
		err := row.Scan(&c.name, &c.sqlType, &c.kind.OID, &c.kind.Element, &c.always, &c.sequence)
		return c, err
	})
	for i, c := range t.columns {
		c.index = i
		t.byName[c.name] = c
	}
	return t, err
}

// writer writes records to a table through a temporary one.
type writer struct {
	tx    pg.Tx
	table *targetTable
	key   string
	text  *copyText
	// Names of the temporary table and its columns for the number of the
	// record and of its set of columns, quoted; no column of the table has one.
	temp, number, set string
}

// stage fills the temporary table.
func (w *writer) stage(ctx context.Context, in records) error {
	w.temp = "pg_temp." + quote.Identifier("insforge upsert")
	w.number, w.set = w.unused("record"), w.unused("columns")
	definitions := []string{w.number + " bigint", w.set + " integer"}
	for _, c := range w.table.columns {
		definitions = append(definitions, quote.Identifier(c.name)+" "+c.sqlType)
	}
	if _, err := w.tx.Exec(ctx, "CREATE TEMPORARY TABLE "+quote.Identifier("insforge upsert")+" ("+strings.Join(definitions, ", ")+") ON COMMIT DROP"); err != nil {
		return err
	}
	w.text = &copyText{records: in, columns: len(w.table.columns), byColumns: map[string]int{}}
	list := w.number + ", " + w.set
	if len(w.table.columns) > 0 {
		list += ", " + w.table.names()
	}
	_, err := w.tx.Conn().PgConn().CopyFrom(ctx, w.text, "COPY "+w.temp+" ("+list+") FROM STDIN")
	if w.text.err != nil && w.text.err != io.EOF {
		return w.text.err
	}
	if err != nil {
		return copyRefusal(err)
	}
	if w.text.count == 0 {
		return fault.Invalid("The file holds no records").Next("Send at least one row.")
	}
	if len(w.text.sets) > 1 { // each is looked up
		_, err = w.tx.Exec(ctx, "CREATE INDEX ON "+w.temp+" ("+w.set+", "+w.number+")")
	}
	return err
}

// unused returns a quoted name that no column of the table has.
func (w *writer) unused(name string) string {
	for w.table.byName[name] != nil {
		name += "_"
	}
	return quote.Identifier(name)
}

// copyRefusal names the record and the column of a value that Postgres could
// not read.
func copyRefusal(err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err
	}
	m := copyContext.FindStringSubmatch(e.Where)
	if m == nil {
		return err
	}
	at := "Row " + m[1]
	if m[2] != "" {
		at += ", column " + m[2]
	}
	return fault.Invalid(at + ": " + e.Message).Next("Correct the value and send the file again. Nothing was written.").Because(err)
}

// write writes the records of one set of columns and returns how many rows it
// affected.
func (w *writer) write(ctx context.Context, set int) (int64, error) {
	if err := w.sameIdentities(ctx, set); err != nil {
		return 0, err
	}
	sql := w.insert(w.text.sets[set])
	n, err := w.try(ctx, sql, set, 1, w.text.count)
	if err == nil || !ofARecord(err) {
		return n, err
	}
	find := w.search
	if pg.State(err) == pgerrcode.CardinalityViolation {
		find = w.repeated
	}
	if at, cause := find(ctx, sql, set); at > 0 {
		if cause == nil {
			cause = err
		}
		return 0, writeRefusal(at, cause)
	}
	return 0, err
}

// repeated finds the first record whose key an earlier one has; 0 when there
// is none.
func (w *writer) repeated(ctx context.Context, _ string, set int) (at int, err error) {
	err = w.tx.QueryRow(ctx, `
		SELECT coalesce(min(n), 0)
		  FROM (SELECT `+w.number+` AS n, row_number() OVER (PARTITION BY `+quote.Identifier(w.key)+` ORDER BY `+w.number+`) AS nth
		          FROM `+w.temp+`
		         WHERE `+w.set+` = $1 AND `+quote.Identifier(w.key)+` IS NOT NULL) r
		 WHERE nth > 1`, set).Scan(&at)
	return at, err
}

// insert returns the statement that writes a set of columns; its parameters
// are the set and the first and last record.
func (w *writer) insert(columns []*columnInfo) string {
	names, overriding := make([]string, len(columns)), ""
	var changes []string
	for i, c := range columns {
		names[i] = c.name
		if c.always {
			overriding = " OVERRIDING SYSTEM VALUE"
		} else if c.name != w.key {
			changes = append(changes, quote.Identifier(c.name)+" = EXCLUDED."+quote.Identifier(c.name))
		}
	}
	list := quote.Identifiers(names)
	sql := "INSERT INTO " + w.table.SQL() + " (" + list + ")" + overriding + " SELECT " + list + " FROM " + w.temp +
		" WHERE " + w.set + " = $1 AND " + w.number + " BETWEEN $2 AND $3 ORDER BY " + w.number
	if w.key == "" {
		return sql
	}
	sql += " ON CONFLICT (" + quote.Identifier(w.key) + ") DO "
	if len(changes) == 0 {
		return sql + "NOTHING"
	}
	return sql + "UPDATE SET " + strings.Join(changes, ", ")
}

// try writes a range of records; when that fails, the transaction is as
// before.
func (w *writer) try(ctx context.Context, sql string, set, first, last int) (int64, error) {
	nested, err := w.tx.Begin(ctx)
	if err != nil {
		return 0, err
	}
	tag, err := nested.Exec(ctx, sql, set, first, last)
	if err != nil {
		return 0, errors.Join(err, nested.Rollback(ctx))
	}
	return tag.RowsAffected(), nested.Commit(ctx)
}

// search finds the first record that cannot be written after those before it,
// and why; 0 when the failure did not happen again. Each step writes half of
// the rest, so that all steps together write the file at most once.
func (w *writer) search(ctx context.Context, sql string, set int) (at int, cause error) {
	first, last := 1, w.text.count
	for first < last {
		middle := first + (last-first)/2
		if _, err := w.try(ctx, sql, set, first, middle); err != nil {
			if !ofARecord(err) {
				return 0, nil
			}
			last = middle
			continue
		}
		first = middle + 1
	}
	if _, err := w.try(ctx, sql, set, first, first); err != nil && ofARecord(err) {
		return first, err
	}
	return 0, nil
}

// ofARecord reports whether an error is about the values of a record.
func ofARecord(err error) bool {
	return slices.ContainsFunc([]string{"21", "22", "23", "44", "P0"}, func(class string) bool {
		return strings.HasPrefix(pg.State(err), class)
	})
}

// writeRefusal is the answer to a record that Postgres refuses.
func writeRefusal(n int, err error) *fault.Error {
	var e *pgconn.PgError
	errors.As(err, &e) // ofARecord has seen it
	text := e.Message
	if e.Code == pgerrcode.CardinalityViolation {
		text = "an earlier row of the file has the same key"
	} else if strings.HasPrefix(e.Detail, "Key (") {
		text += ": " + e.Detail
	}
	return inRecord(n, "%s", text).Because(err)
}

// translateUpsert turns what stops an upsert into an answer.
func translateUpsert(err error) error {
	var known *fault.Error
	var e *pgconn.PgError
	if errors.As(err, &known) {
		return err
	}
	if f := diskFull(err); f != nil {
		return f
	}
	if !errors.As(err, &e) || refusal.ServersFault(e.Code) {
		return err
	}
	if e.Code == pgerrcode.LockNotAvailable || e.Code == pgerrcode.DeadlockDetected {
		return busy(err)
	}
	return fault.New(http.StatusBadRequest, fault.InvalidInput, e.Message).
		Next(cmp.Or(e.Hint, "Nothing was written.")).Because(err)
}
