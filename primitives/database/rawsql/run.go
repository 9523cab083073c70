package rawsql

import (
	"context"
	"errors"

	"github.com/insforge/insforge-go/primitives/database/session"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/database/values"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// job is a request that was read.
type job struct {
	Query
	statements []sqltext.Statement
}

// run runs the statements, in a transaction if they can run in one.
func (s *Service) run(ctx context.Context, x *connection, j job) (result *Result, err error) {
	discard := func() {
		if result != nil {
			result.Close()
			result = nil
		}
	}
	work := session.Work{
		Settings: values.Settings,
		SQL: func(ctx context.Context, _ pg.Tx) (err error) {
			result, err = x.execute(ctx, j)
			return err
		},
		Record: func(ctx context.Context, tx pg.Tx) error { return s.record(ctx, tx, j, result) },
		Name:   "the SQL", Look: "See whether it took effect before you send it again.",
	}
	switch {
	case j.Explain: // its effects are undone, its audit row is not
		if err = x.Try(ctx, work); err == nil {
			err = x.Run(ctx, session.Work{Record: work.Record})
		}
	default:
		err = x.Run(ctx, work)
		if len(j.statements) == 1 && wantsNoTransaction(err, j.Root) {
			discard()
			err = x.RunOutside(ctx, work)
		}
	}
	if err != nil {
		discard()
		return nil, atEnd(err)
	}
	return result, nil
}

// wantsNoTransaction reports whether Postgres refused a command because of
// the transaction around it (active_sql_transaction). The owner may also have
// code that commits (invalid_transaction_termination).
//
// The caller's own code must not be able to cause it, since what it does
// outside is committed before session.Run judges it: the refusal must come from
// the server's check, which precedes the command, and not from code that the
// command runs. The commands that have the check run code of users as the owner
// of a table and restricted, where no role can be left.
func wantsNoTransaction(err error, root bool) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	if root {
		return e.Code == pgerrcode.ActiveSQLTransaction || e.Code == pgerrcode.InvalidTransactionTermination
	}
	return e.Code == pgerrcode.ActiveSQLTransaction && e.Routine == "PreventInTransactionBlock" && e.Where == ""
}

// record writes the audit row. What the owner makes in public becomes the
// project's.
func (s *Service) record(ctx context.Context, tx pg.Tx, j job, result *Result) error {
	tx.OnCommit(func() { s.announce(j) })
	if !j.Explain && sqltext.HasDDL(j.statements) {
		sql := "NOTIFY pgrst, 'reload schema'"
		if j.Root {
			sql += "; SELECT system.reassign_public_objects_to_project_admin()"
		}
		if _, err := tx.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return s.audit.Record(ctx, tx, entry(j, result))
}

// maxAudited is how much of the SQL the audit log keeps, in characters.
const maxAudited = 300

func entry(j job, result *Result) audit.Entry {
	details := struct {
		Query        string `json:"query"`
		ParamCount   int    `json:"paramCount"`
		Role         string `json:"executionRole"`
		Explain      bool   `json:"explain"`
		RowsAffected *int64 `json:"rowsAffected,omitempty"`
	}{Query: beginning(j.SQL), ParamCount: len(j.Params), Role: "project_admin", Explain: j.Explain, RowsAffected: result.rowCount}
	e := audit.Entry{Module: audit.Database, Action: "EXECUTE_RAW_SQL"}
	if j.Root {
		e.Action, details.Role = "EXECUTE_RAW_SQL_UNRESTRICTED", "root"
	}
	e.Details = details
	return e
}

// beginning is the part of the SQL that is audited.
func beginning(sql string) string {
	n := 0
	for i := range sql {
		if n == maxAudited {
			return sql[:i]
		}
		n++
	}
	return sql
}

func (s *Service) announce(j job) {
	if j.Explain {
		return
	}
	if changes := sqltext.Changes(j.statements); len(changes) > 0 {
		s.events.Publish(events.DataUpdate{Resource: events.Database, Changes: changes})
	}
}
