package advisor

import (
	"context"
	"errors"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/jackc/pgx/v5"
)

// keptScans is how many scans are kept with their findings.
const keptScans = 10

// Summary is the newest scan and how much the newest completed one found.
type Summary struct {
	ScanID       string    `json:"scanId"`
	Status       string    `json:"status"`
	ScanType     string    `json:"scanType"`
	ScannedAt    rest.Time `json:"scannedAt"`
	ErrorMessage *string   `json:"errorMessage"`
	Summary      Counts    `json:"summary"`
}

// Counts are numbers of findings.
type Counts struct {
	Total    int64 `json:"total"`
	Critical int64 `json:"critical"`
	Warning  int64 `json:"warning"`
	Info     int64 `json:"info"`
}

// Issue is one finding.
type Issue struct {
	ID             string   `json:"id"`
	RuleID         string   `json:"ruleId"`
	Severity       Severity `json:"severity"`
	Category       Category `json:"category"`
	Title          string   `json:"title"`
	Description    string   `json:"description"`
	AffectedObject string   `json:"affectedObject"`
	Recommendation string   `json:"recommendation"`
}

// Filter says which findings to return; empty fields ask for all.
type Filter struct {
	Severity      Severity
	Category      Category
	Limit, Offset int64
}

// Scope is how much a suppression covers.
type Scope string

// The scopes: one object under one rule, or the whole rule.
const (
	ScopeInstance Scope = "instance"
	ScopeRule     Scope = "rule"
)

// NewSuppression is what to suppress and why. AffectedObject and Note are nil
// when absent; the former is so for a whole rule.
type NewSuppression struct {
	RuleID         string
	AffectedObject *string
	Scope          Scope
	Reason         string
	Note           *string
}

// Suppression is a suppression in force. Title, Severity and Category are set
// only in lists.
type Suppression struct {
	ID             string    `json:"id"`
	RuleID         string    `json:"ruleId"`
	AffectedObject *string   `json:"affectedObject,omitempty"`
	Scope          Scope     `json:"scope"`
	Reason         string    `json:"reason"`
	Note           *string   `json:"note,omitempty"`
	CreatedBy      *string   `json:"createdBy,omitempty"`
	CreatedAt      rest.Time `json:"createdAt"`
	Title          *string   `json:"title,omitempty"`
	Severity       *Severity `json:"severity,omitempty"`
	Category       *Category `json:"category,omitempty"`
}

// completed is the id of the newest completed scan.
const completed = `(SELECT id FROM system.advisor_scans WHERE status = 'completed' ORDER BY scanned_at DESC LIMIT 1)`

// shown are its findings f that no suppression covers.
const shown = `
	  FROM system.advisor_findings f
	 WHERE f.scan_id = ` + completed + `
	   AND NOT EXISTS (
	         SELECT FROM system.advisor_suppressions x
	          WHERE x.rule_id = f.rule_id
	            AND (x.scope = 'rule' OR x.affected_object = f.affected_object))`

func newest(ctx context.Context, tx pg.Tx) (*Summary, error) {
	var s Summary
	var at time.Time
	err := tx.QueryRow(ctx, `
		SELECT s.id::text, s.status, s.scan_type, s.scanned_at, s.error_message,
		       n.total, n.critical, n.warning, n.info
		  FROM system.advisor_scans s,
		       (SELECT count(*) AS total,
		               count(*) FILTER (WHERE severity = 'critical') AS critical,
		               count(*) FILTER (WHERE severity = 'warning') AS warning,
		               count(*) FILTER (WHERE severity = 'info') AS info`+shown+`) n
		 ORDER BY s.scanned_at DESC
		 LIMIT 1`).
		Scan(&s.ScanID, &s.Status, &s.ScanType, &at, &s.ErrorMessage,
			&s.Summary.Total, &s.Summary.Critical, &s.Summary.Warning, &s.Summary.Info)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	s.ScannedAt = rest.Time(at)
	return &s, err
}

func list(ctx context.Context, tx pg.Tx, f Filter) (issues []Issue, total int64, err error) {
	const filtered = shown + `
		   AND ($1 = '' OR f.severity = $1)
		   AND ($2 = '' OR f.category = $2)`
	err = tx.QueryRow(ctx, `SELECT count(*)`+filtered, string(f.Severity), string(f.Category)).Scan(&total)
	if err != nil {
		return nil, 0, err
	}
	rows, err := tx.Query(ctx, `
		SELECT f.id::text, f.rule_id, f.severity, f.category, f.title, f.description,
		       coalesce(f.affected_object, ''), coalesce(f.recommendation, '')`+filtered+`
		 ORDER BY array_position(ARRAY['critical', 'warning', 'info'], f.severity), f.rule_id, f.affected_object, f.id
		 LIMIT $3 OFFSET $4`, string(f.Severity), string(f.Category), f.Limit, f.Offset)
	if err != nil {
		return nil, 0, err
	}
	issues, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Issue])
	return issues, total, err
}

