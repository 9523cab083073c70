package rawsql

import (
	"context"

	"github.com/insforge/insforge-go/primitives/database/session"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/database/values"
	"github.com/jackc/pgx/v5/pgconn"
)

// explain runs a statement for its plan.
const explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "

// pipelined is how many statements are sent before an answer is read.
const pipelined = 256

// connection is the session of one request.
type connection struct {
	*session.Session
	s        *Service
	prepared int // statements, so far
}

// raw is the connection below pgx, for statements whose results are streamed.
func (x *connection) raw() *pgconn.PgConn { return x.PgConn() }

// execute runs the statements with the extended protocol, so that the server
// checks that each is one command. The result is that of a single statement,
// and empty for several.
func (x *connection) execute(ctx context.Context, j job) (*Result, error) {
	if len(j.statements) > 1 {
		return x.several(ctx, j.statements)
	}
	statement := j.statements[0]
	prefix := ""
	if j.Explain {
		prefix = explain
	}
	sql := prefix + statement.Text
	var reader *pgconn.ResultReader
	if prepared, params, err := x.parameters(ctx, sql, j.Params); err != nil {
		return nil, locate(err, statement, len(prefix))
	} else if prepared != "" {
		reader = x.raw().ExecPrepared(ctx, prepared, params, nil, nil)
	} else {
		reader = x.raw().ExecParams(ctx, sql, params, nil, nil, nil)
	}
	result, err := x.s.collect(reader)
	return result, locate(err, statement, len(prefix))
}

// several runs statements for their effects.
func (x *connection) several(ctx context.Context, statements []sqltext.Statement) (*Result, error) {
	for len(statements) > 0 {
		n := min(len(statements), pipelined)
		if err := x.pipeline(ctx, statements[:n]); err != nil {
			return nil, x.s.sizeError(err)
		}
		statements = statements[n:]
	}
	return x.s.nothing()
}

// pipeline sends all statements at once and reads past their rows. The first
// failure is returned: the server skips what follows it.
func (x *connection) pipeline(ctx context.Context, statements []sqltext.Statement) (err error) {
	p := x.raw().StartPipeline(ctx)
	defer func() {
		if closing := p.Close(); err == nil {
			err = closing
		}
	}()
	for _, s := range statements {
		p.SendQueryParams(s.Text, nil, nil, nil, nil)
	}
	if err := p.Sync(); err != nil {
		return err
	}
	for _, s := range statements {
		results, err := p.GetResults()
		if err == nil {
			if reader, ok := results.(*pgconn.ResultReader); ok {
				_, err = reader.Close()
			}
		}
		if err != nil {
			return without(locate(err, s, 0))
		}
	}
	return nil
}

// collect reads the rows of a statement into a result.
func (s *Service) collect(reader *pgconn.ResultReader) (*Result, error) {
	r := s.newResult()
	rows := newRows(reader.FieldDescriptions())
	err := r.body.Text(`{"rows":[`)
	n := 0
	for err == nil && reader.NextRow() {
		if n++; n > s.limits.Rows || r.body.Len() > s.limits.Bytes {
			err = s.resultTooLarge()
			break
		}
		err = r.body.Append(func(b []byte) []byte { return rows.append(b, reader.Values()) })
	}
	if err != nil { // the session ends with rows unread
		r.Close()
		return nil, s.sizeError(err)
	}
	tag, err := reader.Close()
	if err == nil {
		r.rowCount = rowCount(tag.String())
		err = r.finish(rows.fields)
	}
	if err == nil && r.body.Len() > s.limits.Bytes {
		err = s.resultTooLarge()
	}
	if err != nil {
		r.Close()
		return nil, s.sizeError(err)
	}
	return r, nil
}

// rows writes rows as JSON objects.
type rows struct {
	fields []pgconn.FieldDescription
	keys   []key
	n      int
}

// key is a member of every row. Of several columns with one name the last
// gives the value.
type key struct {
	column int
	oid    uint32
	text   []byte // `"name":`
}

func newRows(fields []pgconn.FieldDescription) *rows {
	r := &rows{fields: fields}
	index := map[string]int{}
	for i, f := range fields {
		if k, ok := index[f.Name]; ok {
			r.keys[k].column, r.keys[k].oid = i, f.DataTypeOID
			continue
		}
		index[f.Name] = len(r.keys)
		r.keys = append(r.keys, key{column: i, oid: f.DataTypeOID, text: append(values.AppendString(nil, f.Name), ':')})
	}
	return r
}

func (r *rows) append(b []byte, row [][]byte) []byte {
	if r.n++; r.n > 1 {
		b = append(b, ',')
	}
	b = append(b, '{')
	for i, k := range r.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, k.text...)
		b = values.AppendJSON(b, k.oid, row[k.column])
	}
	return append(b, '}')
}
