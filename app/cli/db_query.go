package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// maxSQL is a little less than what the project takes in one body.
const maxSQL = 64 << 20

const rawSQLPath = "/api/database/advance/rawsql"

// sqlRequest is the body of a POST to rawSQLPath.
type sqlRequest struct {
	Query  string   `json:"query"`
	Params []string `json:"params,omitempty"`
}

// sqlResult is its answer. Fields is absent after several statements, and
// RowCount after statements that have none.
type sqlResult struct {
	Rows     []map[string]json.RawMessage `json:"rows"`
	RowCount *int64                       `json:"rowCount"`
	Fields   []struct {
		Name string `json:"name"`
	} `json:"fields"`
}

func newDBQuery() *cobra.Command {
	c := &cobra.Command{
		Use:   "query [sql | -]",
		Short: "Run SQL",
		Long: "Runs SQL as the project's administrator and prints the rows. The text is the\n" +
			"argument, the file that --file names, or standard input for -.\n\n" +
			"Each --param is the value of the next placeholder, $1 and so on, as text that\n" +
			"Postgres converts to the type it needs; write NULL into the SQL itself. With\n" +
			"parameters there can be only one statement; without, there can be several, which\n" +
			"return no rows.\n\n" +
			"Tables that the SQL leaves without row-level security, where clients can reach\n" +
			"them, are named on standard error.\n\n" +
			"Exit codes: 0 done, 1 refused or not reached (standard error says why), 2 wrong\n" +
			"usage.",
		Example: "  insforge db query 'SELECT * FROM todos WHERE done = $1' --param true\n" +
			"  insforge db query --file seed.sql",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("give the SQL as one argument, in quotes")
			}
			return nil
		},
	}
	find := projectFlags(c)
	file := c.Flags().StringP("file", "f", "", "read the SQL from a file; - for standard input")
	params := c.Flags().StringArrayP("param", "p", nil, "value of the next placeholder; may be repeated")
	unrestricted := c.Flags().Bool("unrestricted", false, "run as the owner of the database, bypassing row-level security")
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		sql, err := readSQL(c.InOrStdin(), args, *file)
		if err != nil {
			return err
		}
		p, err := find()
		if err != nil {
			return err
		}
		path := rawSQLPath
		if *unrestricted {
			path += "/unrestricted"
		}
		creates := mayCreateTables(sql)
		var before map[string]string
		if creates {
			before = p.openTables(c.Context())
		}
		var answer json.RawMessage
		if err := p.call(c.Context(), http.MethodPost, path, sqlRequest{sql, *params}, &answer); err != nil {
			return err
		}
		if creates {
			warnOfOpenTables(c.ErrOrStderr(), before, p.openTables(c.Context()))
		}
		if *asJSON {
			return printJSON(c.OutOrStdout(), answer)
		}
		return printResult(c.OutOrStdout(), answer)
	}
	return c
}

// readSQL returns the SQL of the argument, of a file or of standard input.
func readSQL(stdin io.Reader, args []string, file string) (string, error) {
	if (len(args) > 0) == (file != "") {
		return "", codedError{errors.New("give the SQL as one argument, with --file, or as - for standard input"), exitUsage}
	}
	if len(args) > 0 && args[0] != "-" {
		return checkSQL("the argument", args[0])
	}
	if len(args) > 0 || file == "-" {
		return limitedSQL("standard input", stdin)
	}
	return readSQLFile(file)
}

func readSQLFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fileError("read", path, err)
	}
	defer f.Close()
	return limitedSQL(path, f)
}

func limitedSQL(name string, r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSQL+1))
	if err != nil {
		return "", fileError("read", name, err)
	}
	if len(text) > maxSQL {
		return "", fmt.Errorf("%s is larger than %d MB; split it", name, maxSQL>>20)
	}
	return checkSQL(name, strings.TrimPrefix(string(text), "\ufeff")) // editors leave the mark
}

func checkSQL(name, sql string) (string, error) {
	if !utf8.ValidString(sql) {
		return "", fmt.Errorf("%s is not UTF-8; convert it first", name)
	}
	if strings.TrimSpace(sql) == "" {
		return "", codedError{fmt.Errorf("there is no SQL in %s", name), exitUsage}
	}
	return sql, nil
}

// printResult prints rows as a table, or how many there were.
func printResult(w io.Writer, answer json.RawMessage) error {
	var result sqlResult
	if err := json.Unmarshal(answer, &result); err != nil {
		return fmt.Errorf("unexpected answer: %w", err)
	}
	if len(result.Fields) == 0 {
		if result.RowCount == nil {
			_, err := fmt.Fprintln(w, "done")
			return err
		}
		_, err := fmt.Fprintf(w, "done, %s\n", count(int(*result.RowCount), "row"))
		return err
	}
	head := make([]string, len(result.Fields))
	for i, f := range result.Fields {
		head[i] = printable(f.Name)
	}
	rows := make([][]string, len(result.Rows))
	for i, row := range result.Rows {
		for _, f := range result.Fields {
			rows[i] = append(rows[i], cell(row[f.Name]))
		}
	}
	if err := printTable(w, head, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "(%s)\n", count(len(rows), "row"))
	return err
}

// count is a number of things, in English.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
