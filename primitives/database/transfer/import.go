package transfer

import (
	"context"
	"io"
	"slices"
	"strings"

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
	// Skipped counts statements of dumps that mean nothing here: owners, and
	// settings that belong to the server.
	Skipped int
}

// Import runs a file of SQL as the caller in ctx, all of it or nothing; it
// reads the file twice. With truncate, the tables that it names are emptied
// first. name is for the audit log.
//
// It returns 403 FORBIDDEN for what is no SQL or is refused for everybody,
// before anything ran, 400 INVALID_INPUT for a statement that fails, 503
// DATABASE_INTERNAL_ERROR when another transaction is in the way or the
// database goes away, and 507 when its disk is full.
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
	done := Imported{Tables: plan.names(), Skipped: plan.skipped}
	err = s.within(ctx, func(tx pg.Tx) (audit.Entry, error) {
		if truncate {
			if err := truncateTables(ctx, tx, plan.tables); err != nil {
				return audit.Entry{}, err
			}
		}
		tx.OnCommit(func() { s.deps.Events.Publish(events.DataUpdate{Resource: events.Database}) })
		done.Rows, err = execute(ctx, tx, newScript(file, size))
		return audit.Entry{Module: audit.Database, Action: "IMPORT_DATABASE", Details: map[string]any{
			"truncate": truncate, "filename": name, "fileSize": size, "tablesAffected": done.Tables, "rowsImported": done.Rows,
		}}, translateImport(err)
	})
	if err != nil {
		return Imported{}, translateImport(err)
	}
	return done, nil
}

// plan is what is known of a file before it runs.
type plan struct {
	tables  []naming.Table
	skipped int
}

// inspect reads a whole file and refuses it when one of its statements is.
func inspect(s *script) (p plan, err error) {
	seen := map[naming.Table]bool{}
	for {
		st, err := s.next()
		if err == io.EOF {
			return p, nil
		}
		if err != nil {
			return p, err
		}
		if ofADump(st.Statement) {
			p.skipped++
			continue
		}
		if err := sqltext.Guard([]sqltext.Statement{st.Statement}); err != nil {
			return p, err
		}
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

// ofADump reports a statement that dumps have and that must not run: who owns
// an object is the project's admin whatever the file says, and some settings
// are the server's.
func ofADump(s sqltext.Statement) bool {
	switch command := s.Command(); {
	case command == "SELECT":
		return s.Text == `SELECT pg_catalog.set_config('search_path', '', false)`
	case command == "SET":
		return slices.Contains([]string{
			"SET statement_timeout = 0", "SET lock_timeout = 0", "SET idle_in_transaction_session_timeout = 0", "SET transaction_timeout = 0",
		}, s.Text)
	case strings.HasPrefix(command, "ALTER "):
		return setsOwner(s)
	}
	return false
}

// setsOwner reports ALTER … OWNER TO role, with nothing else in it.
func setsOwner(s sqltext.Statement) bool {
	var last [3]sqltext.Token
	for t := range s.Tokens() {
		last = [3]sqltext.Token{last[1], last[2], t}
	}
	_, named := last[2].Name()
	return named && last[0].Is("owner") && last[1].Is("to")
}

// target returns the table that a statement makes or fills. It is sure: its
// rows may be about to go.
func target(s sqltext.Statement) (t naming.Table, ok bool) {
	var tokens []sqltext.Token
	for token := range s.Tokens() {
		if tokens = append(tokens, token); len(tokens) == 9 { // CREATE UNLOGGED TABLE IF NOT EXISTS a . b
			break
		}
	}
	pass := func(words ...string) bool {
		for i, w := range words {
			if i >= len(tokens) || !tokens[i].Is(w) {
				return false
			}
		}
		tokens = tokens[len(words):]
		return true
	}
	switch {
	case pass("insert", "into"), pass("copy"):
	case pass("create", "table"), pass("create", "unlogged", "table"):
		pass("if", "not", "exists")
	default:
		return t, false
	}
	if len(tokens) == 0 {
		return t, false
	}
	name, ok := tokens[0].Name()
	if !ok || len(tokens) < 3 || tokens[1].Text != "." {
		return naming.Table{Schema: naming.Public, Name: naming.Name(name)}, ok
	}
	schema := name
	name, ok = tokens[2].Name()
	return naming.Table{Schema: naming.Name(schema), Name: naming.Name(name)}, ok
}

// truncateTables empties those tables that exist, together: then it does not
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
