package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// danger is the level of what deletes data.
const danger = "DANGER"

// failed is the code of what does not work.
const failed = "SYNTAX_OR_EXECUTION_ERROR"

// dryRunReport is the answer of POST /api/database/migrations/dry-run.
type dryRunReport struct {
	Valid          bool         `json:"valid"`
	StatementCount int          `json:"statementCount"`
	Statements     []string     `json:"statements"`
	RiskLevel      string       `json:"riskLevel"`
	RiskFactors    []riskFactor `json:"riskFactors"`
	Problem        string       `json:"error,omitempty"`
}

type riskFactor struct {
	Code        string `json:"code"`
	Description string `json:"description"`
	Level       string `json:"level"`
	Statement   string `json:"statement"`
}

func newMigrationsDryRun() *cobra.Command {
	c := &cobra.Command{
		Use:   "dry-run [file | -]",
		Short: "Try migrations and report what they would do",
		Long: "Runs a file, or all pending migrations together, in a transaction that is rolled\n" +
			"back, and reports whether that works and what would delete data or may break clients.\n\n" +
			"Exit codes: 0 it would work, 1 it would not, or the project was not reached,\n" +
			"2 wrong usage.",
		Args: cobra.MaximumNArgs(1),
	}
	find := projectFlags(c)
	dir := migrationsDirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		p, err := find()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			pending, err := p.pending(c, *dir)
			if err != nil {
				return err
			}
			return p.printDryRun(c, pending, *asJSON)
		}
		sql, err := readSQL(c.InOrStdin(), nil, args[0])
		if err != nil {
			return err
		}
		return p.printDryRun(c, []script{{sql: sql}}, *asJSON)
	}
	return c
}

// dryRun tries migrations together.
func (p *project) dryRun(ctx context.Context, scripts []script) (dryRunReport, error) {
	var report dryRunReport
	err := p.call(ctx, http.MethodPost, migrationsPath+"/dry-run", map[string]string{"sql": join(scripts)}, &report)
	if len(scripts) > 1 {
		report.Problem = inFile(report.Problem, scripts)
		for i := range report.RiskFactors {
			report.RiskFactors[i].Description = inFile(report.RiskFactors[i].Description, scripts)
		}
	}
	return report, err
}

// placed is how a report begins to say where the SQL fails.
var placed = regexp.MustCompile(`^(Statement \d+ of \d+ failed, in line |syntax error in line )(\d+)( of the SQL)?`)

// inFile replaces the line of joined scripts that a text names by that of the
// file.
func inFile(text string, scripts []script) string {
	m := placed.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	line, err := strconv.Atoi(m[2])
	if err != nil {
		return text
	}
	for _, s := range scripts {
		lines := strings.Count(s.sql+joint, "\n")
		if line <= lines {
			return fmt.Sprintf("%s%d of %s%s", m[1], line, s.path, text[len(m[0]):])
		}
		line -= lines
	}
	return text
}

// failure says why a migration would not work, and where in it.
func (r dryRunReport) failure(path string) error {
	lines := []string{fmt.Sprintf("%s would not work: %s", path, printable(r.Problem))}
	for _, f := range r.RiskFactors {
		if f.Code == failed {
			lines = append(lines, printable(f.Description))
		}
	}
	return errors.New(strings.Join(append(lines, "nothing more was applied"), "\n"))
}

// refuseDanger returns an error when the report has something that deletes
// data.
func (r dryRunReport) refuseDanger(what string) error {
	if r.RiskLevel != danger {
		return nil
	}
	lines := []string{what + " would delete data"}
	for _, f := range r.RiskFactors {
		if f.Level == danger {
			lines = append(lines, short(f.Statement))
		}
	}
	return errors.New(strings.Join(append(lines, "nothing more was applied; use --allow-destructive to apply it"), "\n"))
}

func (p *project) printDryRun(c *cobra.Command, pending []script, asJSON bool) error {
	if len(pending) == 0 && !asJSON {
		fmt.Fprintln(c.OutOrStdout(), "nothing to apply")
		return nil
	}
	report := dryRunReport{Valid: true, Statements: []string{}, RiskLevel: "SAFE", RiskFactors: []riskFactor{}}
	if len(pending) > 0 {
		var err error
		if report, err = p.dryRun(c.Context(), pending); err != nil {
			return err
		}
	}
	if err := report.print(c, asJSON); err != nil {
		return err
	}
	if !report.Valid {
		return codedError{nil, exitError}
	}
	return nil
}

func (r dryRunReport) print(c *cobra.Command, asJSON bool) error {
	out := c.OutOrStdout()
	if asJSON {
		return printJSON(out, r)
	}
	verdict := "would work"
	if !r.Valid {
		verdict = "would not work"
	}
	fmt.Fprintf(out, "%s %s; risk: %s\n", count(r.StatementCount, "statement"), verdict, printable(r.RiskLevel))
	if r.Problem != "" {
		fmt.Fprintln(out, printable(r.Problem))
	}
	if len(r.RiskFactors) == 0 {
		return nil
	}
	rows := make([][]string, len(r.RiskFactors))
	for i, f := range r.RiskFactors {
		rows[i] = []string{printable(f.Level), printable(f.Code), short(f.Statement), printable(f.Description)}
	}
	return printTable(out, []string{"LEVEL", "RISK", "STATEMENT", "WHAT"}, rows)
}

// short is the beginning of a statement, on one line.
func short(statement string) string {
	const most = 80
	s := printable(strings.Join(strings.Fields(statement), " "))
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
