package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const migrationsPath = "/api/database/migrations"

func newDBMigrations() *cobra.Command {
	c := newGroup("migrations", "Create and apply changes of the schema, kept as files beside the code",
		"A migration is a file <version>_<name>.sql in the folder migrations, or in the\n"+
			"one that --dir names. The project applies each once, in the order of their versions.",
		newMigrationsList(), newMigrationsNew(), newMigrationsUp(), newMigrationsDryRun())
	c.SuggestFor = []string{"migrate"}
	return c
}

func migrationsDirFlag(c *cobra.Command) *string {
	return c.Flags().String("dir", "migrations", "folder of the migrations")
}

// appliedMigration is an entry of GET /api/database/migrations.
type appliedMigration struct {
	migration
	Statements []string  `json:"statements"`
	CreatedAt  time.Time `json:"createdAt"`
}

// applied returns what the project has applied, oldest first.
func (p *project) applied(ctx context.Context) ([]appliedMigration, error) {
	var answer struct {
		Migrations []appliedMigration `json:"migrations"`
	}
	if err := p.call(ctx, http.MethodGet, migrationsPath, nil, &answer); err != nil {
		return nil, err
	}
	for i, m := range answer.Migrations {
		ordered, err := m.ordinal()
		if err != nil {
			return nil, err
		}
		answer.Migrations[i].migration = ordered
	}
	slices.SortFunc(answer.Migrations, func(a, b appliedMigration) int { return byVersion(a.migration, b.migration) })
	return answer.Migrations, nil
}

// compareWith compares the files of a folder with what the project applied, and
// says on standard error what in the folder is ignored.
func (p *project) compareWith(c *cobra.Command, dir string) (comparison, []appliedMigration, error) {
	local, ignored, err := localMigrations(dir)
	if err != nil {
		return comparison{}, nil, err
	}
	for _, path := range ignored {
		fmt.Fprintf(c.ErrOrStderr(), "insforge: %s is ignored: a migration is a file <version>_<name>.sql, with digits and then a-z, 0-9, - and _\n", printable(path))
	}
	applied, err := p.applied(c.Context())
	if err != nil {
		return comparison{}, nil, err
	}
	compared, err := compare(local, applied)
	return compared, applied, err
}

// listedMigration is a line of list.
type listedMigration struct {
	migration
	// State is applied, changed, pending, overtaken or without file.
	State     string     `json:"state"`
	AppliedAt *time.Time `json:"appliedAt,omitempty"`
}

func newMigrationsList() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "Compare the files with what the project applied",
		Long: "Lists every migration with its state: applied, pending, \"without file\" if it was\n" +
			"applied from elsewhere, changed if its file no longer holds the statements that\n" +
			"were applied (comments and spacing do not count), or overtaken if a newer one was\n" +
			"applied before it: the project refuses it until it gets a newer version.\n\n" +
			"Exit codes: 0 listed, 1 refused or not reached, 2 wrong usage.",
		Args: cobra.NoArgs,
	}
	find := projectFlags(c)
	dir := migrationsDirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := find()
		if err != nil {
			return err
		}
		compared, applied, err := p.compareWith(c, *dir)
		if errors.Is(err, fs.ErrNotExist) { // then all are without file
			applied, err = p.applied(c.Context())
			for _, a := range applied {
				compared.elsewhere = append(compared.elsewhere, a.migration)
			}
		}
		if err != nil {
			return err
		}
		return printMigrations(c.OutOrStdout(), listed(compared, applied), *asJSON)
	}
	return c
}

func listed(compared comparison, applied []appliedMigration) []listedMigration {
	all := []listedMigration{}
	for _, a := range applied {
		same := func(m migration) bool { return byVersion(m, a.migration) == 0 }
		state := "applied"
		switch {
		case slices.ContainsFunc(compared.elsewhere, same):
			state = "without file"
		case slices.ContainsFunc(compared.changed, same):
			state = "changed"
		}
		at := a.CreatedAt
		all = append(all, listedMigration{a.migration, state, &at})
	}
	for _, m := range compared.overtaken {
		all = append(all, listedMigration{m, "overtaken", nil})
	}
	for _, m := range compared.pending {
		all = append(all, listedMigration{m, "pending", nil})
	}
	slices.SortFunc(all, func(a, b listedMigration) int { return byVersion(a.migration, b.migration) })
	return all
}

func printMigrations(w io.Writer, all []listedMigration, asJSON bool) error {
	if asJSON {
		return printJSON(w, all)
	}
	rows := make([][]string, len(all))
	for i, m := range all {
		at := ""
		if m.AppliedAt != nil {
			at = m.AppliedAt.Local().Format(time.DateTime)
		}
		rows[i] = []string{printable(m.Version), printable(m.Name), m.State, at}
	}
	return printTable(w, []string{"VERSION", "NAME", "STATE", "APPLIED AT"}, rows)
}

func newMigrationsNew() *cobra.Command {
	c := &cobra.Command{
		Use:   "new <name>",
		Short: "Create an empty migration",
		Long: "Creates an empty file whose version is the time in UTC, newer than every file in\n" +
			"the folder, and prints its path. The name consists of a-z, 0-9, - and _. The\n" +
			"project need not be running.\n\n" +
			"Exit codes: 0 created, 1 it could not be written, 2 wrong usage or name.",
		Example: "  insforge db migrations new add-todos",
		Args:    cobra.ExactArgs(1),
	}
	dir := migrationsDirFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if !migrationName.MatchString(args[0]) {
			return codedError{fmt.Errorf("a migration's name consists of a-z, 0-9, - and _, such as add-todos; %q does not", printable(args[0])), exitUsage}
		}
		path, err := createMigration(*dir, args[0], time.Now())
		if err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout(), path)
		return nil
	}
	return c
}

