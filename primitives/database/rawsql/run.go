package rawsql

import (
	"context"
	"errors"
	"fmt"

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

// What pgconn reports of a session's transaction.
const (
	statusIdle          = 'I'
	statusInTransaction = 'T'
)

var errTransactionLeft = errors.New("the SQL left the transaction that the server began for it")

// run runs the statements, in a transaction if they let themselves.
func (s *Service) run(ctx context.Context, x *connection, j job) (*Result, error) {
	result, err := s.inTransaction(ctx, x, j)
	if err == nil || len(j.statements) > 1 || j.Explain || !wantsNoTransaction(err, j.Root) {
		return result, err
	}
	return s.outside(ctx, x, j)
}

// wantsNoTransaction reports whether Postgres refused a command because of
// the transaction around it (active_sql_transaction). The owner may also have
// code that commits (invalid_transaction_termination).
//
// The caller's own code must not bring it about, since what it does outside
// is committed before it is judged (session.Seal): the refusal must come from
// the server's check, which precedes the command, and not from code that the
// command runs. The commands that have the check run code of users as the
// owner of a table and restricted, where no role can be left.
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

func (s *Service) inTransaction(ctx context.Context, x *connection, j job) (_ *Result, err error) {
	tx, err := pg.Begin(ctx, x, pgx.TxOptions{BeginQuery: "BEGIN; " + values.Settings})
	if err != nil {
		return nil, err
	}
	defer rollback(ctx, tx)
	result, err := x.execute(ctx, j)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			result.Close()
		}
	}()
	if x.raw().TxStatus() != statusInTransaction {
		return nil, errTransactionLeft
	}
	if j.Explain { // its effects are undone, its audit row is not
		if err := tx.Rollback(ctx); err != nil {
			return nil, err
		}
		return result, s.conclude(ctx, x, j, result)
	}
	if err := s.settle(ctx, x, tx, j, result); err != nil {
		return nil, err
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, err
	}
	s.announce(j)
	return result, nil
}

// outside runs one statement without a transaction around it.
func (s *Service) outside(ctx context.Context, x *connection, j job) (*Result, error) {
	result, err := x.execute(ctx, j)
	if err != nil {
		return nil, err
	}
	if x.raw().TxStatus() != statusIdle {
		err = errTransactionLeft
	} else {
		err = s.conclude(ctx, x, j, result)
	}
	if err != nil {
		result.Close()
		return nil, err
	}
	return result, nil
}

// conclude records what has been run already.
func (s *Service) conclude(ctx context.Context, x *connection, j job, result *Result) error {
	tx, err := pg.Begin(ctx, x, pgx.TxOptions{})
	if err != nil {
		return err
	}
	defer rollback(ctx, tx)
	if err := s.settle(ctx, x, tx, j, result); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	s.announce(j)
	return nil
}

// rollback ends tx unless it has ended, also when ctx has.
func rollback(ctx context.Context, tx pg.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	_ = tx.Rollback(ctx) // the session ends soon, and with it the transaction
}

// settle does what belongs into the transaction of the statements, after
// them: it has deferred constraints checked while the caller's settings
// apply, puts its own in their place, and records the request.
func (s *Service) settle(ctx context.Context, x *connection, tx pg.Tx, j job, result *Result) error {
	sql := "SET CONSTRAINTS ALL IMMEDIATE"
	if j.Root {
		sql += "; SET LOCAL SESSION AUTHORIZATION DEFAULT"
	}
	sql += fmt.Sprintf("; SET LOCAL ROLE %s; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL statement_timeout = %d",
		x.role, s.limits.Statement.Milliseconds())
	if !j.Explain && sqltext.HasDDL(j.statements) {
		sql += "; NOTIFY pgrst, 'reload schema'"
		if j.Root {
			sql += "; SELECT system.reassign_public_objects_to_project_admin()"
		}
	}
	if _, err := tx.Exec(ctx, sql); err != nil {
		return err
	}
	if err := s.audit.Record(ctx, tx, entry(j, result)); err != nil || j.Root {
		return err
	}
	return session.Seal(ctx, tx)
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
