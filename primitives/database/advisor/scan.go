package advisor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
)

const (
	// lockSpace and lockKey name the advisory lock that a running scan holds, and
	// entryKey the one that is held while that lock is tried and scans are
	// entered or settled. Without it, a process that settles what an earlier one
	// left behind would look like a running scan.
	lockSpace = 14589230
	lockKey   = 1
	entryKey  = 2
	// defaultRuleTimeout bounds each rule.
	defaultRuleTimeout = 15 * time.Second
	// settleLimit bounds recording the end of a scan, which happens even while
	// the process stops.
	settleLimit = 5 * time.Second
	// maxFindings bounds what one rule may report.
	maxFindings = 1000
)

// interrupted is the error message of a scan that was cut short.
const interrupted = "The server stopped before the scan was finished. Start a new scan."

// scan is a scan that was entered in the database. Its connection holds the
// lock of scans.
type scan struct {
	id   string
	conn *pgx.Conn
}

// Run makes scans until ctx ends. A scan that is then in progress is recorded
// as failed, and so is one that an earlier process left behind.
func (s *Service) Run(ctx context.Context) error {
	defer close(s.done)
	if err := s.settleEarlier(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn().Err(err).Msg("unfinished scans of an earlier process could not be closed")
	}
	close(s.ready)
	for {
		select {
		case <-ctx.Done():
			return nil
		case sc := <-s.scans:
			s.perform(ctx, sc)
		}
	}
}

// settleEarlier marks scans that were cut short, unless another process is
// scanning right now.
func (s *Service) settleEarlier(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	return s.db.AsOwner(ctx, func(tx pg.Tx) error {
		if err := enter(ctx, tx); err != nil {
			return err
		}
		var free bool
		err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1, $2)`, lockSpace, lockKey).Scan(&free)
		if err != nil || !free {
			return err
		}
		return settle(ctx, tx)
	})
}

// Scan starts a scan and returns its id without waiting for its end.
//
// It returns 409 DATABASE_CONSTRAINT_VIOLATION while another scan runs.
func (s *Service) Scan(ctx context.Context) (id string, err error) {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return "", fmt.Errorf("connect to scan: %w", err)
	}
	sc := &scan{conn: conn}
	if sc.id, err = begin(ctx, conn); err != nil {
		hangUp(conn)
		return "", err
	}
	select {
	case s.scans <- sc:
		return sc.id, nil
	case <-s.done:
		err = fault.New(http.StatusServiceUnavailable, fault.InternalError, "The server is stopping").Next("Try again when it has started.")
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.fail(ctx, sc, interrupted)
	hangUp(conn)
	return "", err
}

// connect opens the connection of a scan. Names in the rules' queries resolve to
// the catalog, regardless of what the project has defined.
func (s *Service) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(s.db.OwnerDSN())
	if err != nil { // the message may repeat the connection string
		return nil, errors.New("the database connection string cannot be parsed")
	}
	config.ConnectTimeout = settleLimit
	config.RuntimeParams["application_name"] = "insforge advisor"
	config.RuntimeParams["timezone"] = "UTC"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	for _, setting := range []string{
		`SET search_path = pg_catalog, pg_temp`,
		fmt.Sprintf(`SET statement_timeout = %d`, s.timeout.Milliseconds()),
	} {
		if _, err := conn.Exec(ctx, setting); err != nil {
			hangUp(conn)
			return nil, err
		}
	}
	return conn, nil
}

// hangUp closes a connection, which frees its locks.
func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), settleLimit)
	defer cancel()
	_ = conn.Close(ctx) // closed either way
}

// enter waits for its turn to enter or settle scans, which ends with tx.
func enter(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1, $2)`, lockSpace, entryKey)
	return err
}

// begin takes the lock and enters a scan.
func begin(ctx context.Context, conn *pgx.Conn) (id string, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := enter(ctx, tx); err != nil {
			return err
		}
		var free bool
		if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_lock($1, $2)`, lockSpace, lockKey).Scan(&free); err != nil {
			return err
		}
		if !free {
			return fault.New(http.StatusConflict, fault.DatabaseConstraintViolation, "A scan is already running").
				Next("Wait until GET /api/advisor/latest says that it has ended.")
		}
		id, err = beginScan(ctx, tx)
		return err
	})
	return id, err
}

// perform makes a scan and records its outcome.
func (s *Service) perform(ctx context.Context, sc *scan) {
	defer hangUp(sc.conn)
	found, trouble := s.examine(ctx, sc.conn)
	err := pgx.BeginFunc(ctx, sc.conn, func(tx pgx.Tx) error {
		if err := complete(ctx, tx, sc.id, strings.Join(trouble, " "), found); err != nil {
			return err
		}
		// Freed before the outcome can be seen: its readers may start another.
		_, err := tx.Exec(ctx, `SELECT pg_advisory_unlock($1, $2)`, lockSpace, lockKey)
		return err
	})
	switch {
	case err == nil:
	case ctx.Err() != nil:
		s.fail(ctx, sc, interrupted)
	case sc.conn.IsClosed():
		s.fail(ctx, sc, "The connection to the database was lost during the scan. Start a new scan.")
	default:
		s.log.Error().Err(err).Str("scan_id", sc.id).Msg("the findings of a scan could not be recorded")
		s.fail(ctx, sc, "The findings of the scan could not be recorded; see the log.")
	}
}

// fail records that a scan failed, also when ctx has ended.
func (s *Service) fail(ctx context.Context, sc *scan, why string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	err := s.db.AsOwner(ctx, func(tx pg.Tx) error { return fail(ctx, tx, sc.id, why) })
	if err != nil {
		s.log.Error().Err(err).Str("scan_id", sc.id).Msg("a scan failed but could not be marked as failed; the next scan or start will mark it")
	}
}

// examine applies all rules, each on its own. trouble says which failed.
func (s *Service) examine(ctx context.Context, conn *pgx.Conn) (found []finding, trouble []string) {
	for i := range s.rules {
		r := &s.rules[i]
		more, err := s.apply(ctx, conn, r)
		if len(more) > maxFindings {
			more = more[:maxFindings]
			trouble = append(trouble, fmt.Sprintf("Rule %s found more than the %d that are listed.", r.id, maxFindings))
		}
		found = append(found, more...)
		if err == nil {
			continue
		}
		if ctx.Err() != nil || conn.IsClosed() {
			return nil, nil
		}
		s.log.Warn().Err(err).Str("rule", r.id).Msg("a rule of the advisor was skipped")
		trouble = append(trouble, fmt.Sprintf("Rule %s was skipped: %s.", r.id, s.reason(err)))
	}
	return found, trouble
}

// reason explains to an administrator why a rule was skipped.
func (s *Service) reason(err error) string {
	switch pg.State(err) {
	case pgerrcode.QueryCanceled:
		return fmt.Sprintf("it took longer than %v", s.timeout)
	case pgerrcode.InsufficientPrivilege:
		return "the database user may not read what it needs"
	}
	return "the database refused its query, see the log"
}

// apply runs one rule in a transaction that can change nothing.
func (s *Service) apply(ctx context.Context, conn *pgx.Conn, r *rule) ([]finding, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	found, err := r.find(ctx, examination{tx, s.limits})
	for i := range found {
		found[i].fill(r)
	}
	// There is nothing to commit, and the next rule runs after an error, too.
	return found, errors.Join(err, tx.Rollback(ctx))
}
