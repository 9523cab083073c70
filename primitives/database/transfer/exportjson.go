package transfer

import (
	"context"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/database/values"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5/pgconn"
)

// tableQuery describes table $1 of schema public as one JSON object. If the
// table does not exist, all lists are empty.
const tableQuery = `
	WITH t AS (
	  SELECT c.oid, c.relrowsecurity
	    FROM pg_class c
	   WHERE c.relnamespace = 'public'::regnamespace AND c.relname = $1 AND c.relkind IN ('r', 'p')
	)
	SELECT json_build_object(
	  'schema', coalesce((
	    SELECT json_agg(json_build_object('columnName', c.column_name, 'dataType', c.data_type,
	             'characterMaximumLength', c.character_maximum_length, 'isNullable', c.is_nullable, 'columnDefault', c.column_default)
	             ORDER BY c.ordinal_position)
	      FROM t, information_schema.columns c WHERE c.table_schema = 'public' AND c.table_name = $1), '[]'),
	  'indexes', coalesce((
	    SELECT json_agg(json_build_object('indexname', c.relname, 'indexdef', pg_get_indexdef(i.indexrelid),
	             'isUnique', i.indisunique, 'isPrimary', i.indisprimary) ORDER BY c.relname)
	      FROM t JOIN pg_index i ON i.indrelid = t.oid JOIN pg_class c ON c.oid = i.indexrelid), '[]'),
	  'foreignKeys', coalesce((
	    SELECT json_agg(json_build_object('constraintName', k.conname,
	             'referenceTable', CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || r.relname,
	             'referenceColumns', (
	               SELECT json_agg(json_build_object('sourceColumn', s.attname, 'referenceColumn', g.attname) ORDER BY u.nth)
	                 FROM unnest(k.conkey, k.confkey) WITH ORDINALITY u (source, target, nth)
	                 JOIN pg_attribute s ON s.attrelid = k.conrelid AND s.attnum = u.source
	                 JOIN pg_attribute g ON g.attrelid = k.confrelid AND g.attnum = u.target),
	             'onDelete', split_part('CASCADE,SET NULL,SET DEFAULT,RESTRICT,NO ACTION', ',', strpos('cndra', k.confdeltype::text)), 'onUpdate', split_part('CASCADE,SET NULL,SET DEFAULT,RESTRICT,NO ACTION', ',', strpos('cndra', k.confupdtype::text))) ORDER BY k.conname)
	      FROM t
	      JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f'
	       AND NOT EXISTS (SELECT FROM pg_constraint p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid)
	      JOIN pg_class r ON r.oid = k.confrelid
	      JOIN pg_namespace n ON n.oid = r.relnamespace), '[]'),
	  'rlsEnabled', coalesce((SELECT relrowsecurity FROM t), false),
	  'policies', coalesce((
	    SELECT json_agg(json_build_object('policyname', p.policyname, 'cmd', p.cmd, 'roles', p.roles::text, 'qual', p.qual, 'withCheck', p.with_check)
	             ORDER BY p.policyname)
	      FROM t, pg_policies p WHERE p.schemaname = 'public' AND p.tablename = $1), '[]'),
	  'triggers', coalesce((
	    SELECT json_agg(json_build_object('triggerName', g.trigger_name, 'actionTiming', g.action_timing, 'eventManipulation', g.event_manipulation,
	             'actionOrientation', g.action_orientation, 'actionCondition', g.action_condition, 'actionStatement', g.action_statement,
	             'newTable', g.action_reference_new_table, 'oldTable', g.action_reference_old_table) ORDER BY g.trigger_name, g.event_manipulation)
	      FROM t, information_schema.triggers g WHERE g.event_object_schema = 'public' AND g.event_object_table = $1), '[]'))::text`

