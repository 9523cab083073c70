package rows

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/database/refusal"
	"github.com/insforge/insforge-go/primitives/database/values"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// limits bound the statements of one request, since a person waits for the grid.
const limits = `SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '30s'`

// requestLimit bounds a request of many statements.
const requestLimit = time.Minute

// Deps are what rows needs from the rest of the product.
type Deps struct {
	DB     *pg.DB
	Events *events.Bus
}

// Service reads and writes rows. Its methods run as the caller in the
// context; row-level security applies to callers who are not administrators.
// All return 404 DATABASE_NOT_FOUND for an unknown table, 400 INVALID_INPUT
// for an unknown column, and 400 for what Postgres refuses to read or store.
type Service struct {
	db     *pg.DB
	events *events.Bus
}

// New returns a Service.
func New(d Deps) *Service { return &Service{db: d.DB, events: d.Events} }

// Record is a row as a JSON object, its columns in the order of the table.
type Record = json.RawMessage

// Values are a row's values by column, as JSON.
type Values map[string]json.RawMessage

// Page is a part of a table. Total counts all rows that match.
type Page struct {
	Records []Record
	Total   int64
}

// List returns the rows that q asks for. Rows that compare equal come in the
// order of the primary key.
func (s *Service) List(ctx context.Context, t naming.Table, q Query) (page Page, err error) {
	err = s.within(ctx, t, func(ctx context.Context, tx pg.Tx, in table) error {
		selection, count, err := in.list(q)
		if err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, count.sql.String(), count.args...).Scan(&page.Total); err != nil {
			return err
		}
		page.Records, err = collect(ctx, tx, in, selection)
		return err
	})
	return page, err
}

// Lookup returns a row in which all columns have the given values, nil when
// there is none.
func (s *Service) Lookup(ctx context.Context, t naming.Table, filters []Filter) (found Record, err error) {
	err = s.within(ctx, t, func(ctx context.Context, tx pg.Tx, in table) error {
		var st statement
		st.add("SELECT ", in.columnList(), " FROM ", in.name.SQL())
		if err := st.where(in, filters); err != nil {
			return err
		}
		st.add(" LIMIT 1")
		records, err := collect(ctx, tx, in, &st)
		if len(records) > 0 {
			found = records[0]
		}
		return err
	})
	return found, err
}

// Insert writes rows, all or none, and returns them as they were stored, in
// the order given. A row that a trigger suppressed is missing. Rows that set
// the same columns are one statement.
func (s *Service) Insert(ctx context.Context, t naming.Table, rows []Values) (stored []Record, err error) {
	err = s.write(ctx, t, func(ctx context.Context, tx pg.Tx, in table) (bool, error) {
		groups, err := in.groups(rows)
		if err != nil {
			return false, err
		}
		byRow := make([]Record, len(rows))
		for _, g := range groups {
			records, err := collect(ctx, tx, in, in.insertion(g))
			if err != nil {
				return false, err
			}
			for i, record := range records {
				byRow[g.rows[i]] = record
			}
		}
		stored = make([]Record, 0, len(rows))
		for _, record := range byRow {
			if record != nil {
				stored = append(stored, record)
			}
		}
		return true, nil
	})
	return stored, err
}

// Update changes the row that key names and returns the changed row.
//
// It returns 400 INVALID_INPUT when key does not name exactly the columns of
// the primary key, or matches several rows, when data names no column, and for
// an empty text in a column that is neither text nor nullable, and 404
// DATABASE_NOT_FOUND when no row has the key.
func (s *Service) Update(ctx context.Context, t naming.Table, key, data Values) (updated Record, err error) {
	err = s.write(ctx, t, func(ctx context.Context, tx pg.Tx, in table) (bool, error) {
		st, err := in.update(key, data)
		if err != nil {
			return false, err
		}
		records, err := collect(ctx, tx, in, st)
		if err != nil {
			return false, err
		}
		if len(records) == 0 {
			return false, noRecord()
		}
		if len(records) > 1 && in.hasKey() {
			return false, ambiguousKey()
		}
		updated = records[0]
		return true, nil
	})
	return updated, err
}

