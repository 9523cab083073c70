package engine

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/respond"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func formatUint(n uint64) string { return strconv.FormatUint(n, 36) }

// errNotPlain says that a result has a type whose JSON Postgres must make.
var errNotPlain = errors.New("a column's JSON cannot be made from its text")

// execute runs a plan on a connection. A statement that went stale under a
// schema change is tried again, at most twice: its transaction was rolled back
// whole.
func (e *Engine) execute(ctx context.Context, in *incoming, p *planned) (result *respond.Result, err error) {
	passage, err := e.connect(ctx, p.plan.ReadOnly)
	if err != nil {
		return nil, err
	}
	defer passage.leave()
	conn := passage.conn.Conn()
	statements := statementsOf(conn.PgConn())
	options := e.formOf(in, p, conn.PgConn())
	body := e.buffers.New(e.options.TempDir, e.options.MaxResultBytes)
	defer func() {
		if result == nil || result.Body == nil { // the caller has nothing to close
			body.Close()
		}
	}()
	for retries := 0; ; retries++ {
		t := transaction{engine: e, in: in, planned: p, query: e.queryOf(p, options), conn: conn.PgConn(), statements: statements}
		t.intake = intake{planned: p, output: t.query.Output, maxRows: e.options.MaxRows, result: respond.Result{Total: -1, Body: body}}
		err = t.run(ctx)
		result = &t.intake.result
		switch {
		case err == nil, retries == 2:
			return result, err
		case errors.Is(err, errNotPlain), namesTooMuch(p, t.query, err):
			options.NoColumns = true
		case hasState(err, pgerrcode.InvalidSQLStatementName, pgerrcode.DuplicatePreparedStatement):
			statements.forget()
			statements.unnamed = true
		case planChanged(err):
			statements.forget()
			if err := conn.DeallocateAll(ctx); err != nil {
				return result, err
			}
		default:
			return result, err
		}
		if err := body.Reset(); err != nil {
			return result, err
		}
	}
}

// formOf chooses between the forms of the statements.
func (e *Engine) formOf(in *incoming, p *planned, conn *pgconn.PgConn) sqlgen.Options {
	count := p.request.Prefer.Count
	o := sqlgen.Options{
		Count:     count == "exact" || count == "estimated",
		NoColumns: !strings.HasPrefix(conn.ParameterStatus("DateStyle"), "ISO") || roleSets(in, p, "datestyle"),
	}
	if count == "estimated" && e.options.MaxRows > 0 {
		o.CountLimit = e.options.MaxRows + 1
	}
	return o
}

// queryOf writes the statements of a plan, or fills remembered ones.
func (e *Engine) queryOf(p *planned, o sqlgen.Options) (query sqlgen.Query) {
	known := false
	if p.recalled {
		query, known = p.memory.made.queryFor(p.plan, o)
	}
	if !known {
		query = sqlgen.Build(p.plan, o)
		p.keepQuery(query, o)
	}
	query.Main = p.memory.fill(query.Main)
	if query.Count != nil {
		count := p.memory.fill(*query.Count)
		query.Count = &count
	}
	return query
}

// keepQuery remembers statements that were just written.
func (p *planned) keepQuery(query sqlgen.Query, o sqlgen.Options) {
	m := made{request: p.shape, plan: p.plan, query: query, options: o}
	if p.request.HasBody() {
		var ok bool
		if m.plan, m.query, ok = withoutBody(p.plan, query); !ok {
			return
		}
	}
	p.memory.keep(p.snapshot, &m)
}

// inUTC reports whether the statement's time zone is UTC for certain. The
// session's is what Postgres reported last.
func (e *Engine) inUTC(in *incoming, p *planned, conn *pgconn.PgConn) bool {
	return conn.ParameterStatus("TimeZone") == "UTC" && p.request.Prefer.Timezone == "" &&
		p.plan.Call == nil && e.options.PreRequest.Name == "" && !roleSets(in, p, "timezone")
}

// roleSets reports whether the role itself sets a setting, named in lower case.
func roleSets(in *incoming, p *planned, name string) bool {
	for _, s := range p.snapshot.Role(in.caller.Role).Settings {
		if strings.EqualFold(s.Name, name) {
			return true
		}
	}
	return false
}

// planChanged reports whether a prepared statement no longer fits the schema.
func planChanged(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == pgerrcode.FeatureNotSupported && strings.HasPrefix(e.Message, "cached plan")
}

