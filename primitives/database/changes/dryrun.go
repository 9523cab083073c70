package changes

import (
	"context"
	"errors"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/session"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5/pgconn"
)

// Level is how dangerous something is.
type Level string

// The levels of a report, from harmless to dangerous.
const (
	Safe    Level = "SAFE"
	Warning Level = "WARNING"
	Danger  Level = "DANGER"
)

// Report is what a dry run found out.
type Report struct {
	// Valid reports whether the SQL could be applied to the database as it is
	// now.
	Valid          bool     `json:"valid"`
	StatementCount int      `json:"statementCount"`
	Statements     []string `json:"statements"`
	// RiskLevel is the highest of the factors.
	RiskLevel   Level        `json:"riskLevel"`
	RiskFactors []RiskFactor `json:"riskFactors"`
	// Error says why the SQL is not valid.
	Error string `json:"error,omitempty"`
}

// RiskFactor is one reason to be careful.
type RiskFactor struct {
	Code        string `json:"code"`
	Description string `json:"description"`
	Level       Level  `json:"level,omitempty"`
	Statement   string `json:"statement,omitempty"`
}

// The codes of a RiskFactor.
const (
	emptySQL       = "EMPTY_SQL"
	guardViolation = "GUARD_VIOLATION"
	dataLoss       = "DESTRUCTIVE_DATA_LOSS"
	breakingChange = "SCHEMA_BREAKING_CHANGE"
	failedToRun    = "SYNTAX_OR_EXECUTION_ERROR"
)

// DryRun runs SQL as a migration would be, rolls it back, and reports. What is
// wrong with the SQL is in the report.
//
// It returns 413 INVALID_INPUT for a text that is too long, 409
// DATABASE_CONSTRAINT_VIOLATION when other migrations did not end in time, and
// 503 when the database went away.
func (s *Service) DryRun(ctx context.Context, sql string) (Report, error) {
	r := Report{Valid: true, Statements: []string{}, RiskLevel: Safe, RiskFactors: []RiskFactor{}}
	if strings.TrimSpace(sql) == "" {
		r.refuse(RiskFactor{Code: emptySQL, Description: "There is no SQL."}, "The SQL is empty")
		return r, nil
	}
	statements, err := s.read(sql)
	r.StatementCount, r.Statements = len(statements), texts(statements)
	if err != nil {
		return r, r.guard(err)
	}
	if len(statements) == 0 {
		r.refuse(RiskFactor{Code: emptySQL, Description: "There are only comments."}, "The SQL is empty")
		return r, nil
	}
	for _, f := range risks(statements) {
		r.add(f)
	}
	err = s.alone(ctx, s.limits.DryRun, func(ctx context.Context, x *session.Session) error {
		return x.Try(ctx, session.Work{SQL: func(ctx context.Context, tx pg.Tx) error { return run(ctx, tx, statements) }})
	})
	return r, r.execution(err)
}

func (r *Report) add(f RiskFactor) {
	r.RiskFactors = append(r.RiskFactors, f)
	if f.Level == Danger || f.Level == Warning && r.RiskLevel == Safe {
		r.RiskLevel = f.Level
	}
}

func (r *Report) refuse(f RiskFactor, reason string) {
	r.Valid, r.Error = false, reason
	r.add(f)
}

// guard reports text that is not SQL, or that the guards refuse. It returns
// any other error.
func (r *Report) guard(err error) error {
	var syntax *sqltext.SyntaxError
	var violation *sqltext.Violation
	switch {
	case errors.As(err, &syntax):
		r.refuse(RiskFactor{Code: failedToRun, Description: "The text cannot be read as SQL.", Level: Danger}, syntax.Error())
	case errors.As(err, &violation):
		r.refuse(RiskFactor{Code: guardViolation, Description: violation.Reason + ".", Level: Danger, Statement: violation.Statement.Text}, violation.Error())
	default:
		return err
	}
	return nil
}

// execution reports SQL that failed, or was too slow. It returns errors that
// say nothing about the SQL.
func (r *Report) execution(err error) error {
	var failed *failure
	var e *pgconn.PgError
	if errors.Is(err, errTooSlow) {
		reason := "The SQL took longer than a dry run is allowed"
		r.refuse(RiskFactor{Code: failedToRun, Description: "A migration may take longer, but it locks the tables that it changes until it ends.", Level: Danger}, reason)
		return nil
	}
	if !errors.As(err, &failed) || !errors.As(err, &e) || pg.Gone(err) {
		return err
	}
	description := failed.where(int(e.Position))
	var known *fault.Error
	if errors.As(err, &known) && known.NextActions != "" {
		description = known.NextActions
	}
	r.refuse(RiskFactor{Code: failedToRun, Description: description, Level: Danger, Statement: failed.statement.Text}, e.Message)
	return nil
}