// Delete deletes the rows that keys name and returns how many there were. A key
// that no row has is not an error; the rules of Update's key apply.
func (s *Service) Delete(ctx context.Context, t naming.Table, keys []Values) (deleted int64, err error) {
	err = s.write(ctx, t, func(ctx context.Context, tx pg.Tx, in table) (bool, error) {
		var batch pgx.Batch
		for _, key := range keys {
			st, err := in.deletion(key)
			if err != nil {
				return false, err
			}
			batch.Queue(st.sql.String(), st.args...)
		}
		results := tx.SendBatch(ctx, &batch)
		defer results.Close()
		for range keys {
			tag, err := results.Exec()
			if err != nil {
				return false, err
			}
			if tag.RowsAffected() > 1 && in.hasKey() {
				return false, ambiguousKey()
			}
			deleted += tag.RowsAffected()
		}
		return deleted > 0, results.Close()
	})
	return deleted, err
}

// write runs f like within and announces the change if f made one.
func (s *Service) write(ctx context.Context, t naming.Table, f func(context.Context, pg.Tx, table) (bool, error)) error {
	return s.within(ctx, t, func(ctx context.Context, tx pg.Tx, in table) error {
		changed, err := f(ctx, tx, in)
		if err != nil || !changed {
			return err
		}
		tx.OnCommit(func() {
			s.events.Publish(events.DataUpdate{Resource: events.Database, Changes: []events.Change{
				{Type: "records", Name: string(t.Schema) + "." + string(t.Name)},
			}})
		})
		return nil
	})
}

// within runs f in a bounded transaction of the caller, with the current table.
func (s *Service) within(ctx context.Context, t naming.Table, f func(context.Context, pg.Tx, table) error) error {
	bounded, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	err := s.db.As(bounded, func(tx pg.Tx) error {
		for _, sql := range []string{limits, values.Settings} {
			if _, err := tx.Exec(bounded, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
		}
		in, err := load(bounded, tx, t)
		if err != nil {
			return err
		}
		return f(bounded, tx, in)
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return tooSlow(err)
	}
	return refusal.Of(err)
}

// maxAnswer bounds the rows of one answer, which are held in memory.
const maxAnswer = 64 << 20

// collect runs a statement that returns the columns of the table.
func collect(ctx context.Context, tx pg.Tx, in table, st *statement) ([]Record, error) {
	args := append([]any{pgx.QueryResultFormats{pgx.TextFormatCode}}, st.args...)
	rows, err := tx.Query(ctx, st.sql.String(), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	records, size := []Record{}, 0
	for rows.Next() {
		record := in.record(rows.RawValues())
		if size += len(record); size > maxAnswer {
			return nil, tooLarge()
		}
		records = append(records, record)
	}
	return records, rows.Err()
}

func noRecord() *fault.Error {
	return fault.New(http.StatusNotFound, fault.DatabaseNotFound, "Record not found.").
		Next("The row may have been changed or deleted meanwhile; read it again.")
}

func ambiguousKey() *fault.Error {
	return fault.Invalid("The key matches several rows; nothing was changed.").
		Next("Give times in the key with microseconds, as SQL prints them.")
}

func tooSlow(cause error) *fault.Error {
	return fault.New(http.StatusServiceUnavailable, fault.DatabaseInternalError,
		"The operation took too long and was cancelled; nothing was changed").
		Next("Send fewer rows at once, or try again when the database is less busy.").Because(cause)
}

func tooLarge() *fault.Error {
	return fault.New(http.StatusRequestEntityTooLarge, fault.DatabaseValidationError,
		"The rows hold more than 64 MB; nothing was changed").
		Next("Ask for fewer rows with limit, or send fewer at once.")
}
