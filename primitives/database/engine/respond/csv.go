package respond

import (
	"bytes"

	"github.com/jackc/pgx/v5/pgconn"
)

// AppendHeader appends the line of names that begins a CSV. Like PostgREST's,
// it has no quotes.
func AppendHeader(b []byte, fields []pgconn.FieldDescription) []byte {
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, f.Name...)
	}
	return b
}

// AppendRecord appends a row of a CSV, from the texts of its values. It is
// byte for byte what Postgres's record_out makes of the row, without the
// parentheses: NULL is nothing, and what could be misread is quoted, with its
// quotes and backslashes doubled.
func AppendRecord(b []byte, values [][]byte) []byte {
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case v == nil:
		case len(v) > 0 && !bytes.ContainsAny(v, "\"\\(), \t\n\v\f\r"):
			b = append(b, v...)
		default:
			b = append(b, '"')
			for _, c := range v {
				if c == '"' || c == '\\' {
					b = append(b, c)
				}
				b = append(b, c)
			}
			b = append(b, '"')
		}
	}
	return b
}
