package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/respond"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

func formatUint(n uint64) string { return strconv.FormatUint(n, 36) }

// errNotPlain says that a result has a type whose JSON Postgres must make.
var errNotPlain = errors.New("a column's JSON cannot be made from its text")

// run executes the plan on a connection. A statement that went stale under a
// schema change is tried once more: its transaction was rolled back whole.
func (j *job) run(ctx context.Context) (*respond.Result, error) {
	p, err := j.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer p.leave()
	conn := p.conn
	body := j.buffers.NewSpool(j.options.TempDir, j.options.MaxResultBytes)
	x := execution{job: j, conn: conn, statements: statementsOf(conn.Conn().PgConn())}
	x.result = &respond.Result{Total: -1, Body: body}
	x.options.NoColumns = !strings.HasPrefix(conn.Conn().PgConn().ParameterStatus("DateStyle"), "ISO") || j.roleSets("datestyle")
	err = x.once(ctx)
	for range 2 {
		switch {
		case err == nil:
			return x.result, nil
		case errors.Is(err, errNotPlain), x.namedTooMuch(err):
			x.options.NoColumns = true
		case hasState(err, pgerrcode.InvalidSQLStatementName, pgerrcode.DuplicatePreparedStatement):
			x.statements.forget()
			x.statements.unnamed = true
		case planChanged(err):
			if err := x.deallocate(ctx); err != nil {
				return x.result, err
			}
		default:
			return x.result, err
		}
		if err := body.Reset(); err != nil {
			return x.result, err
		}
		*x.result = respond.Result{Total: -1, Body: body}
		err = x.once(ctx)
	}
	return x.result, err
}

// inUTC tells that the statement's time zone is UTC for certain. The session's
// is what Postgres reported last.
func (x *execution) inUTC() bool {
	return x.conn.Conn().PgConn().ParameterStatus("TimeZone") == "UTC" && x.request.Prefer.Timezone == "" &&
		x.plan.Call == nil && x.Engine.options.PreRequest.Name == "" && !x.roleSets("timezone")
}

// roleSets tells that the role has a setting of its own, named in lower case.
func (j *job) roleSets(name string) bool {
	for _, s := range j.snapshot.Role(j.caller.Role).Settings {
		if strings.EqualFold(s.Name, name) {
			return true
		}
	}
	return false
}

// planChanged tells that a prepared statement no longer fits the schema.
func planChanged(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == pgerrcode.FeatureNotSupported && strings.HasPrefix(pg.Message, "cached plan")
}

// hasState tells that err is an error of Postgres with one of the SQLSTATEs.
func hasState(err error, states ...string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains(states, pg.Code)
}

// namedTooMuch tells that a write failed because its RETURNING named a column
// that the snapshot still has. The other form asks for all there are.
func (x *execution) namedTooMuch(err error) bool {
	return x.plan.Mutation != nil && x.query.Output == sqlgen.Columns && !x.options.NoColumns && hasState(err, pgerrcode.UndefinedColumn)
}

// execution is one attempt to run a plan.
type execution struct {
	*job
	conn       *pgxpool.Conn
	statements *statements
	options    sqlgen.Options
	query      sqlgen.Query
	result     *respond.Result
}

func (x *execution) deallocate(ctx context.Context) error {
	x.statements.forget()
	return x.conn.Conn().DeallocateAll(ctx)
}

// once sends everything in one write and reads the answers.
func (x *execution) once(ctx context.Context) error {
	x.choose()
	pipeline := x.conn.Conn().PgConn().StartPipeline(ctx)
	c := conversation{execution: x, pipeline: pipeline}
	err := c.hold()
	if rerr := c.cleanUp(); err == nil {
		err = rerr
	}
	if cerr := pipeline.Close(); err == nil && cerr != nil {
		err = cerr
	}
	return err
}

// choose writes the SQL.
func (x *execution) choose() {
	count := x.request.Prefer.Count
	x.options.Count = count == "exact" || count == "estimated"
	x.options.CountLimit = 0
	if count == "estimated" && x.Engine.options.MaxRows > 0 {
		x.options.CountLimit = x.Engine.options.MaxRows + 1
	}
	known := false
	if x.recalled {
		x.query, known = x.made.queryFor(x.plan, x.options)
	}
	if !known {
		x.query = sqlgen.Build(x.plan, x.options)
		x.rememberQuery()
	}
	x.query.Main = x.filled(x.query.Main)
	if x.query.Count != nil {
		count := x.filled(*x.query.Count)
		x.query.Count = &count
	}
}

// filled is a statement of the plan with the values of this request.
func (x *execution) filled(s sqlgen.Statement) sqlgen.Statement {
	if x.values != nil {
		s.Args = x.shapes.Arguments(s.Args, x.values)
	}
	return s
}

// planMode is the plan_cache_mode of a read, as far as it is known.
func (x *execution) planMode() string {
	if x.plan.Kind != request.Read || x.plan.Media.Media == request.Plan || x.statements.unnamed || len(x.query.Main.Args) == 0 {
		return ""
	}
	key := statementKey{x.caller.Role, x.query.Main.SQL}
	return x.generics.use(key, x.snapshot.Serial, func() sample {
		return sample{key, x.snapshot.Serial, x.prologue(new(settings), false, ""), x.query.Main.Args}
	})
}

// decides tells that the result decides between commit and rollback.
func (x *execution) decides() bool {
	if x.plan.Media.Media == request.Plan {
		return false
	}
	m := x.plan.Mutation
	switch {
	case x.plan.ReadOnly:
		return false
	case x.plan.Singular():
		return true
	case x.request.Prefer.HasMaxAffected && x.request.Prefer.Strict():
		return true
	}
	return m != nil && (m.Put || !m.Range.IsAll())
}

// judge applies the conditions on the number of rows. Its error makes the
// transaction roll back.
func (x *execution) judge() error {
	if x.plan.Media.Media == request.Plan {
		return nil
	}
	n, prefer := x.result.Rows, &x.request.Prefer
	m := x.plan.Mutation
	if m != nil && m.Put && n != 1 {
		return request.NewError(http.StatusBadRequest, "PGRST115", "Payload values do not match URL in primary key column(s)")
	}
	if x.plan.Singular() && n != 1 && (m == nil || !m.Put) {
		return request.NewError(http.StatusNotAcceptable, "PGRST116", "JSON object requested, multiple (or no) rows returned").
			WithDetails("The result contains " + strconv.FormatInt(n, 10) + " rows")
	}
	if x.request.Kind == request.Create || x.request.Kind == request.Read {
		return nil
	}
	if prefer.HasMaxAffected && prefer.Strict() && n > prefer.MaxAffected {
		return request.NewError(http.StatusBadRequest, "PGRST124", "Query result exceeds max-affected preference constraint").
			WithDetails("The query affects " + strconv.FormatInt(n, 10) + " rows")
	}
	if m == nil || m.Kind == plan.Insert {
		return nil
	}
	if most, limited := m.Range.Limit(); limited && n > most {
		return request.NewError(http.StatusBadRequest, "PGRST110", "The maximum number of rows allowed to change was surpassed").
			WithDetails(fmt.Sprintf("Results contain %d rows changed but the maximum number allowed is %d", n, most))
	}
	return nil
}
