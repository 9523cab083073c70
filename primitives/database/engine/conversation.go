package engine

import (
	"errors"
	"fmt"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

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
	read reader
}

// reader takes in the answer to a statement.
type reader func(*conversation, sent, *pgconn.ResultReader) error

func (c *conversation) plainStep(sql string) {
	c.pipeline.SendQueryParams(sql, nil, nil, nil, nil)
	c.steps = append(c.steps, step{})
}

func (c *conversation) step(role string, st sqlgen.Statement, want results, read reader) {
	c.steps = append(c.steps, step{c.statements.send(c.pipeline, role, st, want), read})
}

func (c *conversation) hold() error {
	x := c.execution
	rollback := x.Engine.options.TxEnd.rollsBack(x.request.Prefer.Transaction)
	isolation, decides := x.isolation(), x.decides()
	explicit := rollback || decides || isolation != ""
	if explicit {
		c.plainStep(begin(isolation, x.plan.ReadOnly))
	}
	c.step("", x.prologue(&x.statements.prologue, x.plan.ReadOnly && !explicit, x.planMode()), results{}, nil)
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
		return quote.Identifier(name)
	}
	return quote.Identifier(schema, name)
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
		c.step(role, *x.query.Count, results{}, (*conversation).readCount)
	}
	if prefer := x.request.Prefer.Count; x.plan.Kind == request.Read && (prefer == "planned" || prefer == "estimated") {
		c.step(role, x.filled(sqlgen.CountRows(x.plan)), results{}, (*conversation).readPlanned)
	}
	var want results
	switch x.query.Output {
	case sqlgen.Body:
		want.formats = []int16{pgx.TextFormatCode, pgx.TextFormatCode, pgx.BinaryFormatCode}
	case sqlgen.Columns:
		want = results{rows: x.snapshot, utc: x.inUTC()}
	}
	c.step(role, x.query.Main, want, (*conversation).readMain)
	counts := x.plan.Mutation != nil && x.plan.Mutation.CountsInserts()
	if counts || x.snapshot.Uses.Response {
		const q = `SELECT current_setting('response.headers', true), current_setting('response.status', true),
	nullif(current_setting('pgrst.inserted', true), '')`
		c.step("", sqlgen.Statement{SQL: q}, results{}, (*conversation).readSettings)
	}
}

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
	if s.preparing {
		r, err := c.pipeline.GetResults()
		if err != nil {
			return err
		}
		if d, ok := r.(*pgconn.StatementDescription); ok {
			d.Name = s.prepared.name
			d.SQL = s.prepared.key.sql
			s.prepared.description = d
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
		failed = s.read(c, s.sent, reader)
	}
	if _, err := reader.Close(); err != nil {
		return err
	}
	return failed
}
