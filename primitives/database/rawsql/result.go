package rawsql

import (
	"io"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/values"
	"github.com/insforge/insforge-go/primitives/kernel/spool"
	"github.com/jackc/pgx/v5/pgconn"
)

// Result is the JSON body of an answer.
type Result struct {
	body     *spool.Spool
	rowCount *int64 // nil for commands that count none
}

func (s *Service) newResult() *Result {
	return &Result{body: s.buffers.New(s.tempDir, s.limits.Bytes)}
}

// empty is the result of a text without statements.
func (s *Service) empty() (*Result, error) {
	r := s.newResult()
	err := r.body.Text(`{"rows":[`)
	if err == nil {
		err = r.finish(nil)
	}
	return r, err
}

// nothing is the result of several statements.
func (s *Service) nothing() (*Result, error) {
	r := s.newResult()
	return r, r.body.Text(`{"rows":[]}`)
}

// finish ends the body after the rows.
func (r *Result) finish(fields []pgconn.FieldDescription) error {
	return r.body.Append(func(b []byte) []byte {
		b = append(b, `],"rowCount":`...)
		if r.rowCount == nil {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendInt(b, *r.rowCount, 10)
		}
		b = append(b, `,"fields":[`...)
		for i, f := range fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = values.AppendString(append(b, `{"name":`...), f.Name)
			b = strconv.AppendUint(append(b, `,"dataTypeID":`...), uint64(f.DataTypeOID), 10)
			b = append(b, '}')
		}
		return append(b, "]}"...)
	})
}

// rowCount is the number at the end of a command tag: "INSERT 0 5", "SELECT
// 5"; nil for "CREATE TABLE".
func rowCount(tag string) *int64 {
	n, err := strconv.ParseInt(tag[strings.LastIndexByte(tag, ' ')+1:], 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// Len is the length of the body in bytes.
func (r *Result) Len() int64 { return r.body.Len() }

// WriteTo implements io.WriterTo.
func (r *Result) WriteTo(w io.Writer) (int64, error) { return r.body.WriteTo(w) }

// Close gives memory and disk back. The Result must not be used afterwards.
func (r *Result) Close() { r.body.Close() }
