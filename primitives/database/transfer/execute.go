package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5/pgconn"
)

// Bounds of what is sent to Postgres before its answers are read.
const (
	maxPipelined      = 500
	maxPipelinedBytes = 256 << 10
)

// failed is an error of Postgres, with the line of the file that caused it.
type failed struct {
	line int
	err  error
}

// at adds the line to an error of Postgres; the text of a fault names it.
func at(line int, err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	return &failed{line: line, err: err}
}

func (f *failed) Error() string { return fmt.Sprintf("line %d: %v", f.line, f.err) }
func (f *failed) Unwrap() error { return f.err }

// runner sends statements in batches. Each is sent alone, with the extended
// protocol, which refuses a text that turns out to be two commands.
type runner struct {
	conn     *pgconn.PgConn
	triggers triggers
	waiting  []step
	bytes    int
	rows     int64
}

// execute runs a script and returns how many rows it added, and what was
// passed over. Its statements were inspected before.
func execute(ctx context.Context, tx pg.Tx, s *script, j judge) (rows int64, skipped Skipped, err error) {
	r := &runner{conn: tx.Conn().PgConn(), triggers: triggers{tx: tx}}
	for {
		st, err := s.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, skipped, err
		}
		reason, err := j.pass(st)
		if err != nil {
			return 0, skipped, err
		}
		if reason != "" {
			skipped.add(st, reason)
			continue
		}
		if err := r.run(ctx, st); err != nil {
			return 0, skipped, err
		}
	}
	if err := r.flush(ctx); err != nil {
		return 0, skipped, err
	}
	return r.rows, skipped, r.triggers.end(ctx)
}

func (r *runner) run(ctx context.Context, st step) error {
	if task := r.triggers.before(st); task != nil {
		if err := r.flush(ctx); err != nil {
			return err
		}
		switch done, err := task(ctx); {
		case err != nil:
			return at(st.Line, err)
		case done:
			return nil
		}
	}
	if st.rows != nil {
		if err := r.flush(ctx); err != nil {
			return err
		}
		return r.copy(ctx, st)
	}
	r.waiting = append(r.waiting, st)
	r.bytes += len(st.Text)
	if len(r.waiting) < maxPipelined && r.bytes < maxPipelinedBytes {
		return nil
	}
	return r.flush(ctx)
}

// flush runs the waiting statements.
func (r *runner) flush(ctx context.Context) error {
	if len(r.waiting) == 0 {
		return nil
	}
	p := r.conn.StartPipeline(ctx)
	for _, st := range r.waiting {
		p.SendQueryParams(st.Text, nil, nil, nil, nil)
	}
	err := p.Sync()
	for i := 0; err == nil && i < len(r.waiting); i++ {
		if err = r.result(p); err != nil {
			err = &failed{line: r.waiting[i].Line, err: err}
		}
	}
	r.waiting, r.bytes = r.waiting[:0], 0
	if closeErr := p.Close(); err == nil {
		err = closeErr
	}
	return err
}

// result reads the answer to one statement.
func (r *runner) result(p *pgconn.Pipeline) error {
	results, err := p.GetResults()
	if err != nil {
		return err
	}
	reader, ok := results.(*pgconn.ResultReader)
	if !ok {
		return fmt.Errorf("unexpected answer %T", results)
	}
	tag, err := reader.Close()
	if tag.Insert() {
		r.rows += tag.RowsAffected()
	}
	return err
}

// copy runs COPY … FROM stdin with the rows that follow it.
func (r *runner) copy(ctx context.Context, st step) error {
	first := st.rows.line
	// COPY uses the simple protocol, so Postgres is asked first whether this is
	// one command.
	if _, err := r.conn.Prepare(ctx, "", st.Text, nil); err != nil {
		return &failed{line: st.Line, err: err}
	}
	tag, err := r.conn.CopyFrom(ctx, st.rows, st.Text)
	r.rows += tag.RowsAffected()
	if err == nil {
		return nil
	}
	line := st.Line
	var e *pgconn.PgError
	if errors.As(err, &e) {
		if n, ok := copyLine(e.Where); ok {
			line = first + n - 1
		}
	}
	return &failed{line: line, err: err}
}

// copyContext matches the context in which Postgres names the line and column
// of COPY that are at fault.
var copyContext = regexp.MustCompile(`(?m)^COPY .*?, line (\d+)(?:, column (.*?))?(?::|$)`)

// copyLine reads the line out of the context of an error.
func copyLine(where string) (line int, ok bool) {
	m := copyContext.FindStringSubmatch(where)
	if m == nil {
		return 0, false
	}
	line, err := strconv.Atoi(m[1])
	return line, err == nil
}
