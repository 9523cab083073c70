package session

import (
	"context"
	"errors"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/jackc/pgx/v5"
)

// Work is one transaction of a caller's SQL. Each part may be nil.
type Work struct {
	// Before is the product's own part, which the SQL finds done and cannot
	// undo. It runs under a search path of pg_catalog alone.
	Before func(context.Context, pg.Tx) error
	// Settings are statements of ours that set the transaction up for SQL.
	Settings string
	// SQL runs what the caller brought.
	SQL func(context.Context, pg.Tx) error
	// Record is the product's own part at the end, regardless of what the SQL
	// did to role, search path and other settings.
	Record func(context.Context, pg.Tx) error
	// Name is what is committed, for people: "the migration". Look says where
	// its outcome can be seen when the connection breaks during the commit.
	Name, Look string
}

// ours is the search path of the product's own statements.
const ours = "SET LOCAL search_path = pg_catalog, pg_temp"

// What pgconn reports of a session's transaction.
const (
	idle          = 'I'
	inTransaction = 'T'
)

var errTransactionLeft = errors.New("the SQL left the transaction that the server began for it")

// Run does w and commits it, all of it or nothing.
//
// It returns the errors of w's parts; *Deferred for what only the end of the
// transaction found; 403 FORBIDDEN for a transaction that changed roles; 400
// DATABASE_VALIDATION_ERROR for SQL that was stopped by a limit it set itself;
// 503 DATABASE_INTERNAL_ERROR when a partition is in use, so that it cannot
// be guarded; 503 UPSTREAM_FAILURE when the connection broke, which says
// whether the outcome is known.
func (s *Session) Run(ctx context.Context, w Work) error {
	begun := time.Now()
	tx, err := s.perform(ctx, w)
	if err == nil {
		err = s.seal(ctx, tx, w.Record)
	}
	if err != nil {
		s.rollback(ctx)
		return s.explain(ctx, begun, err)
	}
	// What was deferred again runs here.
	if err := tx.Commit(ctx); err != nil {
		if ctx.Err() == nil && (pg.State(err) == "" && s.IsClosed() || pg.Gone(err)) {
			return outcomeUnknown(w, "being committed", err)
		}
		return s.explain(ctx, begun, deferred(err))
	}
	return nil
}

// Try does w without recording it, and rolls it back. Its errors are Run's.
func (s *Session) Try(ctx context.Context, w Work) error {
	begun := time.Now()
	_, err := s.perform(ctx, w)
	s.rollback(ctx)
	return s.explain(ctx, begun, err)
}

// RunOutside is Run for a statement that Postgres refuses within a
// transaction: what w.SQL does is committed by then, and recorded in a
// transaction that follows.
func (s *Session) RunOutside(ctx context.Context, w Work) error {
	begun := time.Now()
	err := w.SQL(ctx, pg.Tx{})
	if err == nil && s.PgConn().TxStatus() != idle {
		err = errTransactionLeft
	}
	if err == nil { // what it set might keep the next transaction from writing
		err = s.simple(ctx, "RESET ALL")
	}
	if err = s.explain(ctx, begun, err); err == nil {
		err = s.Run(ctx, Work{Record: w.Record})
	}
	if fault.Is(err, fault.UpstreamFailure) {
		return outcomeUnknown(w, "running", err)
	}
	return err
}

// perform enters the transaction, runs the SQL and settles it.
func (s *Session) perform(ctx context.Context, w Work) (pg.Tx, error) {
	begin := "BEGIN; "
	if w.Before != nil {
		begin += ours
	} else {
		begin += w.Settings
	}
	tx, err := pg.Begin(ctx, s, pgx.TxOptions{BeginQuery: begin})
	if err != nil {
		return tx, err
	}
	if w.Before != nil {
		if err := w.Before(ctx, tx); err != nil {
			return tx, err
		}
		if err := s.simple(ctx, s.path()+"; "+s.settings("SET LOCAL")+"; "+w.Settings); err != nil {
			return tx, err
		}
	}
	if w.SQL == nil {
		return tx, nil
	}
	if err := w.SQL(ctx, tx); err != nil {
		return tx, err
	}
	if s.PgConn().TxStatus() != inTransaction {
		return tx, errTransactionLeft
	}
	return tx, s.settle(ctx)
}

// path puts the search path of the caller's SQL in force.
func (s *Session) path() string {
	if s.options.SearchPath == "" {
		return "SET LOCAL search_path TO DEFAULT"
	}
	return "SET LOCAL search_path = " + quote.Identifier(s.options.SearchPath)
}

// settle has deferred constraints checked: as the caller, but within our
// limits.
func (s *Session) settle(ctx context.Context) error {
	return deferred(s.simple(ctx, s.settings("SET LOCAL")+"; SET CONSTRAINTS ALL IMMEDIATE"))
}

// seal ends the influence of the caller's SQL on the transaction, and records
// the work.
//
// Every role may change its own password and settings, so code that leaves the
// caller's role could lock the product out of its own login. The guards on
// text do not see into code; the locks on the catalogs of roles, which last
// until the commit, do. Deferred code, which should have run by now, may have
// deferred more of itself to the commit, after this check: from here on it can
// only read.
func (s *Session) seal(ctx context.Context, tx pg.Tx, record func(context.Context, pg.Tx) error) error {
	err := s.simple(ctx, "RESET ALL; SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL ROLE "+s.role+"; "+ours+"; "+s.settings("SET LOCAL"))
	if err != nil {
		return err
	}
	if err := guardPartitions(ctx, tx); err != nil {
		return err
	}
	if record != nil {
		if err := record(ctx, tx); err != nil {
			return err
		}
	}
	if s.options.Root {
		return nil
	}
	var changed bool
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (
		  SELECT FROM pg_catalog.pg_locks
		   WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND mode <> 'AccessShareLock'
		     AND relation IN ('pg_catalog.pg_authid'::regclass, 'pg_catalog.pg_auth_members'::regclass, 'pg_catalog.pg_db_role_setting'::regclass))`,
		pgx.QueryExecModeSimpleProtocol).Scan(&changed)
	if err != nil {
		return err
	}
	if changed {
		return changedRoles()
	}
	_, err = tx.Exec(ctx, `SET TRANSACTION READ ONLY`)
	return err
}

// rollback ends the transaction if there is one, also when ctx has ended.
func (s *Session) rollback(ctx context.Context) {
	if s.IsClosed() || s.PgConn().IsBusy() {
		return // the session ends soon, and with it the transaction
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	_ = s.simple(ctx, "ROLLBACK")
}
