package email

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

func insertEntry(ctx context.Context, tx pg.Tx, e entry, sealed string, leased time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO email.outbox (id, kind, recipients, sealed, attempts, next_attempt_at, expires_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		e.id, e.kind, len(e.mail.To)+len(e.mail.CC)+len(e.mail.BCC), sealed, e.attempts, leased, e.expires, e.created)
	return err
}

// claim is a row of the outbox before its mail is opened.
type claim struct {
	entry
	sealed string
}

// claimEntries takes mails that are due for a try that ends before leased.
func claimEntries(ctx context.Context, tx pg.Tx, now, leased time.Time, most int) ([]claim, error) {
	rows, err := tx.Query(ctx, `
		WITH due AS MATERIALIZED (
		       SELECT id
		         FROM email.outbox
		        WHERE failed_at IS NULL AND next_attempt_at <= $1
		        ORDER BY next_attempt_at
		        LIMIT $3
		          FOR UPDATE SKIP LOCKED)
		UPDATE email.outbox AS o
		   SET attempts = attempts + 1, next_attempt_at = $2
		  FROM due
		 WHERE o.id = due.id
		RETURNING o.id, kind, attempts, created_at, expires_at, sealed`, now, leased, most)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c claim, err error) {
		var id uuid.UUID
		err = row.Scan(&id, &c.kind, &c.attempts, &c.created, &c.expires, &c.sealed)
		c.id = id.String()
		return c, err
	})
}

// The writes below change nothing when the row's attempts are not e's: another
// process has taken the mail over.

func deleteEntry(ctx context.Context, tx pg.Tx, e entry) error {
	_, err := tx.Exec(ctx, `DELETE FROM email.outbox WHERE id = $1 AND attempts = $2`, e.id, e.attempts)
	return err
}

func failEntry(ctx context.Context, tx pg.Tx, e entry, reason string, now time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE email.outbox
		   SET sealed = NULL, failed_at = $3, last_error = $4
		 WHERE id = $1 AND attempts = $2`, e.id, e.attempts, now, reason)
	return err
}

func postponeEntry(ctx context.Context, tx pg.Tx, e entry, reason string, next time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE email.outbox
		   SET next_attempt_at = $3, last_error = $4
		 WHERE id = $1 AND attempts = $2`, e.id, e.attempts, next, reason)
	return err
}

// releaseEntry undoes a claim.
func releaseEntry(ctx context.Context, tx pg.Tx, e entry, now time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE email.outbox
		   SET next_attempt_at = $3, attempts = attempts - 1
		 WHERE id = $1 AND attempts = $2`, e.id, e.attempts, now)
	return err
}

// countWaiting returns how many mails are in the outbox and have not failed,
// counting no further than most.
func countWaiting(ctx context.Context, tx pg.Tx, most int) (n int, err error) {
	err = tx.QueryRow(ctx, `
		SELECT count(*)
		  FROM (SELECT FROM email.outbox WHERE failed_at IS NULL LIMIT $1) AS counted`, most).Scan(&n)
	return n, err
}

func listEntries(ctx context.Context, tx pg.Tx, most int) (list []OutboxEntry, total int, err error) {
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM email.outbox`).Scan(&total); err != nil {
		return nil, 0, err
	}
	rows, err := tx.Query(ctx, `
		SELECT id, kind, failed_at IS NOT NULL, recipients, attempts, last_error, next_attempt_at, expires_at, created_at
		  FROM email.outbox
		 ORDER BY created_at DESC, id
		 LIMIT $1`, most)
	if err != nil {
		return nil, 0, err
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x OutboxEntry, err error) {
		var id uuid.UUID
		var isFailed bool
		var next, expires, created time.Time
		err = row.Scan(&id, &x.Kind, &isFailed, &x.Recipients, &x.Attempts, &x.LastError, &next, &expires, &created)
		x.ID, x.Status, x.ExpiresAt, x.CreatedAt = id.String(), "failed", rest.Time(expires), rest.Time(created)
		if !isFailed {
			attempt := rest.Time(next)
			x.Status, x.NextAttemptAt = "waiting", &attempt
		}
		return x, err
	})
	return list, total, err
}

// deleteFailed deletes failed mails from before t, and the oldest beyond most.
func deleteFailed(ctx context.Context, tx pg.Tx, t time.Time, most int) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM email.outbox
		 WHERE failed_at < $1
		    OR id IN (SELECT id FROM email.outbox WHERE failed_at IS NOT NULL ORDER BY failed_at DESC OFFSET $2)`, t, most)
	return err
}