func newMigrationsUp() *cobra.Command {
	c := &cobra.Command{
		Use:   "up",
		Short: "Apply the files that the project has not applied yet",
		Long: "Applies every file that is newer than the newest applied migration, in order, each\n" +
			"in a transaction, and stops at the first that fails. Files that were overtaken are\n" +
			"named and left out. If a file was changed after it was applied, nothing is applied.\n\n" +
			"First all are tried together and rolled back, so that nothing is applied if one of\n" +
			"them would delete data; deleting data needs --allow-destructive. Migrations that\n" +
			"cannot run in one transaction are tried one by one, each before it is applied.\n\n" +
			"Exit codes: 0 all are applied, or with --dry-run would be, 1 one was refused or\n" +
			"failed, 2 wrong usage.",
		Args: cobra.NoArgs,
	}
	find := projectFlags(c)
	dir := migrationsDirFlag(c)
	destructive := c.Flags().Bool("allow-destructive", false, "also apply migrations that delete data")
	dryRun := c.Flags().Bool("dry-run", false, "only try them, as dry-run does")
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := find()
		if err != nil {
			return err
		}
		pending, err := p.pending(c, *dir)
		if err != nil {
			return err
		}
		if *dryRun {
			return p.printDryRun(c, pending, *asJSON)
		}
		progress := c.OutOrStdout()
		if *asJSON {
			progress = io.Discard
		}
		done, err := p.apply(c.Context(), pending, *destructive, progress)
		if *asJSON {
			return errors.Join(printJSON(c.OutOrStdout(), map[string]any{"applied": done}), err)
		}
		if err == nil && len(done) == 0 {
			fmt.Fprintln(c.OutOrStdout(), "nothing to apply")
		}
		return err
	}
	return c
}

// script is a migration and its text.
type script struct {
	migration
	sql string
}

// pending reads the files to apply and says on standard error which never will
// be applied.
func (p *project) pending(c *cobra.Command, dir string) ([]script, error) {
	compared, _, err := p.compareWith(c, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no folder %s; name another with --dir, or start with insforge db migrations new", dir)
	}
	if err != nil {
		return nil, err
	}
	for _, m := range compared.overtaken {
		fmt.Fprintf(c.ErrOrStderr(), "insforge: %s is left out: it is older than %s, which is applied; give it a newer version\n",
			m.path, printable(compared.applied[len(compared.applied)-1].String()))
	}
	if len(compared.changed) > 0 {
		return nil, changedError(compared.changed)
	}
	scripts := make([]script, len(compared.pending))
	for i, m := range compared.pending {
		sql, err := readSQLFile(m.path)
		if err != nil {
			return nil, codedError{err, exitError} // even for an empty one: it is not an argument
		}
		scripts[i] = script{m, sql}
	}
	return scripts, nil
}

// changedError refuses to continue from files that are not what was applied.
func changedError(changed []migration) error {
	paths := make([]string, len(changed))
	for i, m := range changed {
		paths[i] = printable(m.path)
	}
	return fmt.Errorf("changed after it was applied: %s\nnothing was applied; undo the change, and put what is new into a new migration (insforge db migrations new)",
		strings.Join(paths, ", "))
}

// apply applies migrations in order and returns those that it applied, even
// with an error.
func (p *project) apply(ctx context.Context, pending []script, destructive bool, progress io.Writer) ([]migration, error) {
	done := []migration{}
	tried := destructive || len(pending) == 0
	if !tried {
		var err error
		if tried, err = p.try(ctx, pending); err != nil {
			return done, err
		}
	}
	for _, m := range pending {
		if !tried {
			if _, err := p.try(ctx, []script{m}); err != nil {
				return done, err
			}
		}
		body := map[string]string{"version": m.Version, "name": m.Name, "sql": m.sql}
		var answer appliedMigration
		if err := p.call(ctx, http.MethodPost, migrationsPath, body, &answer); err != nil {
			return done, fmt.Errorf("%s: %w", m.path, err)
		}
		done = append(done, m.migration)
		fmt.Fprintf(progress, "applied %s (%s)\n", m, count(len(answer.Statements), "statement"))
	}
	return done, nil
}

// try returns an error when migrations would delete data, or one alone would
// not work, and false when several do not work together.
func (p *project) try(ctx context.Context, scripts []script) (bool, error) {
	report, err := p.dryRun(ctx, scripts)
	if err != nil {
		return false, err
	}
	if len(scripts) > 1 {
		if !report.Valid {
			return false, nil
		}
		return true, report.refuseDanger("these migrations")
	}
	if !report.Valid {
		return false, report.failure(scripts[0].path)
	}
	return true, report.refuseDanger(scripts[0].path)
}

// joint separates migrations in one text. A file need not end with a
// semicolon, and may end in a comment.
const joint = "\n;\n"

// join is the text of several migrations as one.
func join(scripts []script) string {
	all := make([]string, len(scripts))
	for i, s := range scripts {
		all[i] = s.sql
	}
	return strings.Join(all, joint)
}
