package transfer

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/database/values"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/kernel/spool"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Format is what an export looks like.
type Format string

// The two formats.
const (
	SQL  Format = "sql"
	JSON Format = "json"
)

// Options say what to export of schema public.
type Options struct {
	// Tables are the tables; nil means all.
	Tables []string
	Format Format
	// Data includes rows, RowLimit of each table at most.
	Data     bool
	RowLimit int
	// Functions, Sequences and Views include those that no table needs. SQL
	// always includes what a table needs.
	Functions, Sequences, Views bool
}

// Export returns the body of the answer, which the caller must Close.
//
// It returns 404 DATABASE_NOT_FOUND for a table that does not exist, 413
// INVALID_INPUT when there is too much, 503 DATABASE_INTERNAL_ERROR when
// another transaction is in the way and 507 when the disk is full.
func (s *Service) Export(ctx context.Context, o Options) (*spool.Spool, error) {
	leave, err := s.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	out := s.buffers.New(s.deps.TempDir, maxExportBytes)
	e := &exporter{Options: o, out: out, timestamp: rest.Time(s.deps.Now()).String()}
	err = s.deps.DB.AsOwner(ctx, func(tx pg.Tx) error {
		e.tx = tx
		if err := s.prepareExport(ctx, tx); err != nil {
			return err
		}
		if err := e.write(ctx); err != nil {
			return err
		}
		return s.deps.Audit.Record(ctx, tx, audit.Entry{
			Module: audit.Database, Action: "EXPORT_DATABASE", Details: map[string]any{"format": o.Format},
		})
	})
	if err != nil {
		out.Close()
		return nil, translateExport(err)
	}
	return out, nil
}

// prepareExport takes one snapshot for the whole transaction and has Postgres
// print names with their schema, and values in a form that any session reads.
func (s *Service) prepareExport(ctx context.Context, tx pg.Tx) error {
	_, err := tx.Exec(ctx, `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`)
	if err != nil {
		return err
	}
	if _, err = tx.Exec(ctx, values.Settings); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		SELECT set_config('search_path', '', true), set_config('row_security', 'off', true), set_config('xmloption', 'content', true),
		       set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)`,
		milliseconds(s.deps.LockWait), milliseconds(statementLimit))
	return err
}

// exporter writes one export.
type exporter struct {
	Options
	tx        pg.Tx
	out       *spool.Spool
	timestamp string
	truncated []string // bare names
}

// write writes the whole answer.
func (e *exporter) write(ctx context.Context) error {
	if err := e.out.Text(`{"format":"` + string(e.Format) + `","data":`); err != nil {
		return err
	}
	var err error
	if e.Format == SQL {
		err = e.writeSQL(ctx)
	} else {
		err = e.writeJSON(ctx)
	}
	if err != nil {
		return err
	}
	return e.out.Append(func(b []byte) []byte {
		b = append(b, `,"timestamp":"`+e.timestamp+`"`...)
		if len(e.truncated) > 0 {
			b = append(b, `,"truncatedTables":[`...)
			for i, name := range e.truncated {
				if i > 0 {
					b = append(b, ',')
				}
				b = values.AppendString(b, name)
			}
			b = append(b, `],"rowLimit":`...)
			b = strconv.AppendInt(b, int64(e.RowLimit), 10)
		}
		return append(b, '}', '\n')
	})
}

// chosen returns the names of the tables to export, in order, and keeps other
// transactions from changing them.
func (e *exporter) chosen(ctx context.Context) ([]string, error) {
	rows, err := e.tx.Query(ctx, `
		SELECT c.relname::text
		  FROM pg_class c
		 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
		   AND NOT EXISTS (SELECT FROM pg_depend d
		                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
		 ORDER BY c.relname`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	if e.Tables != nil {
		for _, name := range e.Tables {
			if !slices.Contains(names, name) {
				return nil, naming.NoTable(naming.Table{Schema: naming.Public, Name: naming.Name(name)})
			}
		}
		names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(e.Tables, name) })
	}
	return names, lockTables(ctx, e.tx, names)
}

// lockTables keeps the tables unchanged until the transaction ends.
func lockTables(ctx context.Context, tx pg.Tx, names []string) error {
	if len(names) == 0 {
		return nil
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = naming.Table{Schema: naming.Public, Name: naming.Name(name)}.SQL()
	}
	_, err := tx.Exec(ctx, "LOCK TABLE "+strings.Join(quoted, ", ")+" IN ACCESS SHARE MODE")
	return err
}

// rows calls visit with the text of each row's values (nil for NULL) of a
// query without parameters, up to the row limit. more reports whether there are
// others. fields and row are valid until visit returns.
func (e *exporter) rows(ctx context.Context, query string, visit func(fields []pgconn.FieldDescription, row [][]byte) error) (count int, more bool, err error) {
	results := e.tx.Conn().PgConn().Exec(ctx, query+" LIMIT "+strconv.Itoa(e.RowLimit+1))
	defer func() { err = errors.Join(err, results.Close()) }()
	for results.NextResult() {
		reader := results.ResultReader()
		fields := reader.FieldDescriptions()
		for err == nil && reader.NextRow() {
			if count == e.RowLimit {
				more = true
				continue // it is the last
			}
			count++
			err = visit(fields, reader.Values())
		}
		if _, closeErr := reader.Close(); err == nil {
			err = closeErr
		}
	}
	return count, more, err
}
