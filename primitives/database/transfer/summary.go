package transfer

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// largeTable is the size in bytes from which the rows of a table are estimated:
// no one waits for the exact number.
const largeTable = 1 << 30

// Tables lists the base tables of schema public, sorted bytewise, and returns
// the size of the whole database in bytes.
func (s *Service) Tables(ctx context.Context) (names []string, sizeBytes int64, err error) {
	err = s.deps.DB.AsOwner(ctx, func(tx pg.Tx) error {
		if err := s.prepareExport(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			SELECT ARRAY(SELECT c.relname::text
			               FROM pg_class c
			              WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
			              ORDER BY c.relname),
			       pg_database_size(current_database())`).Scan(&names, &sizeBytes)
	})
	return names, sizeBytes, err
}

// CountRows returns how many rows tables of schema public have, exactly except
// for tables of a gigabyte or more. Those that do not exist are left out.
func (s *Service) CountRows(ctx context.Context, names []string) (counts map[string]int64, err error) {
	counts = map[string]int64{}
	err = s.deps.DB.AsOwner(ctx, func(tx pg.Tx) error {
		if err := s.prepareExport(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT c.relname::text, CASE WHEN c.reltuples >= 0 AND pg_relation_size(c.oid) >= $2 THEN c.reltuples::bigint END
			  FROM pg_class c
			 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY ($1)`, names, int64(largeTable))
		if err != nil {
			return err
		}
		var batch pgx.Batch
		var name string
		var estimate *int64
		if _, err := pgx.ForEachRow(rows, []any{&name, &estimate}, func() error {
			if estimate != nil {
				counts[name] = *estimate
				return nil
			}
			counted := name
			batch.Queue("SELECT count(*) FROM " + naming.Table{Schema: naming.Public, Name: naming.Name(counted)}.SQL()).QueryRow(func(row pgx.Row) error {
				var n int64
				err := row.Scan(&n)
				counts[counted] = n
				return err
			})
			return nil
		}); err != nil {
			return err
		}
		return tx.SendBatch(ctx, &batch).Close()
	})
	return counts, translateExport(err)
}

// TableDefinition describes a table of schema public as exports of format
// JSON do, with an empty list of rows. If the table does not exist, all lists
// are empty.
func (s *Service) TableDefinition(ctx context.Context, name string) (definition json.RawMessage, err error) {
	if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		name = "" // no table has such a name
	}
	err = s.deps.DB.AsOwner(ctx, func(tx pg.Tx) error {
		if err := s.prepareExport(ctx, tx); err != nil {
			return err
		}
		text, err := describeTable(ctx, tx, name)
		definition = json.RawMessage(strings.TrimSuffix(text, "}") + `, "rows" : []}`)
		return err
	})
	if err != nil {
		return nil, translateExport(fmt.Errorf("describe table: %w", err))
	}
	return definition, nil
}
