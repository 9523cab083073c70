package transfer

import (
	"context"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// Imported is what an import did.
type Imported struct {
	// Tables are those that the file makes or fills, without "public".
	Tables []string
	// Rows counts what INSERT and COPY added.
	Rows int64
	// Skipped is what did not run.
	Skipped Skipped
}

// maxSkips bounds how many of what was passed over are listed, and
// maxSkipLetters how much of each.
const (
	maxSkips       = 100
	maxSkipLetters = 200
)

// Skipped is what an import passed over, since it means nothing here.
type Skipped struct {
	// Statements and Lines count statements and lines for psql.
	Statements, Lines int
	// First lists the first of them.
	First []Skip
}

// Skip is a statement, or a line for psql, that did not run, and why.
type Skip struct {
	Line      int    `json:"line"`
	Statement string `json:"statement"`
	Reason    string `json:"reason"`
}

func (s *Skipped) add(st step, reason string) {
	if st.psql != "" {
		s.Lines++
	} else {
		s.Statements++
	}
	if len(s.First) == maxSkips {
		return
	}
	text := []rune(st.Text[:min(len(st.Text), utf8.UTFMax*maxSkipLetters)])
	if len(text) > maxSkipLetters || len(st.Text) > utf8.UTFMax*maxSkipLetters {
		text = append(text[:min(len(text), maxSkipLetters)-1], '…')
	}
	s.First = append(s.First, Skip{Line: st.Line, Statement: string(text), Reason: reason})
}

// Import runs a file of SQL as the caller in ctx, all of it or nothing; it
// reads the file twice. With truncate, the tables that it names are emptied
// first. name is for the audit log.
//
// It returns 403 FORBIDDEN for what is not SQL or is refused for everyone, and
// 400 INVALID_INPUT for a file that needs roles or extensions that are not
// there, both before anything ran; 400 INVALID_INPUT for a statement that
// fails, 503 DATABASE_INTERNAL_ERROR when another transaction is in the way or
// the database goes away, and 507 when its disk is full.
func (s *Service) Import(ctx context.Context, file io.ReaderAt, size int64, name string, truncate bool) (Imported, error) {
	leave, err := s.turn(ctx)
	if err != nil {
		return Imported{}, err
	}
	defer leave()
	plan, err := inspect(newScript(file, size))
	if err != nil {
		return Imported{}, err
	}
	done := Imported{Tables: plan.names()}
	err = s.within(ctx, func(tx pg.Tx) (audit.Entry, error) {
		server, err := plan.needs.check(ctx, tx)
		if err != nil {
			return audit.Entry{}, err
		}
		if truncate {
			if err := truncateTables(ctx, tx, plan.tables); err != nil {
				return audit.Entry{}, err
			}
		}
		tx.OnCommit(func() { s.deps.Events.Publish(events.DataUpdate{Resource: events.Database}) })
		done.Rows, done.Skipped, err = execute(ctx, tx, newScript(file, size), judge{belongs: server})
		return audit.Entry{Module: audit.Database, Action: "IMPORT_DATABASE", Details: map[string]any{
			"truncate": truncate, "filename": name, "fileSize": size, "tablesAffected": done.Tables, "rowsImported": done.Rows,
		}}, translateImport(err)
	})
	if err != nil {
		return Imported{}, translateImport(err)
	}
	return done, nil
}

// plan is what is known about a file before it runs.
type plan struct {
	tables []naming.Table
	needs  needs
}

// inspect reads a whole file and refuses it when one of its statements is.
func inspect(s *script) (p plan, err error) {
	p.needs = newNeeds()
	seen := map[naming.Table]bool{}
	// It is not known yet who owns the extensions. Statements about one that
	// is the server's do not run.
	j := judge{belongs: func(string) bool { return true }}
	for {
		st, err := s.next()
		if err == io.EOF {
			return p, withLine(j.end())
		}
		if err != nil {
			return p, err
		}
		switch reason, err := j.pass(st); {
		case err != nil:
			return p, withLine(err)
		case reason != "" && st.Command() != "CREATE EXTENSION":
			continue
		}
		p.needs.read(st.Statement)
		if t, ok := target(st.Statement); ok && !seen[t] {
			seen[t] = true
			p.tables = append(p.tables, t)
		}
	}
}

// names returns the tables as answers name them.
func (p plan) names() []string {
	names := []string{}
	for _, t := range p.tables {
		name := string(t.Name)
		if t.Schema != naming.Public {
			name = string(t.Schema) + "." + name
		}
		names = append(names, name)
	}
	return names
}

// target returns the table that a statement makes or fills. It never guesses,
// because the rows may be about to be deleted.
func target(s sqltext.Statement) (t naming.Table, ok bool) {
	switch s.Command() {
	case "INSERT", "COPY", "CREATE TABLE":
	default:
		return t, false
	}
	c := firstOf(s, headTokens)
	switch {
	case c.pass("insert", "into"), c.pass("copy"):
	case c.pass("create", "table"), c.pass("create", "unlogged", "table"):
		c.pass("if", "not", "exists")
	default:
		return t, false
	}
	return c.table()
}

// truncateTables empties those tables that exist, together, so that it does not
// matter how they refer to each other.
func truncateTables(ctx context.Context, tx pg.Tx, tables []naming.Table) error {
	var there []string
	for _, t := range tables {
		_, err := naming.Find(ctx, tx, t)
		if fault.Is(err, fault.DatabaseNotFound) {
			continue // the file makes it
		}
		if err != nil {
			return err
		}
		there = append(there, t.SQL())
	}
	if len(there) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, "TRUNCATE TABLE "+strings.Join(there, ", "))
	return err
}
