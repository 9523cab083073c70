package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

// listTables reads the tables of a schema. A table that was never analysed has
// no estimate, but the server counts what it writes.
const listTables = `SELECT c.relname::text AS "name",
       CASE WHEN c.reltuples >= 0 THEN c.reltuples ELSE pg_catalog.pg_stat_get_live_tuples(c.oid) END::float8 AS "estimatedRows",
       c.relrowsecurity AS "rlsEnabled",
       (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
                 'name', a.attname,
                 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
                 'nullable', NOT a.attnotnull) ORDER BY a.attnum), '[]')
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS "columns"
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition
 ORDER BY c.relname`

// listSchemas lists the schemas that hold anyone's tables.
const listSchemas = `SELECT nspname::text AS "name"
  FROM pg_catalog.pg_namespace
 WHERE nspname !~ '^pg_(toast|temp_)'
 ORDER BY 1`

// listedTable is a row of listTables.
type listedTable struct {
	Name          string  `json:"name"`
	EstimatedRows float64 `json:"estimatedRows"`
	RLSEnabled    bool    `json:"rlsEnabled"`
	Columns       []struct {
		Name     string `json:"name"`
		Type     string `json:"type"`
		Nullable bool   `json:"nullable"`
	} `json:"columns"`
}

func newDBTables() *cobra.Command {
	c := &cobra.Command{
		Use:   "tables",
		Short: "List the tables",
		Long: "Lists the tables of a schema with an estimate of their rows, whether row-level\n" +
			"security is enabled, and their columns. --json includes the columns' types.\n\n" +
			"Exit codes: 0 listed, 1 refused or not reached, 2 wrong usage.",
		Args: cobra.NoArgs,
	}
	find := projectFlags(c)
	schema := c.Flags().String("schema", "public", "schema to list")
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := find()
		if err != nil {
			return err
		}
		tables, err := readTables(c.Context(), p, *schema)
		if err != nil {
			return err
		}
		out := c.OutOrStdout()
		if *asJSON {
			return printJSON(out, tables)
		}
		rows := make([][]string, len(tables))
		for i, t := range tables {
			rows[i] = t.cells()
		}
		return printTable(out, []string{"TABLE", "ROWS", "RLS", "COLUMNS"}, rows)
	}
	return c
}

// readTables returns the tables of a schema, and an error when there is no such
// schema.
func readTables(ctx context.Context, p *project, schema string) ([]listedTable, error) {
	var answer struct {
		Rows []listedTable `json:"rows"`
	}
	answer.Rows = []listedTable{} // [] in JSON when there is none
	err := p.call(ctx, http.MethodPost, rawSQLPath, sqlRequest{listTables, []string{schema}}, &answer)
	if err != nil || len(answer.Rows) > 0 {
		return answer.Rows, err
	}
	var schemas struct {
		Rows []struct{ Name string } `json:"rows"`
	}
	if err := p.call(ctx, http.MethodPost, rawSQLPath, sqlRequest{Query: listSchemas}, &schemas); err != nil {
		return nil, err
	}
	names := make([]string, len(schemas.Rows))
	for i, row := range schemas.Rows {
		if row.Name == schema {
			return answer.Rows, nil
		}
		names[i] = printable(row.Name)
	}
	return nil, fmt.Errorf("there is no schema %q in the project; it has %s", printable(schema), strings.Join(names, ", "))
}

func (t listedTable) cells() []string {
	names := make([]string, len(t.Columns))
	for i, k := range t.Columns {
		names[i] = printable(k.Name)
	}
	rls := "off"
	if t.RLSEnabled {
		rls = "on"
	}
	return []string{printable(t.Name), fmt.Sprintf("~%.0f", t.EstimatedRows), rls, strings.Join(names, ", ")}
}