// The rest of the schema. Each query returns one JSON array.
const (
	noObjects = `SELECT '[]'`

	functionListQuery = `
	SELECT coalesce(json_agg(json_build_object('functionName', p.proname, 'functionDef', pg_get_functiondef(p.oid), 'kind', p.prokind)
	                         ORDER BY p.proname, p.oid::regprocedure::text), '[]')::text
	  FROM pg_proc p
	 WHERE p.pronamespace = 'public'::regnamespace AND p.prokind <> 'a'
	   AND NOT EXISTS (SELECT FROM pg_depend d
	                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype IN ('e', 'i'))`

	sequenceListQuery = `
	SELECT coalesce(json_agg(json_build_object('sequenceName', c.relname, 'startValue', s.seqstart::text, 'increment', s.seqincrement::text,
	                         'minValue', s.seqmin::text, 'maxValue', s.seqmax::text, 'cycle', CASE WHEN s.seqcycle THEN 'YES' ELSE 'NO' END)
	                         ORDER BY c.relname), '[]')::text
	  FROM pg_class c
	  JOIN pg_sequence s ON s.seqrelid = c.oid
	 WHERE c.relnamespace = 'public'::regnamespace`

	viewListQuery = `
	SELECT coalesce(json_agg(json_build_object('viewName', v.viewname, 'definition', v.definition) ORDER BY v.viewname), '[]')::text
	  FROM pg_views v
	 WHERE v.schemaname = 'public'`
)

// writeJSON writes the export as one JSON object.
func (e *exporter) writeJSON(ctx context.Context) error {
	names, err := e.chosen(ctx)
	if err != nil {
		return err
	}
	if err := e.out.Text(`{"timestamp":"` + e.timestamp + `","tables":{`); err != nil {
		return err
	}
	for i, name := range names {
		if err := e.writeTable(ctx, name, i == 0); err != nil {
			return err
		}
	}
	lead := "}"
	for _, part := range []struct {
		name, query string
		included    bool
	}{
		{"functions", functionListQuery, e.Functions},
		{"sequences", sequenceListQuery, e.Sequences},
		{"views", viewListQuery, e.Views},
	} {
		query := noObjects
		if part.included {
			query = part.query
		}
		list, err := e.collect(ctx, query)
		if err != nil {
			return err
		}
		if err := e.out.Text(lead + `,"` + part.name + `":` + list[0]); err != nil {
			return err
		}
		lead = ""
	}
	return e.out.Text("}")
}

// writeTable writes one member of the object of tables.
func (e *exporter) writeTable(ctx context.Context, name string, first bool) error {
	definition, err := describeTable(ctx, e.tx, name)
	if err != nil {
		return err
	}
	err = e.out.Append(func(b []byte) []byte {
		if !first {
			b = append(b, ',')
		}
		b = append(values.AppendString(b, name), ':')
		return append(b, strings.TrimSuffix(definition, "}")...)
	})
	if err == nil && e.Data {
		err = e.writeRows(ctx, name)
	}
	if err != nil {
		return err
	}
	return e.out.Text("}")
}

// writeRows writes the rows of a table, and how many are left out.
func (e *exporter) writeRows(ctx context.Context, name string) error {
	table := naming.Table{Schema: naming.Public, Name: naming.Name(name)}.SQL()
	if err := e.out.Text(`,"rows":[`); err != nil {
		return err
	}
	var columns []string // with the colon, as members of a row
	count, more, err := e.rows(ctx, "SELECT * FROM "+table, func(fields []pgconn.FieldDescription, row [][]byte) error {
		lead := ",\n{"
		if columns == nil {
			lead = "\n{"
			for i, f := range fields {
				column := string(values.AppendString(nil, f.Name)) + ":"
				if i > 0 {
					column = "," + column
				}
				columns = append(columns, column)
			}
		}
		return e.out.Append(func(b []byte) []byte {
			b = append(b, lead...)
			for i, v := range row {
				b = values.AppendJSON(append(b, columns[i]...), fields[i].DataTypeOID, v)
			}
			return append(b, '}')
		})
	})
	if err != nil {
		return err
	}
	if err := e.out.Text("]"); err != nil || !more {
		return err
	}
	e.truncated = append(e.truncated, name)
	total, err := e.collect(ctx, "SELECT count(*)::text FROM "+table)
	if err != nil {
		return err
	}
	return e.out.Text(`,"truncated":true,"exportedRowCount":` + strconv.Itoa(count) + `,"totalRowCount":` + total[0])
}

// describeTable returns what tableQuery says about a table.
func describeTable(ctx context.Context, tx pg.Tx, name string) (text string, err error) {
	err = tx.QueryRow(ctx, tableQuery, name).Scan(&text)
	return text, err
}