// hasState reports whether err is an error of Postgres with one of the
// SQLSTATEs.
func hasState(err error, states ...string) bool {
	state := pg.State(err)
	return state != "" && slices.Contains(states, state)
}

// namesTooMuch reports whether a write failed because its RETURNING named a
// column that the snapshot still has. The other form asks for all that exist.
func namesTooMuch(p *planned, query sqlgen.Query, err error) bool {
	return p.plan.Mutation != nil && query.Output == sqlgen.Columns && hasState(err, pgerrcode.UndefinedColumn)
}

// transaction is one attempt to run a plan, on a connection.
type transaction struct {
	engine     *Engine
	in         *incoming
	planned    *planned
	query      sqlgen.Query
	conn       *pgconn.PgConn
	statements *statements
	intake     intake
}

// run sends everything in one write and reads the answers.
func (t *transaction) run(ctx context.Context) error {
	c := converse(ctx, t.conn, t.statements)
	err := t.hold(c)
	if cleaned := c.cleanUp(); err == nil {
		err = cleaned
	}
	if closed := c.pipeline.Close(); err == nil {
		err = closed
	}
	if c.unreset {
		_ = t.conn.Close(ctx) // for nobody else to use
	}
	return err
}

func (t *transaction) hold(c *conversation) error {
	p := t.planned
	rollback := t.engine.options.TxEnd.rollsBack(p.request.Prefer.Transaction)
	isolation, decides := isolationOf(t.in, p), decides(p)
	explicit := rollback || decides || isolation != ""
	if explicit {
		c.plainStep(begin(isolation, p.plan.ReadOnly))
	}
	prologue := t.engine.prologue(&t.statements.prologue, t.in, p, p.plan.ReadOnly && !explicit, t.planMode())
	c.step("", prologue, results{}, nil)
	if pre := t.engine.options.PreRequest; pre.Name != "" {
		c.plainStep("SELECT " + pre.Quoted() + "()")
	}
	t.send(c)
	finish := c.readAll
	if p.plan.Call != nil && !p.plan.ReadOnly {
		finish = c.readAndReset
	}
	if !decides {
		c.end(explicit, rollback)
		if err := finish(); err != nil {
			return err
		}
		return judge(p, t.intake.result.Rows)
	}
	c.pipeline.SendFlushRequest()
	if err := c.pipeline.Flush(); err != nil {
		return err
	}
	err := c.readSteps()
	if err == nil {
		err = judge(p, t.intake.result.Rows)
	}
	c.end(true, rollback || err != nil)
	if end := finish(); err == nil {
		err = end
	}
	return err
}

// send sends the statements of the plan.
func (t *transaction) send(c *conversation) {
	p, role, intake := t.planned, t.in.caller.Role, &t.intake
	if t.query.Count != nil {
		c.step(role, *t.query.Count, results{}, intake.takeCount)
	}
	if prefer := p.request.Prefer.Count; p.plan.Kind == request.Read && (prefer == "planned" || prefer == "estimated") {
		c.step(role, p.memory.fill(sqlgen.CountRows(p.plan)), results{}, intake.takePlanned)
	}
	var want results
	switch t.query.Output {
	case sqlgen.Body:
		want.formats = []int16{pgx.TextFormatCode, pgx.TextFormatCode, pgx.BinaryFormatCode}
	case sqlgen.Columns:
		want = results{rows: p.snapshot, utc: t.engine.inUTC(t.in, p, t.conn)}
	}
	c.step(role, t.query.Main, want, intake.takeMain)
	counts := p.plan.Mutation != nil && p.plan.Mutation.CountsInserts()
	if counts || p.snapshot.Uses.Response {
		const q = `SELECT current_setting('response.headers', true), current_setting('response.status', true),
	nullif(current_setting('pgrst.inserted', true), '')`
		c.step("", sqlgen.Statement{SQL: q}, results{}, intake.takeSettings)
	}
}

// planMode is the plan_cache_mode of a read, as far as it is known.
func (t *transaction) planMode() string {
	p := t.planned
	if p.plan.Kind != request.Read || p.plan.Media.Media == request.Plan || t.statements.unnamed || len(t.query.Main.Args) == 0 {
		return ""
	}
	key := statementKey{t.in.caller.Role, t.query.Main.SQL}
	return t.engine.generics.use(key, p.snapshot.Serial, func() sample {
		return sample{key, p.snapshot.Serial, t.engine.prologue(new(settings), t.in, p, false, ""), t.query.Main.Args}
	})
}
