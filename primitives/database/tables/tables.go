package tables

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// Bounds of one request. While DDL queues for its lock, every later reader of
// the table queues behind it, so the wait is short; a statement that rewrites
// a large table may take its time.
const (
	defaultLockWait = 5 * time.Second
	statementLimit  = 2 * time.Minute
)

// Deps are what tables needs from the rest of the product.
type Deps struct {
	DB     *pg.DB
	Audit  audit.Recorder
	Events *events.Bus
	// LockWait is how long a change waits for other transactions on the
	// table; zero means 5 seconds.
	LockWait time.Duration
}

// Service manages the project's tables. Its methods run as the caller in
// the context; the database refuses callers who are not administrators.
type Service struct {
	db       *pg.DB
	audit    audit.Recorder
	events   *events.Bus
	lockWait time.Duration
}

// New returns a Service.
func New(d Deps) *Service {
	return &Service{db: d.DB, audit: d.Audit, events: d.Events, lockWait: cmp.Or(d.LockWait, defaultLockWait)}
}

// List returns the names of the base tables in a schema, sorted bytewise. An
// unknown schema has none.
func (s *Service) List(ctx context.Context, schema Name) (names []Name, err error) {
	err = s.db.As(ctx, func(tx pg.Tx) error {
		names, err = list(ctx, tx, schema)
		return err
	})
	return names, err
}

// Describe returns the columns, foreign keys and exact number of rows of a
// table, or 404 DATABASE_NOT_FOUND.
func (s *Service) Describe(ctx context.Context, t Table) (d Description, err error) {
	err = s.db.As(ctx, func(tx pg.Tx) error {
		if err := s.bound(ctx, tx); err != nil {
			return err
		}
		oid, err := naming.Find(ctx, tx, t)
		if err != nil {
			return err
		}
		d, err = describe(ctx, tx, t, oid)
		return err
	})
	return d, translate(err)
}

// Spec describes a table to create. The automatic columns are not among Columns.
type Spec struct {
	Table       Table
	Columns     []Column
	ForeignKeys []ForeignKey
	RowSecurity bool
}

// Create makes a table with its automatic columns, trigger and row-level
// security.
//
// It returns 400 DATABASE_DUPLICATE when the name is taken, 400
// DATABASE_VALIDATION_ERROR for columns that name an automatic one with
// another type, for no column besides those and for what Postgres refuses,
// 400 DATABASE_FORBIDDEN for a foreign key on an automatic column, and 403
// FORBIDDEN in a schema the caller may not write. It drops from the answer's
// columns those that would be made anyway.
func (s *Service) Create(ctx context.Context, spec Spec) ([]Column, error) {
	columns, err := userColumns(spec.Columns)
	if err != nil {
		return nil, err
	}
	for _, k := range spec.ForeignKeys {
		for _, c := range k.Columns {
			if _, ok := isAutomatic(c.Source); ok {
				return nil, automatic(http.StatusBadRequest, c.Source)
			}
		}
	}
	spec.Columns = columns
	err = s.change(ctx, audit.Entry{Action: "CREATE_TABLE", Details: struct {
		Schema      Name     `json:"schemaName"`
		Table       Name     `json:"tableName"`
		Columns     []Column `json:"columns"`
		RowSecurity bool     `json:"rlsEnabled"`
	}{spec.Table.Schema, spec.Table.Name, columns, spec.RowSecurity}}, events.Change{Type: "tables"}, func(tx pg.Tx) error {
		return run(ctx, tx, spec.statements())
	})
	return columns, err
}

// userColumns leaves out columns that the product makes itself.
func userColumns(columns []Column) ([]Column, error) {
	var out []Column
	for _, c := range columns {
		made, ok := isAutomatic(c.Name)
		if ok && c.Type != made {
			return nil, fault.New(http.StatusBadRequest, fault.DatabaseValidationError,
				"Column "+string(c.Name)+" is created by the server with type "+string(made)).
				Next("Leave the column out, or list it with that type.")
		}
		if !ok {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, noUserColumn()
	}
	return out, nil
}

func (spec Spec) statements() []string {
	parts := []string{"id UUID PRIMARY KEY DEFAULT gen_random_uuid()"}
	for _, c := range spec.Columns {
		parts = append(parts, c.definition())
	}
	parts = append(parts, "created_at TIMESTAMPTZ DEFAULT now()", "updated_at TIMESTAMPTZ DEFAULT now()")
	for _, k := range spec.ForeignKeys {
		parts = append(parts, k.definition())
	}
	table := spec.Table.SQL()
	statements := []string{
		"CREATE TABLE " + table + " (\n  " + strings.Join(parts, ",\n  ") + "\n)",
		"CREATE TRIGGER " + triggerName(spec.Table.Name).SQL() + " BEFORE UPDATE ON " + table +
			" FOR EACH ROW EXECUTE FUNCTION system.update_updated_at()",
	}
	if spec.RowSecurity {
		statements = append(statements, "ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY")
	}
	return statements
}

// triggerName is the trigger that keeps updated_at.
func triggerName(table Name) Name { return naming.Fit(string(table) + "_update_timestamp") }

// Drop drops a table and all that depends on it. A table that does not exist is
// not an error.
func (s *Service) Drop(ctx context.Context, t Table) error {
	return s.change(ctx, audit.Entry{Action: "DELETE_TABLE", Details: struct {
		Schema Name `json:"schemaName"`
		Table  Name `json:"tableName"`
	}{t.Schema, t.Name}}, events.Change{Type: "tables"}, func(tx pg.Tx) error {
		return run(ctx, tx, []string{"DROP TABLE IF EXISTS " + t.SQL() + " CASCADE"})
	})
}

// change runs f in a bounded transaction that also records the entry and has
// the record layer reload the catalog. The change is announced once it is
// committed.
func (s *Service) change(ctx context.Context, e audit.Entry, news events.Change, f func(pg.Tx) error) error {
	e.Module = audit.Database
	return translate(s.db.As(ctx, func(tx pg.Tx) error {
		if err := s.bound(ctx, tx); err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		if err := s.audit.Record(ctx, tx, e); err != nil {
			return err
		}
		tx.OnCommit(func() {
			s.events.Publish(events.DataUpdate{Resource: events.Database, Changes: []events.Change{news}})
		})
		_, err := tx.Exec(ctx, `NOTIFY pgrst, 'reload schema'`)
		return err
	}))
}

// bound limits how long the transaction's statements wait and run.
func (s *Service) bound(ctx context.Context, tx pg.Tx) error {
	_, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)`,
		milliseconds(s.lockWait), milliseconds(statementLimit))
	return err
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// run sends statements together and stops at the first that fails.
func run(ctx context.Context, tx pg.Tx, statements []string) error {
	var batch pgx.Batch
	for _, sql := range statements {
		batch.Queue(sql)
	}
	return tx.SendBatch(ctx, &batch).Close()
}
