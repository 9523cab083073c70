package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/respond"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

func formatUint(n uint64) string { return strconv.FormatUint(n, 36) }

// errNotPlain says that a result has a type whose JSON Postgres must make.
var errNotPlain = errors.New("a column's JSON cannot be made from its text")

// run executes the plan on a connection. A statement that went stale under a
// schema change is tried once more: its transaction was rolled back whole.
func (j *job) run(ctx context.Context) (*respond.Result, error) {
	acquire, cancel := context.WithTimeout(ctx, j.options.AcquireTimeout)
	conn, err := j.acquire(acquire)
	cancel()
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	body := j.buffers.NewSpool(j.options.TempDir, j.options.MaxResultBytes)
	x := execution{job: j, conn: conn, statements: statementsOf(conn.Conn().PgConn())}
	x.result = &respond.Result{Total: -1, Body: body}
	x.options.NoColumns = !strings.HasPrefix(conn.Conn().PgConn().ParameterStatus("DateStyle"), "ISO") || j.roleSetsDates()
	err = x.once(ctx)
	for range 2 {
		switch {
		case errors.Is(err, errNotPlain), x.namedTooMuch(err):
			x.options.NoColumns = true
		case stale(err):
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

// roleSetsDates tells that the role prints dates in another style.
func (j *job) roleSetsDates() bool {
	for _, s := range j.snapshot.Role(j.caller.Role).Settings {
		if strings.EqualFold(s.Name, "datestyle") {
			return true
		}
	}
	return false
}

// stale tells that a prepared statement no longer fits the schema.
func stale(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	return pg.Code == "26000" || pg.Code == "0A000" && strings.HasPrefix(pg.Message, "cached plan")
}

// namedTooMuch tells that a write failed because its RETURNING named a column
// that the snapshot still has. The other form asks for all there are.
func (x *execution) namedTooMuch(err error) bool {
	var pg *pgconn.PgError
	return x.plan.Mutation != nil && x.query.Output == sqlgen.Columns && !x.options.NoColumns &&
		errors.As(err, &pg) && pg.Code == "42703"
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
	_, err := x.conn.Conn().PgConn().Exec(ctx, "DEALLOCATE ALL").ReadAll()
	return err
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
	x.query = sqlgen.Build(x.plan, x.options)
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

// conversation is the exchange of one attempt with Postgres.
type conversation struct {
	*execution
	pipeline *pgconn.Pipeline
	steps    []step
}

// step is something that was sent, and how to read its answer; read is nil
// when only failure counts.
type step struct {
	sent
	read func(*pgconn.ResultReader) error
}

func (c *conversation) plainStep(sql string) {
	c.pipeline.SendQueryParams(sql, nil, nil, nil, nil)
	c.steps = append(c.steps, step{})
}

func (c *conversation) step(role string, st sqlgen.Statement, results []int16, read func(*pgconn.ResultReader) error) {
	c.steps = append(c.steps, step{c.statements.send(c.pipeline, role, st, results), read})
}

func (c *conversation) hold() error {
	x := c.execution
	rollback := x.Engine.options.TxEnd.rollsBack(x.request.Prefer.Transaction)
	isolation, decides := x.isolation(), x.decides()
	explicit := rollback || decides || isolation != ""
	if explicit {
		c.plainStep(begin(isolation, x.plan.ReadOnly))
	}
	c.step("", x.prologue(x.plan.ReadOnly && !explicit), nil, nil)
	if pre := x.Engine.options.PreRequest; pre.Name != "" {
		c.plainStep("SELECT " + qualified(pre.Schema, pre.Name) + "()")
	}
	c.sendMain()
	if !decides {
		c.end(explicit, rollback)
		if err := c.readAll(true); err != nil {
			return err
		}
		return x.judge()
	}
	c.pipeline.SendFlushRequest()
	if err := c.pipeline.Flush(); err != nil {
		return err
	}
	err := c.readAll(false)
	if err == nil {
		err = x.judge()
	}
	c.end(true, rollback || err != nil)
	if end := c.readAll(true); err == nil {
		err = end
	}
	return err
}

// cleanUp ends an explicit transaction that failed: Postgres skipped what
// would have ended it.
func (c *conversation) cleanUp() error {
	conn := c.conn.Conn().PgConn()
	if conn.IsClosed() || conn.TxStatus() == 'I' {
		return nil
	}
	c.plainStep("ROLLBACK")
	return c.readAll(true)
}

func qualified(schema, name string) string {
	if schema == "" {
		return quote(name)
	}
	return quote(schema) + "." + quote(name)
}

// end finishes the transaction. Without an explicit one, the Sync commits.
func (c *conversation) end(explicit, rollback bool) {
	switch {
	case explicit && rollback:
		// What only the commit would have found must not go unseen.
		c.plainStep("SET CONSTRAINTS ALL IMMEDIATE")
		c.plainStep("ROLLBACK")
	case explicit:
		c.plainStep("COMMIT")
	}
}

// sendMain sends the statements of the plan.
func (c *conversation) sendMain() {
	x, role := c.execution, c.caller.Role
	if x.query.Count != nil {
		c.step(role, *x.query.Count, nil, c.readCount)
	}
	if prefer := x.request.Prefer.Count; x.plan.Kind == request.Read && (prefer == "planned" || prefer == "estimated") {
		c.step(role, sqlgen.CountRows(x.plan), nil, c.readPlanned)
	}
	var formats []int16
	if x.query.Output == sqlgen.Body {
		formats = []int16{pgTextFormat, pgTextFormat, pgBinaryFormat}
	}
	c.step(role, x.query.Main, formats, c.readMain)
	counts := x.plan.Mutation != nil && x.plan.Mutation.CountsInserts()
	if counts || x.snapshot.Uses.Response {
		const q = `SELECT current_setting('response.headers', true), current_setting('response.status', true),
	nullif(current_setting('pgrst.inserted', true), '')`
		c.step("", sqlgen.Statement{SQL: q}, nil, c.readSettings)
	}
}

const (
	pgTextFormat   = 0
	pgBinaryFormat = 1
)

// readAll reads the answers to what was sent. The first failure is the one to
// report; Postgres skips everything behind it.
func (c *conversation) readAll(sync bool) error {
	if sync {
		if err := c.pipeline.Sync(); err != nil {
			return err
		}
	}
	steps := c.steps
	c.steps = nil
	var first error
	for _, s := range steps {
		if err := c.readStep(s); err != nil {
			first = err
			break
		}
	}
	if !sync {
		return first
	}
	if err := c.drain(); first == nil {
		first = err
	}
	return first
}

// drain reads up to the end of the transaction, where deferred constraints
// may still fail.
func (c *conversation) drain() error {
	var first error
	for {
		r, err := c.pipeline.GetResults()
		var pg *pgconn.PgError
		switch {
		case err != nil && !errors.As(err, &pg):
			return err
		case err != nil && first == nil:
			first = err
		case err != nil:
		case r == nil:
			return first
		}
		if reader, ok := r.(*pgconn.ResultReader); ok {
			_, _ = reader.Close() // its failure is not the first
		}
		if _, ok := r.(*pgconn.PipelineSync); ok {
			return first
		}
	}
}

func (c *conversation) readStep(s step) error {
	for range s.dropped {
		if _, err := c.pipeline.GetResults(); err != nil {
			return err
		}
	}
	if s.preparing != nil {
		r, err := c.pipeline.GetResults()
		if err != nil {
			return err
		}
		if d, ok := r.(*pgconn.StatementDescription); ok {
			d.Name = s.preparing.name
			d.SQL = s.preparing.key.sql
			s.preparing.description = d
		}
	}
	r, err := c.pipeline.GetResults()
	if err != nil {
		return err
	}
	reader, ok := r.(*pgconn.ResultReader)
	if !ok {
		return fmt.Errorf("unexpected answer %T of Postgres", r)
	}
	var failed error
	if s.read != nil {
		failed = s.read(reader)
	}
	if _, err := reader.Close(); err != nil {
		return err
	}
	return failed
}

func (c *conversation) readCount(r *pgconn.ResultReader) error {
	if r.NextRow() {
		n, err := strconv.ParseInt(string(r.Values()[0]), 10, 64)
		if err != nil {
			return err
		}
		c.result.Total = n
	}
	return nil
}

// readPlanned takes the planner's number of rows out of an EXPLAIN.
func (c *conversation) readPlanned(r *pgconn.ResultReader) error {
	if !r.NextRow() {
		return nil
	}
	var plans []struct {
		Plan struct {
			Rows int64 `json:"Plan Rows"`
		}
	}
	if err := json.Unmarshal(r.Values()[0], &plans); err != nil || len(plans) != 1 {
		return fmt.Errorf("read the planned number of rows: %w", err)
	}
	// An estimate counts exactly up to the cap of rows, and plans beyond it.
	if c.request.Prefer.Count == "planned" || c.result.Total > c.Engine.options.MaxRows {
		c.result.Total = max(c.result.Total, plans[0].Plan.Rows)
	}
	return nil
}

func (c *conversation) readSettings(r *pgconn.ResultReader) error {
	if !r.NextRow() {
		return nil
	}
	v := r.Values()
	c.result.Headers, c.result.Status = string(v[0]), string(v[1])
	if v[2] != nil {
		n, err := strconv.ParseInt(string(v[2]), 10, 64)
		if err != nil {
			return err
		}
		c.result.Inserted = n
	}
	return nil
}

func (c *conversation) readMain(r *pgconn.ResultReader) error {
	switch c.query.Output {
	case sqlgen.Columns:
		w, exact := respond.NewRowWriter(r.FieldDescriptions(), c.snapshot.IsPlain)
		if !exact && c.plan.Mutation == nil {
			return errNotPlain
		}
		return c.readRows(r, w.Append)
	case sqlgen.Rows:
		return c.readRows(r, appendValue)
	case sqlgen.Body:
		return c.readBody(r)
	case sqlgen.Tag:
		tag, err := r.Close()
		c.result.Rows, c.result.Body = tag.RowsAffected(), nil
		if !tag.Insert() && !tag.Update() && !tag.Delete() {
			c.result.Rows = 0
		}
		return err
	case sqlgen.Location:
		return c.readLocation(r)
	}
	return c.readExplain(r)
}

func appendValue(b []byte, values [][]byte) []byte {
	if values[0] == nil {
		return append(b, "null"...)
	}
	return append(b, values[0]...)
}

// readRows joins the rows to an array, or takes the one that is wanted.
func (c *conversation) readRows(r *pgconn.ResultReader, row func([]byte, [][]byte) []byte) error {
	body, one := c.result.Body, c.wantsOne()
	separator := ", \n "
	if f := c.plan.Call; f != nil && f.Function.SetOfScalar() {
		separator = ", "
	}
	var n int64
	err := body.Append(func(b []byte) []byte {
		if one {
			return b
		}
		return append(b, '[')
	})
	for err == nil && r.NextRow() {
		if n++; one && n > 1 {
			continue
		}
		err = body.Append(func(b []byte) []byte {
			if n > 1 {
				b = append(b, separator...)
			}
			return row(b, r.Values())
		})
	}
	c.result.Rows = n
	switch {
	case err != nil:
		return err
	case !one:
		return body.Text("]")
	case n == 0:
		return body.Text("null")
	}
	return nil
}

// wantsOne tells that the body is one value, not an array.
func (c *conversation) wantsOne() bool {
	if f := c.plan.Call; f != nil && !f.Function.SetOf {
		return true
	}
	return c.plan.Singular()
}

func (c *conversation) readBody(r *pgconn.ResultReader) error {
	if !r.NextRow() {
		return nil
	}
	v := r.Values()
	if v[0] != nil {
		total, err := strconv.ParseInt(string(v[0]), 10, 64)
		if err != nil {
			return err
		}
		c.result.Total = total
	}
	rows, err := strconv.ParseInt(string(v[1]), 10, 64)
	if err != nil {
		return err
	}
	c.result.Rows = rows
	return c.result.Body.Append(func(b []byte) []byte { return append(b, v[2]...) })
}

func (c *conversation) readLocation(r *pgconn.ResultReader) error {
	key := c.plan.Mutation.PK
	var location []respond.KeyValue
	for r.NextRow() {
		if c.result.Rows++; c.result.Rows > 1 || len(key) == 0 {
			location = nil
			continue
		}
		for i, v := range r.Values() {
			location = append(location, respond.KeyValue{Column: key[i], Value: string(v), Null: v == nil})
		}
	}
	c.result.Location, c.result.Body = location, nil
	return nil
}

func (c *conversation) readExplain(r *pgconn.ResultReader) error {
	for r.NextRow() {
		line := r.Values()[0]
		err := c.result.Body.Append(func(b []byte) []byte { return append(append(b, line...), '\n') })
		if err != nil {
			return err
		}
	}
	return nil
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
