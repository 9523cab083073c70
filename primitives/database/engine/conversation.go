package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/jackc/pgx/v5/pgconn"
)

// conversation is an exchange with Postgres on one connection: what was sent
// and is not answered yet.
type conversation struct {
	conn       *pgconn.PgConn
	pipeline   *pgconn.Pipeline
	statements *statements
	steps      []step
	// unreset is set when settings of the session could not be undone.
	unreset bool
}

// step is something that was sent, and how to read its answer; read is nil
// when only failure counts.
type step struct {
	sent sent
	read reader
}

// reader takes in the answer to a statement.
type reader func(sent, *pgconn.ResultReader) error

// usualSteps are as many as most conversations have.
const usualSteps = 4

// converse begins an exchange; its caller closes the pipeline.
func converse(ctx context.Context, conn *pgconn.PgConn, statements *statements) *conversation {
	return &conversation{conn: conn, pipeline: conn.StartPipeline(ctx), statements: statements, steps: make([]step, 0, usualSteps)}
}

func (c *conversation) plainStep(sql string) {
	c.pipeline.SendQueryParams(sql, nil, nil, nil, nil)
	c.steps = append(c.steps, step{})
}

func (c *conversation) step(role string, st sqlgen.Statement, want results, read reader) {
	c.steps = append(c.steps, step{c.statements.send(c.pipeline, role, st, want), read})
}

// cleanUp ends an explicit transaction that failed: Postgres skipped what
// would have ended it.
func (c *conversation) cleanUp() error {
	if c.conn.IsClosed() || c.conn.TxStatus() == 'I' {
		return nil
	}
	c.plainStep("ROLLBACK")
	return c.readAll()
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

// readAll reads the answers to what was sent, up to the end of the transaction.
func (c *conversation) readAll() error {
	if err := c.pipeline.Sync(); err != nil {
		return err
	}
	return c.readToEnd()
}

// readAndReset is readAll, and undoes what SQL set for the rest of the session,
// which other callers use next. It takes no further round trip, and a transaction
// of its own: only a commit leaves something to undo, and it may run more SQL.
func (c *conversation) readAndReset() error {
	c.pipeline.SendPipelineSync()
	c.pipeline.SendQueryParams("RESET ALL", nil, nil, nil, nil)
	if err := c.pipeline.Sync(); err != nil {
		return err
	}
	err := c.readToEnd()
	undone := c.conn.TxStatus() == 'E' // by the rollback that is due
	c.unreset = c.drain() != nil && !undone
	return err
}

func (c *conversation) readToEnd() error {
	first := c.readSteps()
	if err := c.drain(); first == nil {
		first = err
	}
	return first
}

// readSteps reads the answers to what was sent. The first failure is the one to
// report; Postgres skips everything after it.
func (c *conversation) readSteps() error {
	steps := c.steps
	c.steps = steps[len(steps):]
	for _, s := range steps {
		if err := c.readStep(s); err != nil {
			return err
		}
	}
	return nil
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
	for range s.sent.dropped {
		if _, err := c.pipeline.GetResults(); err != nil {
			return err
		}
	}
	if s.sent.preparing {
		r, err := c.pipeline.GetResults()
		if err != nil {
			return err
		}
		if d, ok := r.(*pgconn.StatementDescription); ok {
			d.Name = s.sent.prepared.name
			d.SQL = s.sent.prepared.key.sql
			s.sent.prepared.description = d
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
		failed = s.read(s.sent, reader)
	}
	if _, err := reader.Close(); err != nil {
		return err
	}
	return failed
}