// beginScan enters a new scan. Since the caller holds the lock of scans, those
// still marked as running were cut short, and are marked so.
func beginScan(ctx context.Context, tx pgx.Tx) (id string, err error) {
	if err := settle(ctx, tx); err != nil {
		return "", err
	}
	err = tx.QueryRow(ctx, `INSERT INTO system.advisor_scans DEFAULT VALUES RETURNING id::text`).Scan(&id)
	return id, err
}

// settle marks scans that were cut short. The caller holds the lock of scans.
func settle(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		UPDATE system.advisor_scans
		   SET status = 'failed', error_message = $1
		 WHERE status = 'running'`, interrupted)
	return err
}

// complete records what a scan found and deletes old scans. note says what the
// scan could not do; empty when nothing.
func complete(ctx context.Context, tx pgx.Tx, id, note string, found []finding) error {
	_, err := tx.Exec(ctx, `
		UPDATE system.advisor_scans
		   SET status = 'completed', error_message = nullif($2, '')
		 WHERE id = $1`, id, note)
	if err != nil {
		return err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"system", "advisor_findings"},
		[]string{"scan_id", "rule_id", "severity", "category", "title", "affected_object", "description", "recommendation"},
		pgx.CopyFromSlice(len(found), func(i int) ([]any, error) {
			f := found[i]
			return []any{id, f.rule.id, string(f.severity), string(f.rule.category), f.rule.title, f.object, f.description, f.fix}, nil
		}))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		DELETE FROM system.advisor_scans
		 WHERE id IS DISTINCT FROM `+completed+`
		   AND id NOT IN (SELECT id FROM system.advisor_scans ORDER BY scanned_at DESC LIMIT $1)`, keptScans)
	return err
}

// fail marks a scan as failed, unless its completion was committed after all.
func fail(ctx context.Context, tx pg.Tx, id, why string) error {
	_, err := tx.Exec(ctx, `
		UPDATE system.advisor_scans
		   SET status = 'failed', error_message = $2
		 WHERE id = $1 AND status = 'running'`, id, why)
	return err
}

func insertSuppression(ctx context.Context, tx pg.Tx, n NewSuppression, who string) (Suppression, error) {
	x := Suppression{RuleID: n.RuleID, AffectedObject: n.AffectedObject, Scope: n.Scope, Reason: n.Reason, Note: n.Note}
	var at time.Time
	err := tx.QueryRow(ctx, `
		INSERT INTO system.advisor_suppressions (rule_id, affected_object, scope, reason, note, created_by)
		VALUES ($1, $2, $3, $4, $5, nullif($6, ''))
		RETURNING id::text, created_by, created_at`,
		n.RuleID, n.AffectedObject, string(n.Scope), n.Reason, n.Note, who).
		Scan(&x.ID, &x.CreatedBy, &at)
	x.CreatedAt = rest.Time(at)
	return x, err
}

func suppressions(ctx context.Context, tx pg.Tx) ([]Suppression, error) {
	rows, err := tx.Query(ctx, `
		SELECT x.id::text, x.rule_id, x.affected_object, x.scope, x.reason, x.note, x.created_by, x.created_at,
		       f.title, f.severity, f.category
		  FROM system.advisor_suppressions x
		  LEFT JOIN LATERAL (
		         SELECT title, severity, category
		           FROM system.advisor_findings f
		          WHERE f.scan_id = `+completed+`
		            AND f.rule_id = x.rule_id
		            AND (x.scope = 'rule' OR f.affected_object = x.affected_object)
		          ORDER BY array_position(ARRAY['critical', 'warning', 'info'], f.severity)
		          LIMIT 1) f ON true
		 ORDER BY x.created_at DESC, x.id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (x Suppression, err error) {
		var at time.Time
		err = row.Scan(&x.ID, &x.RuleID, &x.AffectedObject, &x.Scope, &x.Reason, &x.Note, &x.CreatedBy, &at,
			&x.Title, &x.Severity, &x.Category)
		x.CreatedAt = rest.Time(at)
		return x, err
	})
}

func deleteSuppression(ctx context.Context, tx pg.Tx, id string) (found bool, err error) {
	tag, err := tx.Exec(ctx, `DELETE FROM system.advisor_suppressions WHERE id = $1`, id)
	return tag.RowsAffected() > 0, err
}
