package email

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const settingsColumns = `
	id, enabled, host, port, username, password_encrypted, sender_email, sender_name,
	min_interval_seconds, mailbox_enabled, created_at, updated_at`

// readSettings returns the row of email.config, or what a new one would hold.
func readSettings(ctx context.Context, tx pg.Tx) (settings, error) {
	found, err := scanSettings(tx.QueryRow(ctx, `SELECT `+settingsColumns+` FROM email.config`))
	if errors.Is(err, pgx.ErrNoRows) {
		return settings{Config: Config{Port: 465, MinIntervalSeconds: defaultMinInterval}}, nil
	}
	return found, err
}

// lockSettings is readSettings before a change. Other changes of related
// settings wait until the transaction ends.
func lockSettings(ctx context.Context, tx pg.Tx) (settings, error) {
	if err := pg.MailSettings.Take(ctx, tx); err != nil {
		return settings{}, err
	}
	return readSettings(ctx, tx)
}

func writeSettings(ctx context.Context, tx pg.Tx, u ConfigUpdate, passwordSealed string) (settings, error) {
	return scanSettings(tx.QueryRow(ctx, `
		INSERT INTO email.config
		       (enabled, host, port, username, password_encrypted, sender_email, sender_name, min_interval_seconds)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT ((1)) DO UPDATE
		   SET enabled = excluded.enabled,
		       host = excluded.host,
		       port = excluded.port,
		       username = excluded.username,
		       password_encrypted = excluded.password_encrypted,
		       sender_email = excluded.sender_email,
		       sender_name = excluded.sender_name,
		       min_interval_seconds = excluded.min_interval_seconds
		RETURNING `+settingsColumns,
		u.Enabled, u.Host, u.Port, u.Username, passwordSealed, u.SenderEmail, u.SenderName, u.MinIntervalSeconds))
}

func writeMailboxEnabled(ctx context.Context, tx pg.Tx, on bool) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO email.config (mailbox_enabled)
		VALUES ($1)
		ON CONFLICT ((1)) DO UPDATE
		   SET mailbox_enabled = excluded.mailbox_enabled`, on)
	return err
}

func scanSettings(row pgx.Row) (found settings, err error) {
	var created, updated time.Time
	err = row.Scan(&found.ID, &found.Enabled, &found.Host, &found.Port, &found.Username, &found.passwordSealed,
		&found.SenderEmail, &found.SenderName, &found.MinIntervalSeconds, &found.mailbox, &created, &updated)
	found.HasPassword = found.passwordSealed != ""
	found.CreatedAt, found.UpdatedAt = rest.Time(created), rest.Time(updated)
	return found, err
}

const templateColumns = `id, template_type, subject, body_html, created_at, updated_at`

func scanTemplate(row pgx.CollectableRow) (t Template, err error) {
	var created, updated time.Time
	err = row.Scan(&t.ID, &t.TemplateType, &t.Subject, &t.BodyHTML, &created, &updated)
	t.CreatedAt, t.UpdatedAt = rest.Time(created), rest.Time(updated)
	return t, err
}

func readTemplates(ctx context.Context, tx pg.Tx) ([]Template, error) {
	rows, err := tx.Query(ctx, `SELECT `+templateColumns+` FROM email.templates ORDER BY template_type`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanTemplate)
}

// readTemplate returns pgx.ErrNoRows when the row is missing.
func readTemplate(ctx context.Context, tx pg.Tx, kind string) (Template, error) {
	rows, err := tx.Query(ctx, `SELECT `+templateColumns+` FROM email.templates WHERE template_type = $1`, kind)
	if err != nil {
		return Template{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanTemplate)
}

// writeTemplate returns pgx.ErrNoRows when the row is missing.
func writeTemplate(ctx context.Context, tx pg.Tx, kind, subject, body string) (Template, error) {
	rows, err := tx.Query(ctx, `
		UPDATE email.templates
		   SET subject = $2, body_html = $3
		 WHERE template_type = $1
		RETURNING `+templateColumns, kind, subject, body)
	if err != nil {
		return Template{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanTemplate)
}

// kept is a row of the mailbox.
type kept struct {
	id, kind, sealed string
	created          time.Time
}

func scanKept(row pgx.CollectableRow) (k kept, err error) {
	var id uuid.UUID
	err = row.Scan(&id, &k.kind, &k.sealed, &k.created)
	k.id = id.String()
	return k, err
}

// insertKept adds a mail to the mailbox and drops the oldest ones beyond its
// caps. The newest stays regardless of its size.
func insertKept(ctx context.Context, tx pg.Tx, k kept) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('insforge mailbox'))`); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO email.mailbox (id, kind, sealed, created_at) VALUES ($1, $2, $3, $4)`,
		k.id, k.kind, k.sealed, k.created); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		DELETE FROM email.mailbox
		 WHERE number IN (
		       SELECT number
		         FROM (SELECT number, created_at,
		                      row_number() OVER newest AS rank,
		                      sum(octet_length(sealed)) OVER newest AS bytes
		                 FROM email.mailbox
		               WINDOW newest AS (ORDER BY number DESC)) AS ranked
		        WHERE rank > 1 AND (rank > $1 OR bytes > $2 OR created_at < $3))`,
		maxKept, maxKeptBytes, k.created.Add(-keptFor))
	return err
}

// readKept returns the mails that are not too old, the newest first; one of
// them when id is not empty.
func readKept(ctx context.Context, tx pg.Tx, id string, since time.Time) ([]kept, error) {
	rows, err := tx.Query(ctx, `
		SELECT id, kind, sealed, created_at
		  FROM email.mailbox
		 WHERE created_at >= $1 AND ($2 = '' OR id::text = $2)
		 ORDER BY number DESC`, since, id)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanKept)
}

// deleteKept deletes one mail, or all when id is empty, and returns how many.
func deleteKept(ctx context.Context, tx pg.Tx, id string) (int64, error) {
	tag, err := tx.Exec(ctx, `DELETE FROM email.mailbox WHERE $1 = '' OR id::text = $1`, id)
	return tag.RowsAffected(), err
}

func deleteKeptBefore(ctx context.Context, tx pg.Tx, t time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM email.mailbox WHERE created_at < $1`, t)
	return err
}
